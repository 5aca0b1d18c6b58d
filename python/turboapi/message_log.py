"""`--log-level trace`: every ASGI message in the log, on `uvicorn.asgi` and in uvicorn's format."""

from __future__ import annotations

import itertools
import logging

from turboapi._types import ASGIApp, Message, Receive, Scope, Send
from turboapi.logging import TRACE_LOG_LEVEL, error_logger

_logger = logging.getLogger("uvicorn.asgi")

_PLACEHOLDERS = {"body": "<%d bytes>", "bytes": "<%d bytes>", "text": "<%d chars>", "headers": "<...>"}


def message_log_wanted() -> bool:
    """Whether the log level is low enough."""
    return error_logger.getEffectiveLevel() <= TRACE_LOG_LEVEL


def with_message_log(app: ASGIApp) -> ASGIApp:
    """`app`, with its calls numbered and its scopes, messages and outcomes logged; bodies only by length."""
    numbers = itertools.count(1)

    async def logged(scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        caller = f"{client[0]}:{client[1]} - ASGI" if client else "ASGI"
        prefix = f"{caller} [{next(numbers)}]"

        async def logged_receive() -> Message:
            message = await receive()
            _logger.log(TRACE_LOG_LEVEL, "%s Receive %s", prefix, _abridged(message))
            return message

        async def logged_send(message: Message) -> None:
            _logger.log(TRACE_LOG_LEVEL, "%s Send %s", prefix, _abridged(message))
            await send(message)

        _logger.log(TRACE_LOG_LEVEL, "%s Started scope=%s", prefix, _abridged(scope))
        try:
            await app(scope, logged_receive, logged_send)
        except BaseException:
            _logger.log(TRACE_LOG_LEVEL, "%s Raised exception", prefix)
            raise
        _logger.log(TRACE_LOG_LEVEL, "%s Completed", prefix)

    return logged


def _abridged(message: Message) -> dict[str, object]:
    abridged = dict(message)
    for key, placeholder in _PLACEHOLDERS.items():
        if (value := message.get(key)) is not None:
            abridged[key] = placeholder % len(value) if "%" in placeholder else placeholder
    return abridged
