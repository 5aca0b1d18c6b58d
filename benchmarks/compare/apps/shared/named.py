"""An application's own middleware."""

from __future__ import annotations

from typing import Any


class Named:
    """Pure ASGI middleware that adds a header."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def named(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-service", b"bench")]
            await send(message)

        await self.app(scope, receive, named)
