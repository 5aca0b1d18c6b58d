"""Types of the extension module (`crates/turbo-py`); `mypy.stubtest` compares the two."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, final

@final
class Reactor:
    """What `turboapi.loop` runs in place of a selector's wait."""

    def __init__(self) -> None: ...
    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Tell it the loop that it serves."""
    def park(self, fd: int, timeout: float | None) -> bool:
        """Run the engine until the loop has work; whether `fd` became readable."""
    def wake(self) -> None:
        """End `park`."""
    def close(self) -> None:
        """Drop everything that runs on it."""

@final
class HttpServer:
    """Serves one ASGI 3 app on one loop.

    Every call belongs on the loop's thread, except `take_access_log`.
    """

    def __init__(
        self,
        event_loop: asyncio.AbstractEventLoop,
        app: Callable[
            [
                MutableMapping[str, Any],
                Callable[[], Awaitable[MutableMapping[str, Any]]],
                Callable[[MutableMapping[str, Any]], Awaitable[None]],
            ],
            Awaitable[None],
        ],
        *,
        root_path: str = ...,
        state: dict[str, Any] | None = ...,
        server_header: bool = ...,
        date_header: bool = ...,
        headers: list[tuple[bytes, bytes]] | None = ...,
        proxy_headers: bool = ...,
        forwarded_allow_ips: list[str] | None = ...,
        timeout_keep_alive: float = ...,
        timeout_header: float = ...,
        limit_concurrency: int | None = ...,
        limit_connections: int | None = ...,
        ws: bool = ...,
        ws_max_size: int = ...,
        ws_ping_interval: float | None = ...,
        ws_ping_timeout: float | None = ...,
        h11_max_incomplete_event_size: int | None = ...,
        access_log: bool = ...,
    ) -> None: ...
    @property
    def connections(self) -> int:
        """Open connections."""
    @property
    def requests_in_flight(self) -> int:
        """Request tasks that still run, background work included."""
    @property
    def total_requests(self) -> int:
        """Requests since the start."""
    def listen(self, fd: int) -> None:
        """Take over a listening socket and accept at once; may be called for several sockets."""
    def drain(self) -> None:
        """Stop accepting, close idle connections, let the others finish."""
    def disconnect(self) -> None:
        """Deliver `http.disconnect` and WebSocket close 1012 to what still runs."""
    def close(self) -> None:
        """Drop every connection."""
    def closed(self) -> asyncio.Future[None]:
        """Done when every connection is gone and every request task is finished."""
    def take_access_log(self, timeout: float) -> list[tuple[str, str, str, str, int]] | None:
        """Wait up to `timeout` seconds for rows (client, method, path, HTTP version, status).

        Returns None once the server is closed and everything was taken. For a writer thread.
        """
    def close_access_log(self) -> None:
        """No more rows will come: `take_access_log` hands out the rest, then None."""
