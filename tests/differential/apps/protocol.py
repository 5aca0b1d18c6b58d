"""A bare ASGI app: each path is one behaviour of an app towards the server. See `HANDLERS`."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import parse_qsl

from . import protocol_body, protocol_errors, protocol_headers, protocol_lifetime
from .protocol_common import Handler, Message, Receive, Send, reply

HANDLERS: dict[str, Handler] = {
    **protocol_body.HANDLERS,
    **protocol_errors.HANDLERS,
    **protocol_headers.HANDLERS,
    **protocol_lifetime.HANDLERS,
}


async def app(scope: Message, receive: Receive, send: Send) -> Any:
    """The ASGI app; returns what the handler returns, since some return what they must not."""
    if scope["type"] == "lifespan":
        # No lifespan support: mode `auto` has to go on without (trap 15).
        raise RuntimeError("lifespan is not supported")
    if scope["type"] != "http":
        raise RuntimeError("http only")
    query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
    path = scope["path"]
    if path == "/mark":
        logging.getLogger("uvicorn.error").info(query["text"])
        return await reply(send, b"marked")
    handler = HANDLERS.get(path)
    if handler is None:
        return await reply(send, b"not found: " + path.encode(), status=404)
    return await handler(scope, receive, send, query)
