"""The `TestClient` class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

from starlette.testclient import TestClient as StockTestClient
from starlette.types import ASGIApp

from turboapi.testclient.transport import EngineTransport

if TYPE_CHECKING:
    import httpx2 as httpx

_LOOP_CHOICES = ("use_uvloop", "loop_factory")


class TestClient(StockTestClient):
    """Starlette's ``TestClient`` with the engine between the client and the app.

    All arguments are those of the stock client. ``backend`` and ``backend_options`` that choose another event
    loop than the engine's keep the stock transport.
    """

    __test__ = False

    def __init__(
        self,
        app: ASGIApp,
        base_url: str = "http://testserver",
        raise_server_exceptions: bool = True,
        root_path: str = "",
        backend: Literal["asyncio", "trio"] = "asyncio",
        backend_options: dict[str, Any] | None = None,
        cookies: httpx._types.CookieTypes | None = None,
        headers: dict[str, str] | None = None,
        follow_redirects: bool = True,
        client: tuple[str, int] = ("testclient", 50000),
    ) -> None:
        super().__init__(
            app,
            base_url=base_url,
            raise_server_exceptions=raise_server_exceptions,
            root_path=root_path,
            backend=backend,
            backend_options=backend_options,
            cookies=cookies,
            headers=headers,
            follow_redirects=follow_redirects,
            client=client,
        )
        options = backend_options or {}
        if backend != "asyncio" or any(options.get(choice) for choice in _LOOP_CHOICES):
            return
        # Imported here because the stock transport must work where the extension module is not built.
        from turboapi.loop import new_event_loop

        self.async_backend = {
            "backend": backend,
            "backend_options": {**options, "loop_factory": new_event_loop},
        }
        self._transport = EngineTransport(
            self.app,
            portal_factory=self._portal_factory,
            shared_portal=lambda: self.portal,
            raise_server_exceptions=raise_server_exceptions,
            root_path=root_path,
            client=client,
            app_state=self.app_state,
        )

    def __enter__(self) -> Self:
        super().__enter__()
        # Runs before the stock client sends lifespan.shutdown: the callbacks of an ExitStack go last in,
        # first out.
        self.exit_stack.callback(self._transport.close)
        return self
