"""`Config`: every option of a server, with uvicorn's names and defaults."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self, TypedDict, TypeVar

from turboapi._types import ASGIApp
from turboapi.apps import load_app
from turboapi.errors import STARTUP_FAILURE, UNSUPPORTED_OPTIONS, ConfigError, unsupported_option
from turboapi.logging import LOG_LEVELS, LOGGING_CONFIG, LogConfig, configure_logging, error_logger
from turboapi.message_log import message_log_wanted, with_message_log
from turboapi.middleware import BodyLimit, EngineLayer, LoadShedding, Metrics, RateLimit, RequestId, Timeout
from turboapi.middleware.layers import check_layers, combined
from turboapi.sync import SYNC_MODES, SyncMode

_Layer = TypeVar("_Layer", bound=EngineLayer)
LifespanType = Literal["auto", "on", "off"]
InterfaceType = Literal["auto", "asgi3", "asgi2"]
WSType = Literal["auto", "none"]


class ConfigOptions(TypedDict, total=False):
    """The keyword options of `Config`, for functions that pass them on."""

    uds: str | None
    fd: int | None
    ws: WSType
    ws_max_size: int
    ws_ping_interval: float | None
    ws_ping_timeout: float | None
    lifespan: LifespanType
    env_file: str | os.PathLike[str] | None
    log_config: LogConfig
    log_level: str | int | None
    access_log: bool
    use_colors: bool | None
    interface: InterfaceType
    reload: bool
    reload_dirs: list[str] | str | None
    reload_includes: list[str] | str | None
    reload_excludes: list[str] | str | None
    reload_delay: float
    workers: int | None
    threads: int | None
    proxy_headers: bool
    server_header: bool
    date_header: bool
    forwarded_allow_ips: list[str] | str | None
    root_path: str
    limit_concurrency: int | None
    limit_connections: int | None
    limit_request_body: int | None
    limit_in_flight: int | None
    rate_limit: str | None
    rate_limit_redis: str | None
    metrics_path: str | None
    metrics_port: int | None
    timeout_request: float | None
    forwarded_port: bool
    request_id: bool
    middleware: Sequence[EngineLayer]
    limit_max_requests: int | None
    limit_max_requests_jitter: int
    backlog: int
    timeout_keep_alive: float
    timeout_header: float
    timeout_graceful_shutdown: float | None
    headers: list[tuple[str, str]] | None
    app_dir: str | os.PathLike[str] | None
    factory: bool
    h11_max_incomplete_event_size: int | None
    sync_mode: SyncMode
    route_plans: bool


@dataclasses.dataclass
class Config:
    """The options of a server. Creating one sets up logging, as uvicorn's does.

    `app` is an ASGI app, a factory of one (`factory=True`), or the import string of either
    ("module:attribute"). Times are seconds, sizes bytes. Options that uvicorn does not have:

    - `threads`: event loops in one process, each on its own thread (free-threaded Python only);
    - `timeout_header`: how long a client may take to send a request's head;
    - `limit_connections`: connections above this number wait in the backlog;
    - `middleware`: layers of the engine (`turboapi.middleware`) that run before the app, in their own order;
      they replace those of the same kind in the app's attribute `engine_middleware`;
    - `limit_request_body`, `timeout_request`, `request_id`: short for `BodyLimit(n)`, `Timeout(seconds)` and
      `RequestId()` in `middleware`;
    - `forwarded_port`: a trusted proxy's `X-Forwarded-Port` becomes the port in the scope's `server`;
    - `limit_in_flight`: requests per event loop that may wait for the app, new ones get 503; 0 or None for
      no limit, `LoadShedding` in `middleware` for more settings;
    - `rate_limit` ("100/minute"), `rate_limit_redis` (URL): short for `RateLimit.parse(...)`;
    - `metrics_path`, `metrics_port`: short for `Metrics(path, port=port)`;
    - `sync_mode`: where `def` endpoints and dependencies run (`turboapi.sync`);
    - `route_plans`: whether the routes of a FastAPI app run from compiled plans (`turboapi.plans`).

    Raises `ConfigError` for a value that cannot apply and for an option of uvicorn that has no
    equivalent here (`turboapi.errors.UNSUPPORTED_OPTIONS`).
    """

    app: ASGIApp | Any | str
    host: str | None = "127.0.0.1"
    port: int = 8000
    _: dataclasses.KW_ONLY
    uds: str | None = None
    fd: int | None = None
    ws: WSType = "auto"
    ws_max_size: int = 16 * 1024 * 1024
    ws_ping_interval: float | None = 20.0
    ws_ping_timeout: float | None = 20.0
    lifespan: LifespanType = "auto"
    env_file: str | os.PathLike[str] | None = None
    log_config: LogConfig = dataclasses.field(default_factory=lambda: LOGGING_CONFIG)
    log_level: str | int | None = None
    access_log: bool = True
    use_colors: bool | None = None
    interface: InterfaceType = "auto"
    reload: bool = False
    reload_dirs: list[str] | str | None = None
    reload_includes: list[str] | str | None = None
    reload_excludes: list[str] | str | None = None
    reload_delay: float = 0.25
    workers: int | None = None
    threads: int | None = None
    proxy_headers: bool = True
    server_header: bool = True
    date_header: bool = True
    forwarded_allow_ips: list[str] | str | None = None
    root_path: str = ""
    limit_concurrency: int | None = None
    limit_connections: int | None = None
    limit_request_body: int | None = None
    limit_in_flight: int | None = 512
    rate_limit: str | None = None
    rate_limit_redis: str | None = None
    metrics_path: str | None = None
    metrics_port: int | None = None
    timeout_request: float | None = None
    forwarded_port: bool = False
    request_id: bool = False
    middleware: Sequence[EngineLayer] = ()
    limit_max_requests: int | None = None
    limit_max_requests_jitter: int = 0
    backlog: int = 2048
    timeout_keep_alive: float = 5
    timeout_header: float = 30
    timeout_graceful_shutdown: float | None = None
    headers: list[tuple[str, str]] | None = None
    app_dir: str | os.PathLike[str] | None = None
    factory: bool = False
    h11_max_incomplete_event_size: int | None = None
    sync_mode: SyncMode = "adaptive"
    route_plans: bool = True

    loaded_app: ASGIApp | None = dataclasses.field(default=None, init=False, repr=False)
    layers: list[EngineLayer] = dataclasses.field(default_factory=list, init=False, repr=False)
    """The engine's layers, outermost first: this configuration's, and once loaded the app's too."""

    def __new__(cls, *_args: object, **options: object) -> Self:
        for name, value in options.items():
            if name in UNSUPPORTED_OPTIONS:
                raise unsupported_option(name, value)
        return super().__new__(cls)

    def __post_init__(self) -> None:
        self._check_choices()
        configure_logging(
            self.log_config, self.log_level, use_colors=self.use_colors, access_log=self.access_log
        )
        if self.env_file is not None:
            self._load_env_file(self.env_file)
        if self.workers is None and not self.threads and not self.reload:
            self.workers = _int_from_environment("WEB_CONCURRENCY")
        self._check_numbers()
        self._check_combinations()
        self._check_layers()
        if self.forwarded_allow_ips is None:
            self.forwarded_allow_ips = os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1,::1")

    @property
    def loaded(self) -> bool:
        """Whether `load` has run."""
        return self.loaded_app is not None

    def load(self) -> ASGIApp:
        """Import the app, call its factory, adapt ASGI 2; the result is kept.

        A failure is logged and ends the process with exit code 3 (`SystemExit`), as in uvicorn.
        """
        if self.loaded_app is None:
            app = load_app(self.app, factory=self.factory, interface=self.interface)
            try:
                self.layers = combined(app_layers(app), self.layers)
            except ConfigError as error:
                error_logger.error("Error loading ASGI app. %s", error)
                sys.exit(STARTUP_FAILURE)
            self.loaded_app = with_message_log(app) if message_log_wanted() else app
        return self.loaded_app

    @property
    def trusted_proxies(self) -> list[str]:
        """`forwarded_allow_ips` as a list."""
        value = self.forwarded_allow_ips or []
        items = value.split(",") if isinstance(value, str) else value
        return [item.strip() for item in items]

    @property
    def encoded_headers(self) -> list[tuple[bytes, bytes]]:
        """`headers` as they go out: names in lower case, latin-1."""
        return [
            (name.strip().lower().encode("latin-1"), value.strip().encode("latin-1"))
            for name, value in self.headers or []
        ]

    def engine_options(self) -> dict[str, Any]:
        """The keyword arguments of `turboapi._engine.HttpServer`, apart from `state` and `access_log`."""
        headers = self.encoded_headers
        return {
            "root_path": self.root_path,
            "server_header": self.server_header and not any(name == b"server" for name, _ in headers),
            "date_header": self.date_header,
            "headers": headers,
            "proxy_headers": self.proxy_headers,
            "forwarded_allow_ips": self.trusted_proxies,
            "forwarded_port": self.forwarded_port,
            "timeout_keep_alive": float(self.timeout_keep_alive),
            "timeout_header": float(self.timeout_header),
            "limit_concurrency": self.limit_concurrency,
            "limit_connections": self.limit_connections,
            "ws": self.ws != "none",
            "ws_max_size": self.ws_max_size,
            "ws_ping_interval": self.ws_ping_interval,
            "ws_ping_timeout": self.ws_ping_timeout,
            "h11_max_incomplete_event_size": self.h11_max_incomplete_event_size,
            "layers": {
                layer.name: layer.settings() for layer in self.layers if not isinstance(layer, LoadShedding)
            },
            "load_shedding": self._load_shedding(),
        }

    def layer(self, kind: type[_Layer]) -> _Layer | None:
        """The engine's layer of this kind, if there is one."""
        return next((layer for layer in self.layers if isinstance(layer, kind)), None)

    def _load_shedding(self) -> tuple[int, list[str], int] | None:
        given = self.layer(LoadShedding)
        if given is not None:
            return given.engine_value()
        return LoadShedding(self.limit_in_flight).engine_value() if self.limit_in_flight else None

    def options(self) -> dict[str, Any]:
        """The constructor's arguments for an equal configuration, `env_file` already applied."""
        names = (field.name for field in dataclasses.fields(self) if field.init)
        return {name: getattr(self, name) for name in names} | {"env_file": None}

    def check_import_string(self) -> None:
        """Raise `ConfigError` if fresh processes are asked for and the app is an object, not its name."""
        if isinstance(self.app, str) or not (self.reload or (self.workers or 1) > 1):
            return
        option = "reload" if self.reload else f"workers={self.workers}"
        raise ConfigError(
            f"{option} starts fresh processes that have to import the app: pass it as an import string, "
            'for example turboapi.run("main:app").'
        )

    def _load_env_file(self, path: str | os.PathLike[str]) -> None:
        try:
            from dotenv import load_dotenv
        except ImportError:
            raise ConfigError("env_file needs python-dotenv: pip install 'turboapi[standard]'") from None
        if not Path(path).is_file():
            raise ConfigError(f"env_file: there is no file {os.fspath(path)!r}")
        error_logger.info("Loading environment from '%s'", os.fspath(path))
        load_dotenv(dotenv_path=path)

    def _check_choices(self) -> None:
        for name, allowed in (
            ("ws", ("auto", "none")),
            ("lifespan", ("auto", "on", "off")),
            ("interface", ("auto", "asgi3", "asgi2")),
            ("sync_mode", SYNC_MODES),
        ):
            value = getattr(self, name)
            if value not in allowed:
                hint = " Wrap a WSGI app with a2wsgi.WSGIMiddleware." if value == "wsgi" else ""
                raise ConfigError(f"{name} is {value!r}; use one of {', '.join(allowed)}.{hint}")
        if isinstance(self.log_level, str) and self.log_level.lower() not in LOG_LEVELS:
            raise ConfigError(f"log_level is {self.log_level!r}; use one of {', '.join(LOG_LEVELS)}.")
        for header in self.headers or []:
            if len(header) != 2 or not header[0].strip():
                raise ConfigError(f"headers has {header!r}; each one is a pair (name, value).")

    def _check_numbers(self) -> None:
        for name, least in (
            ("port", 0),
            ("workers", 1),
            ("threads", 1),
            ("backlog", 1),
            ("limit_concurrency", 1),
            ("limit_connections", 1),
            ("limit_request_body", 0),
            ("limit_in_flight", 0),
            ("metrics_port", 0),
            ("limit_max_requests", 1),
            ("limit_max_requests_jitter", 0),
            ("timeout_keep_alive", 0),
            ("timeout_header", 0),
            ("timeout_graceful_shutdown", 0),
            ("reload_delay", 0),
            ("ws_max_size", 1),
            ("h11_max_incomplete_event_size", 1),
        ):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ConfigError(f"{name} is {value}; it must be at least {least}.")
        if self.port > 65535:
            raise ConfigError(f"port is {self.port}; it must be at most 65535.")

    def _check_layers(self) -> None:
        check_layers("middleware", self.middleware)
        short: dict[str, EngineLayer] = {}
        if self.request_id:
            short["request_id"] = RequestId()
        if self.limit_request_body is not None:
            short["limit_request_body"] = BodyLimit(self.limit_request_body)
        if self.timeout_request is not None:
            short["timeout_request"] = Timeout(self.timeout_request)
        if self.rate_limit is not None:
            short["rate_limit"] = RateLimit.parse(self.rate_limit, redis=self.rate_limit_redis)
        elif self.rate_limit_redis is not None:
            raise ConfigError("rate_limit_redis needs rate_limit.")
        if self.metrics_path is not None or self.metrics_port is not None:
            short["metrics"] = Metrics(self.metrics_path, port=self.metrics_port)
        for option, layer in short.items():
            if any(type(other) is type(layer) for other in self.middleware):
                kind = type(layer).__name__
                raise ConfigError(
                    f"{option} and {kind} in middleware are the same setting; give one of them."
                )
        self.layers = combined(self.middleware, short.values())

    def _check_combinations(self) -> None:
        if self.uds is not None and self.fd is not None:
            raise ConfigError("uds and fd both name the socket to serve; give one of them.")
        several = (self.workers or 1) > 1
        if self.reload and several:
            raise ConfigError("workers cannot be combined with reload: reloading runs one process.")
        if self.threads and self.threads > 1:
            if several or self.reload:
                other = "reload" if self.reload else "workers"
                raise ConfigError(f"threads cannot be combined with {other}; choose one of them.")
            if self.limit_max_requests is not None:
                raise ConfigError(
                    "limit_max_requests cannot be combined with threads: nothing restarts a thread."
                )
        if not self.reload and (self.reload_dirs or self.reload_includes or self.reload_excludes):
            raise ConfigError("reload_dirs, reload_includes and reload_excludes need reload=True.")
        if self.limit_max_requests_jitter and self.limit_max_requests is None:
            raise ConfigError("limit_max_requests_jitter needs limit_max_requests.")


def app_layers(app: object) -> Sequence[EngineLayer]:
    """The layers that an app has in its attribute `engine_middleware`; `ConfigError` for anything else."""
    layers: Sequence[EngineLayer] = getattr(app, "engine_middleware", ())
    check_layers("engine_middleware", layers)
    return layers


def _int_from_environment(name: str) -> int | None:
    text = os.environ.get(name)
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        raise ConfigError(f"The environment variable {name} is {text!r}; it must be a number.") from None
