"""HttpArena's application on a server that offers no ``http.response.pathsend``."""

from __future__ import annotations

from typing import Any

import arena

EXTENSION = "http.response.pathsend"


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """The application, which is not told of the extension."""
    extensions = {name: facts for name, facts in scope.get("extensions", {}).items() if name != EXTENSION}
    await arena.app({**scope, "extensions": extensions}, receive, send)
