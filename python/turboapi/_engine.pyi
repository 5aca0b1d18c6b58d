"""Types of the extension module (`crates/turbo-py`); `make lint` compares the two with stubtest."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from types import ModuleType
from typing import Any, Literal, ParamSpec, Self, TypeVar, final

from fastapi import FastAPI
from starlette.responses import Response

from turboapi.plans.compiler import CompiledRoute
from turboapi.plans.dispatch.exchange import Exchange
from turboapi.plans.responses import ResponseSpec
from turboapi.plans.specs import BodySpec, ParameterSpec
from turboapi.plans.stacks import MiddlewareStack

__all__ = [
    "ClientDisconnected",
    "Encoder",
    "Extractor",
    "HttpServer",
    "MetricsRecorder",
    "Pace",
    "PlanTable",
    "RateLimitBuckets",
    "Reactor",
    "Router",
    "__version__",
    "answer_natively",
    "build_profile",
    "encode_http_exception",
    "encode_json",
]

_P = ParamSpec("_P")
_R = TypeVar("_R")

__version__: str
"""The version of the engine, the same as of the package."""

build_profile: str
"""Cargo's profile: "debug" or "release"."""

class ClientDisconnected(OSError):
    """What `send` raises when the client has gone (ASGI specification 2.4, `send` after a disconnect)."""

def answer_natively(loop_class: type[asyncio.BaseEventLoop]) -> None:
    """Give a class of loops `get_debug` and `is_running` in C: asyncio asks them for each task."""

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
        forwarded_port: bool = ...,
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
        plans: PlanTable | None = ...,
        layers: dict[str, dict[str, Any]] | None = ...,
        load_shedding: tuple[int, list[str], int] | None = ...,
    ) -> Self:
        """`load_shedding` is a limit, the paths that it does not concern, and seconds for `Retry-After`."""
    @property
    def connections(self) -> int:
        """Open connections."""
    @property
    def requests_in_flight(self) -> int:
        """Request tasks that still run, background work included."""
    @property
    def requests_waiting(self) -> int:
        """Requests that the app has not begun to answer; 0 without `load_shedding`."""
    @property
    def requests_refused(self) -> int:
        """Requests that `load_shedding` has refused."""
    @property
    def total_requests(self) -> int:
        """Requests since the start."""
    def listen(self, fd: int) -> None:
        """Take over a listening socket and accept at once; may be called for several sockets."""
    def listen_metrics(self, fd: int) -> None:
        """Take over a listening socket and answer `GET /metrics` on it; there must be a layer of metrics."""
    def drain(self) -> None:
        """Stop accepting, close idle connections, let the others finish."""
    def disconnect(self) -> None:
        """Deliver `http.disconnect` and WebSocket close 1012 to what still runs."""
    def close(self) -> None:
        """Drop every connection."""
    def closed(self) -> asyncio.Future[None]:
        """Done when every connection is gone and every request task is finished."""
    def take_access_log(self, timeout: float) -> list[tuple[str, str, str, str, int, str | None]] | None:
        """Wait up to `timeout` seconds for rows (client, method, path, HTTP version, status, request id).

        Returns None once the server is closed and everything was taken. For a writer thread.
        """
    def close_access_log(self) -> None:
        """No more rows will come: `take_access_log` hands out the rest, then None."""

@final
class MetricsRecorder:
    """The metrics of one or more servers of a process. Every method may be called from any thread."""

    def __new__(cls, routes: int = ...) -> Self:
        """More than `routes` routes share a label."""
    def add_source(
        self, source: Callable[[], list[tuple[str, str, str, list[tuple[str, str]], float]]]
    ) -> None:
        """Have `source` called for each page.

        Its rows are name (a counter's without "_total"), help, "gauge" or "counter", labels, value; those of
        one metric follow each other.
        """
    def page(self, *, openmetrics: bool = ...) -> str:
        """The metrics in the Prometheus text format, or in that of OpenMetrics."""

@final
class RateLimitBuckets:
    """Buckets of a rate limit in memory, which several servers of a process can share."""

    def __new__(cls, max_keys: int = ...) -> Self:
        """At most about `max_keys` buckets that are not full."""
    def __len__(self) -> int:
        """Buckets in memory."""

