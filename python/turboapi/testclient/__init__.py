"""A drop-in for ``fastapi.testclient`` whose requests travel over a real socket to an engine in this process.

    from turboapi.testclient import TestClient

Signature, attributes and behaviour are those of Starlette's ``TestClient``, which this one subclasses; what
changes is the road from the client to the app. Each request is written to a Unix socket, parsed, scheduled
and answered by ``turboapi._engine.HttpServer`` on a ``turboapi.loop`` event loop, and the response is
parsed back from the bytes that the engine wrote.

What no socket carries takes a side channel (module `exchange`): scope values that a test chooses (client
address, https, ``root_path``, lifespan state), the exception object to raise again in the test, the end of
background work, and the close code of a WebSocket that was never accepted.

Requests go through the stock transport, without the engine, when the arguments ask for an event loop that is
not the engine's: ``backend="trio"``, or ``backend_options`` with ``use_uvloop`` or ``loop_factory``.

Needs the ``testclient`` extra: Starlette's client builds on httpx2 (or httpx), ``websockets`` reads and
writes the frames of WebSocket sessions.
"""

from starlette.testclient import WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from turboapi.testclient.client import TestClient
from turboapi.testclient.websocket import WebSocketTestSession

__all__ = ["TestClient", "WebSocketDenialResponse", "WebSocketDisconnect", "WebSocketTestSession"]
