"""Types of the extension module (`crates/turbo-py`); `make lint` compares the two with stubtest."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Self, final

__all__ = ["ClientDisconnected", "HttpServer", "Reactor", "__version__", "build_profile"]

__version__: str
"""The version of the engine, the same as of the package."""

build_profile: str
"""Cargo's profile: "debug" or "release"."""

class ClientDisconnected(OSError):
    """What `send` raises when the client has gone (ASGI specification 2.4, `send` after a disconnect)."""

@final
class Reactor:
    """What `turboapi.loop` runs in place of a selector's wait."""

    def __new__(cls) -> Self: ...
    def bind(self, event_loop: asyncio.AbstractEventLoop) -> None:
        """Tie it to the loop that it serves; called once, by the loop's constructor."""
    def park(self, poller: int, timeout: float | None) -> bool:
        """Run the engine until the loop has work; true when `poller` has events to fetch.

        `timeout` is in seconds; None waits for ever, zero or less polls.
        """
    def wake(self) -> None:
        """End the current or the next `park`."""
    def sleep(self, seconds: float) -> Awaitable[None]:
        """An awaitable that completes after `seconds` on the engine's own clock."""
    def close(self) -> None:
        """Drop everything that runs on it; further calls raise `RuntimeError`."""

@final
class HttpServer:
    """Serves one ASGI 3 app on one loop.

    Every call belongs on the loop's thread, except `take_access_log`.
    """

    def __new__(
        cls,
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
    ) -> Self: ...
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