@final
class Pace:
    """Where one sync callable runs: on the thread pool, or inline on the event loop's thread.

    In the mode "adaptive" it starts on the pool and learns from the calls. Every method may be called from
    any thread.
    """

    def __new__(cls, name: str, mode: str) -> Self:
        """`mode` is "adaptive", "inline" or "threads"; `ValueError` for anything else."""
    @property
    def name(self) -> str:
        """What the callable is called in `state()`."""
    @property
    def mode(self) -> Literal["adaptive", "inline", "threads"]:
        """The mode it was made with."""
    @property
    def inline(self) -> bool:
        """Whether the next call is to run inline, with `call`; otherwise on the pool, with `timed`."""
    def call(self, callable: Callable[_P, _R], /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        """Call inline: in a copy of the current context, with no event loop running."""
    def timed(self, callable: Callable[_P, _R]) -> Callable[_P, _R]:
        """The same callable for the thread pool; it takes note of how long it ran."""
    def state(self) -> dict[str, Any]:
        """What was learned so far.

        "name", "mode"; "state": "threads", "inline" or "demoted"; the counts "inline_calls",
        "threaded_calls", "promotions", "demotions"; "recent_max_ns": the longest call of the last minutes, in
        nanoseconds; "demoted_for": seconds until it may run inline again.
        """

@final
class PlanTable:
    """The plans of one application, and the ASGI callable that stands in its router's place."""

    def __new__(cls, refresh: Callable[[], None], router: object, runtime: ModuleType) -> Self:
        """`refresh` compiles anew and calls `set` or `clear`; `router` is who answers without plans.

        `runtime` is `turboapi.plans.runtime`.
        """
    def set(
        self,
        declared: list[tuple[tuple[str, ...] | None, str, Callable[[], CompiledRoute | None] | None]],
        watches: list[tuple[Any, ...]],
        app: FastAPI,
        app_router: object,
        stack: MiddlewareStack,
    ) -> None:
        """Take what was compiled: methods (None for all), path template and compiler of each route, in order.

        The compiler of a route is called for its first request; None in its place leaves the route to
        `app_router`. `watches` say what must stay as it is: `("item", dict, key)`, `("list", list)`,
        `("dict", dict)`, `("attribute", object, name, expected)`. `stack` is what `app` has
        around `app_router`.
        """
    def clear(self, watches: list[tuple[Any, ...]]) -> None:
        """Leave everything to the router; compile anew once something of `watches` has changed."""
    def ensure(self) -> bool:
        """Compile anew if the application has changed; whether there are plans now."""
    def served(self) -> list[int]:
        """Requests served by the present plan of each route, in the order of `set`."""
    def counts(self) -> dict[Literal["native", "python", "refused", "unplanned", "off", "middleware"], int]:
        """HTTP requests since the table was made, by who served them.

        Plans of the two tiers; or FastAPI's router, because the plan refused the request, because there is
        none for it, or because there are no plans at all; or stock middleware in the engine, before all that.
        """
    def answering(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
        entry: object,
        exchange: Exchange,
    ) -> Coroutine[Any, Any, None] | None:
        """The child of `exchange`: what answers a request behind `entry`, FastAPI's own innermost middleware,
        without calling that.

        None if no plan serves the request. `exchange.conclude` takes a response of which nothing is left to
        do afterwards: status, headers and body; what it returns, if anything, is awaited. Other responses
        are sent, and exceptions go through `entry`. The end of the child, unless that was `conclude`, is told
        by `exchange.ended`, or by `exchange.breaking` for what is no `Exception`.
        """
    def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> Awaitable[None]: ...

@final
class Extractor:
    """Extracts and validates the parameters and the body of one route."""

    def __new__(cls, parameters: list[ParameterSpec], body: BodySpec | None) -> Self: ...
    def from_scope(
        self, scope: dict[str, Any], path_params: dict[str, Any], body: object
    ) -> list[Any] | None:
        """The values of parameters and body fields, for what FastAPI's handler has: parameters that Starlette
        converted, and the parsed body or pydantic's `Undefined`.

        None refuses: something is missing, invalid or in doubt.
        """
    def from_request(
        self,
        query: str,
        headers: list[tuple[bytes, bytes]],
        path: list[tuple[str, str]],
        body: bytes | None = None,
    ) -> list[Any] | None:
        """The same for a request as the engine has it; `path` holds convertor and text in template order."""

@final
class Encoder:
    """Turns what the endpoint of one route returned into an answer."""

    def __new__(cls, spec: ResponseSpec) -> Self: ...
    def encode(
        self, raw: object, injected: Response | None = None, method: str = "GET", root_path: str = ""
    ) -> tuple[int, list[tuple[bytes, bytes]], bytes] | Response:
        """Status, headers and body; or the `Response` that only its own `__call__` can send.

        `injected` is the object of the endpoint's `Response` parameter; method and root path are for the
        words of a `ResponseValidationError`.
        """

    def wants_thread(self, raw: object) -> bool:
        """Whether validating `raw`, which a `def` endpoint returned, may run code of the application.

        FastAPI validates such a value in a worker thread.
        """
    def validate(self, raw: object, method: str, root_path: str) -> Any:
        """The response model's version of `raw`; raises what FastAPI raises."""

def encode_http_exception(
    exception: BaseException,
) -> tuple[int, list[tuple[bytes, bytes]], bytes] | None:
    """What FastAPI's own handler answers to an exact `HTTPException`; None where only calling it can tell."""

def encode_json(value: object) -> bytes | None:
    """The JSON text that a FastAPI route without a response model makes of `value`.

    None when that needs Python code: for anything but trees of exact builtins, for NaN and the infinities,
    for lone surrogates, and below a hundred levels.
    """

@final
class Router:
    """The router behind route plans, for tests that compare it with Starlette's."""

    def __new__(cls, routes: list[tuple[list[str] | None, str]]) -> Self:
        """Takes methods and template of each route; no methods are all methods.

        Raises `ValueError` for a template that Starlette refuses or takes for the name of a host.
        """
    def at(self, method: str, path: str) -> tuple[Literal["full", "partial"], int, dict[str, str]] | None:
        """How a decoded path matches, the number of the route, and the text of its parameters."""
