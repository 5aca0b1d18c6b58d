"""The command `turboapi`: `run` and `dev` with uvicorn's options and environment variables, and `explain`."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

import turboapi
from turboapi.apps import load_app
from turboapi.config import Config
from turboapi.errors import UNSUPPORTED_OPTIONS, ConfigError
from turboapi.logging import LOG_LEVELS, LOGGING_CONFIG, configure_logging
from turboapi.main import serve
from turboapi.sync import SYNC_MODES, SyncMode

_F = TypeVar("_F", bound=Callable[..., Any])

_HARMLESS = {
    "loop": ("auto",),
    "http": ("auto",),
    "http2": ("0", "false"),
    "ws_max_queue": ("32",),
    "ws_per_message_deflate": ("0", "false"),
    "reset_contextvars": ("0", "false"),
    "timeout_worker_healthcheck": ("5",),
}
"""Values of uvicorn's other options that ask for nothing; they may stay in scripts and environments."""


class _ServerCommand(click.Command):
    """A command whose options are read from TURBOAPI_<NAME> and UVICORN_<NAME> too, in this order."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for parameter in self.params:
            if parameter.name and parameter.expose_value:
                name = parameter.name.upper()
                parameter.envvar = [f"TURBOAPI_{name}", f"UVICORN_{name}"]


def _print_version(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        python = f"{platform.python_implementation()} {platform.python_version()}"
        click.echo(f"Running turboapi {turboapi.__version__} with {python} on {platform.system()}")
        context.exit()


def _headers(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> Any:
    for value in values:
        if ":" not in value:
            raise click.BadParameter(f"{value!r} is not a Name:Value pair.")
    return [tuple(value.split(":", 1)) for value in values]


def _reject(_context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    name = parameter.name or ""
    if value is not None and value.lower() not in _HARMLESS.get(name, ()):
        option = parameter.opts[0]
        raise click.UsageError(f"{option} is not available: {UNSUPPORTED_OPTIONS[name]}. Remove the option.")


_VERSION = click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Display the version and exit.",
)

_SYNC_MODE = click.option(
    "--sync-mode",
    type=click.Choice(list(SYNC_MODES)),
    default="adaptive",
    show_default=True,
    help="Where def endpoints and dependencies run: inline once their calls have proved quick, always "
    "inline, or always on threads.",
)
_APP_DIR = click.option(
    "--app-dir",
    default="",
    help="Look for APP in this directory. [default: the current directory]",
)
_FACTORY = click.option(
    "--factory", is_flag=True, help="Treat APP as a factory, a callable that returns the app."
)

_SERVER_OPTIONS: list[Callable[[Any], Any]] = [
    click.argument("app"),
    click.option("--host", default="127.0.0.1", show_default=True, help="Bind socket to this host."),
    click.option(
        "--port",
        type=int,
        default=8000,
        show_default=True,
        help="Bind socket to this port. If 0, an available port will be picked.",
    ),
    click.option("--uds", default=None, help="Bind to a UNIX domain socket."),
    click.option("--fd", type=int, default=None, help="Use the socket with this file descriptor."),
    click.option(
        "--ws",
        type=click.Choice(["auto", "none"]),
        default="auto",
        show_default=True,
        help="Serve WebSockets, or treat their handshakes as plain requests.",
    ),
    click.option(
        "--ws-max-size",
        type=int,
        default=16777216,
        show_default=True,
        help="Maximum size of a WebSocket message, in bytes.",
    ),
    click.option(
        "--ws-ping-interval",
        type=float,
        default=20.0,
        show_default=True,
        help="Seconds between WebSocket pings.",
    ),
    click.option(
        "--ws-ping-timeout",
        type=float,
        default=20.0,
        show_default=True,
        help="Seconds to wait for a WebSocket pong.",
    ),
    click.option(
        "--lifespan",
        type=click.Choice(["auto", "on", "off"]),
        default="auto",
        show_default=True,
        help="Whether the app has start-up and shutdown code.",
    ),
    click.option(
        "--interface",
        type=click.Choice(["auto", "asgi3", "asgi2"]),
        default="auto",
        show_default=True,
        help="The ASGI version of the app.",
    ),
    click.option(
        "--env-file",
        type=click.Path(exists=True),
        default=None,
        help="File of environment variables (needs python-dotenv).",
    ),
    click.option(
        "--log-config",
        type=click.Path(exists=True),
        default=None,
        help="Logging configuration file: .json, .yaml or the .ini format of logging.config.",
    ),
    click.option(
        "--log-level",
        type=click.Choice(list(LOG_LEVELS), case_sensitive=False),
        default=None,
        help="Log level. [default: info]",
    ),
    click.option("--access-log/--no-access-log", default=True, help="Enable/Disable the access log."),
    click.option("--use-colors/--no-use-colors", default=None, help="Enable/Disable colors in the log."),
    click.option(
        "--proxy-headers/--no-proxy-headers",
        default=True,
        help="Enable/Disable X-Forwarded-Proto and X-Forwarded-For for the scheme and the client's address.",
    ),
    click.option(
        "--forwarded-allow-ips",
        default=None,
        help="Comma separated IP addresses, networks and literals to trust with proxy headers; '*' trusts "
        "everything. [default: $FORWARDED_ALLOW_IPS, or '127.0.0.1,::1']",
    ),
    click.option(
        "--forwarded-port/--no-forwarded-port",
        default=False,
        help="Take the server's port from X-Forwarded-Port of trusted proxies.",
    ),
    click.option(
        "--server-header/--no-server-header", default=True, help="Enable/Disable the Server header."
    ),
    click.option("--date-header/--no-date-header", default=True, help="Enable/Disable the Date header."),
    click.option(
        "--header",
        "headers",
        multiple=True,
        callback=_headers,
        help="A further header for every response, as Name:Value. May be repeated.",
    ),
    click.option("--root-path", default="", help="ASGI 'root_path' of an app below a given URL path."),
    click.option(
        "--limit-concurrency",
        type=int,
        default=None,
        help="Connections or tasks above this number get HTTP 503 responses.",
    ),
    click.option(
        "--limit-connections",
        type=int,
        default=None,
        help="Connections above this number wait in the backlog.",
    ),
    click.option(
        "--limit-request-body",
        type=int,
        default=None,
        help="Request bodies above this number of bytes get HTTP 413 responses.",
    ),
    click.option(
        "--limit-in-flight",
        type=int,
        default=512,
        show_default=True,
        help="Requests above this number that wait for the app get HTTP 503, per event loop; 0: no limit.",
    ),
    click.option(
        "--rate-limit",
        metavar="N/UNIT",
        default=None,
        help="Requests per client address and time, such as 100/minute; others get HTTP 429 responses.",
    ),
    click.option(
        "--rate-limit-redis",
        metavar="URL",
        default=None,
        help="Count for --rate-limit in this Redis, for several processes and machines.",
    ),
    click.option(
        "--metrics-path",
        metavar="PATH",
        default=None,
        help="Serve metrics for Prometheus at this path of the app's own address.",
    ),
    click.option(
        "--metrics-port",
        type=int,
        default=None,
        help="Serve metrics at /metrics on this port of 127.0.0.1; each further worker takes the next port.",
    ),
    click.option(
        "--request-id/--no-request-id",
        default=False,
        help="Accept or make an X-Request-ID for every request, and log it.",
    ),
    click.option(
        "--backlog",
        type=int,
        default=2048,
        show_default=True,
        help="Maximum number of connections that wait to be accepted.",
    ),
    click.option(
        "--timeout-keep-alive",
        type=float,
        default=5,
        show_default=True,
        help="Seconds after which an idle connection is closed.",
    ),
    click.option(
        "--timeout-header",
        type=float,
        default=30,
        show_default=True,
        help="Seconds a client has to send the head of a request.",
    ),
    click.option(
        "--timeout-request",
        type=float,
        default=None,
        help="Seconds an app has to begin its response; then HTTP 503 is sent. [default: no limit]",
    ),
    click.option(
        "--timeout-graceful-shutdown",
        type=float,
        default=None,
        help="Seconds that running requests have to end when the server stops. [default: no limit]",
    ),
    click.option(
        "--h11-max-incomplete-event-size",
        type=int,
        default=None,
        help="Maximum size of a request's head, in bytes.",
    ),
    _SYNC_MODE,
    click.option(
        "--route-plans/--no-route-plans",
        default=True,
        help="Run the routes of FastAPI apps from compiled plans, or leave everything to FastAPI.",
    ),
    _APP_DIR,
    _FACTORY,
]

_RELOAD_OPTIONS: list[Callable[[Any], Any]] = [
    click.option(
        "--reload-dir",
        "reload_dirs",
        multiple=True,
        type=click.Path(exists=True, file_okay=False),
        help="Watch this directory in place of the current one. May be repeated.",
    ),
    click.option(
        "--reload-include",
        "reload_includes",
        multiple=True,
        help="Glob pattern of files to watch, besides '*.py'. May be repeated.",
    ),
    click.option(
        "--reload-exclude",
        "reload_excludes",
        multiple=True,
        help="Glob pattern of files not to watch, besides '.*', '.py[cod]', '.sw.*', '~*'. May be repeated.",
    ),
    click.option(
        "--reload-delay",
        type=float,
        default=0.25,
        show_default=True,
        help="Seconds without a further change before a reload.",
    ),
]

_PROCESS_OPTIONS: list[Callable[[Any], Any]] = [
    click.option(
        "--reload", is_flag=True, default=False, help="Restart when files change (see: turboapi dev)."
    ),
    click.option(
        "--workers",
        type=int,
        default=None,
        help="Number of worker processes. [default: $WEB_CONCURRENCY, or 1]",
    ),
    click.option(
        "--threads",
        type=int,
        default=None,
        help="Number of threads with an event loop each, on free-threaded Python. [default: 1]",
    ),
    click.option(
        "--limit-max-requests",
        type=int,
        default=None,
        help="Stop a process after this number of requests; --workers replaces it.",
    ),
    click.option(
        "--limit-max-requests-jitter",
        type=int,
        default=0,
        show_default=True,
        help="Random number of requests, up to this one, that is added to --limit-max-requests.",
    ),
]


def _unsupported(name: str) -> Callable[[Any], Any]:
    # A flag takes no value on the command line, but its environment variable has one.
    flag: dict[str, Any] = {}
    if name in ("http2", "reset_contextvars"):
        flag = {"is_flag": True, "flag_value": "true", "type": str}
    option = f"--{name.replace('_', '-')}"
    return click.option(option, name, hidden=True, callback=_reject, default=None, **flag)


_UNSUPPORTED_OPTIONS: list[Callable[[Any], Any]] = [
    _unsupported(name)
    for name in UNSUPPORTED_OPTIONS
    if name not in ("callback_notify", "timeout_notify", "ssl_context_factory")
]


def _options(*groups: list[Callable[[Any], Any]]) -> Callable[[_F], _F]:
    def decorate(function: _F) -> _F:
        for option in reversed([option for group in groups for option in group]):
            function = option(function)
        return function

    return decorate


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@_VERSION
def main() -> None:
    """Serve FastAPI and other ASGI apps."""


@main.command(cls=_ServerCommand)
@_options(_SERVER_OPTIONS, _PROCESS_OPTIONS, _RELOAD_OPTIONS, _UNSUPPORTED_OPTIONS, [_VERSION])
def run(**options: Any) -> None:
    """Serve APP, given as "module:attribute".

    Every option can also be set by the environment variable TURBOAPI_<OPTION> or UVICORN_<OPTION>.
    """
    _serve(options)


@main.command(cls=_ServerCommand)
@_options(_SERVER_OPTIONS, _RELOAD_OPTIONS, _UNSUPPORTED_OPTIONS, [_VERSION])
def dev(**options: Any) -> None:
    """Serve APP, given as "module:attribute", and restart when its files change."""
    _serve(options | {"reload": True})


@main.command(cls=_ServerCommand)
@click.argument("app")
@click.option("--json", "as_json", is_flag=True, help="Print JSON (docs/plans/README.md lists the keys).")
@click.option("-v", "--verbose", is_flag=True, help="Show what every route calls and takes.")
@_SYNC_MODE
@_APP_DIR
@_FACTORY
@_VERSION
def explain(
    app: str, *, as_json: bool, verbose: bool, sync_mode: SyncMode, app_dir: str, factory: bool
) -> None:
    """Show how each route of APP will run and, where FastAPI runs it, why.

    No server is started. Exit code 0: the app has route plans; 1: it has none; 2: wrong usage; 3: the app
    cannot be loaded.
    """
    configure_logging(LOGGING_CONFIG, None, use_colors=None)
    sys.path.insert(0, os.path.abspath(app_dir))
    loaded = load_app(app, factory=factory)
    if "fastapi" not in sys.modules:
        raise click.ClickException(f"{app} is not a FastAPI application, which alone has route plans.")
    from turboapi.plans import command

    context = click.get_current_context()
    context.exit(command.explain(app, loaded, sync_mode, as_json=as_json, verbose=verbose))


def _serve(options: dict[str, Any]) -> None:
    for name in UNSUPPORTED_OPTIONS:
        options.pop(name, None)
    for name in ("reload_dirs", "reload_includes", "reload_excludes"):
        options[name] = list(options[name]) or None
    options["log_config"] = options["log_config"] or LOGGING_CONFIG
    app = options.pop("app")
    try:
        serve(Config(app, **options))
    except ConfigError as error:
        raise click.UsageError(str(error)) from None
