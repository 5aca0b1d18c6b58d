"""Log set-up: uvicorn's logger names, formats and `--log-config` files.

The loggers keep uvicorn's names (`uvicorn`, `uvicorn.error`, `uvicorn.access`) because users' log
configurations, filters and log shippers are written for them.
"""

from __future__ import annotations

import copy
import http
import importlib
import importlib.util
import json
import logging
import logging.config
import os
import sys
from configparser import RawConfigParser
from typing import IO, Any, ClassVar, Literal

from turboapi._ansi import style

TRACE_LOG_LEVEL = 5

LOG_LEVELS: dict[str, int] = {
    "critical": logging.CRITICAL,
    "error": logging.ERROR,
    "warning": logging.WARNING,
    "info": logging.INFO,
    "debug": logging.DEBUG,
    "trace": TRACE_LOG_LEVEL,
}

DEFAULT_FORMAT = "%(levelprefix)s %(message)s"
ACCESS_FORMAT = '%(levelprefix)s %(client_addr)s - "%(request_line)s" %(status_code)s'

LOGGING_CONFIG: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "default": {"()": "turboapi.logging.DefaultFormatter", "fmt": DEFAULT_FORMAT, "use_colors": None},
        "access": {"()": "turboapi.logging.AccessFormatter", "fmt": ACCESS_FORMAT, "use_colors": None},
    },
    "handlers": {
        "default": {"formatter": "default", "class": "logging.StreamHandler", "stream": "ext://sys.stderr"},
        "access": {"formatter": "access", "class": "logging.StreamHandler", "stream": "ext://sys.stdout"},
    },
    "loggers": {
        "uvicorn": {"handlers": ["default"], "level": "INFO", "propagate": False},
        "uvicorn.error": {"level": "INFO"},
        "uvicorn.access": {"handlers": ["access"], "level": "INFO", "propagate": False},
    },
}

LogConfig = dict[str, Any] | str | os.PathLike[str] | RawConfigParser | IO[Any] | None

error_logger = logging.getLogger("uvicorn.error")
access_logger = logging.getLogger("uvicorn.access")


class DefaultFormatter(logging.Formatter):
    """`%(levelprefix)s` is the level's name with a colon, padded to ten characters and coloured.

    A record's `color_message`, if it has one, replaces its message where colours are on. Colours are
    on when `use_colors` is true, or None and the log's stream (see `stream_is_terminal`) is a terminal.
    """

    _LEVEL_COLORS: ClassVar[dict[int, str]] = {
        TRACE_LOG_LEVEL: "blue",
        logging.DEBUG: "cyan",
        logging.INFO: "green",
        logging.WARNING: "yellow",
        logging.ERROR: "red",
        logging.CRITICAL: "bright_red",
    }

    def __init__(
        self,
        fmt: str | None = None,
        datefmt: str | None = None,
        style: Literal["%", "{", "$"] = "%",
        use_colors: bool | None = None,
    ) -> None:
        super().__init__(fmt=fmt, datefmt=datefmt, style=style)
        self.use_colors = self.stream_is_terminal() if use_colors is None else use_colors

    def stream_is_terminal(self) -> bool:
        """Whether the stream that this formatter is meant for is a terminal."""
        return sys.stderr is not None and sys.stderr.isatty()

    def level_prefix(self, level: int, name: str) -> str:
        """The level's name, coloured if colours are on, with its colon and padding."""
        padding = " " * (8 - len(name))
        if self.use_colors:
            name = style(name, self._LEVEL_COLORS.get(level))
        return f"{name}:{padding}"

    def formatMessage(self, record: logging.LogRecord) -> str:
        record = copy.copy(record)
        record.__dict__["levelprefix"] = self.level_prefix(record.levelno, record.levelname)
        if self.use_colors and "color_message" in record.__dict__:
            record.msg = record.__dict__["color_message"]
            record.message = record.getMessage()
        return super().formatMessage(record)


class AccessFormatter(DefaultFormatter):
    """Gives `%(client_addr)s`, `%(request_line)s` and `%(status_code)s` from the record's five arguments.

    They are the client's address, method, path with query, HTTP version and status, in this order
    (uvicorn's `AccessFormatter`).
    """

    _STATUS_COLORS: ClassVar[dict[int, str]] = {
        1: "bright_white",
        2: "green",
        3: "yellow",
        4: "red",
        5: "bright_red",
    }

    def stream_is_terminal(self) -> bool:
        return sys.stdout is not None and sys.stdout.isatty()

    def request_line(self, method: str, full_path: str, http_version: str) -> str:
        """The request line, bold if colours are on."""
        line = f"{method} {full_path} HTTP/{http_version}"
        return style(line, bold=True) if self.use_colors else line

    def status(self, code: int) -> str:
        """The status code with its phrase, coloured by its class if colours are on."""
        try:
            text = f"{code} {http.HTTPStatus(code).phrase}"
        except ValueError:
            text = f"{code} "
        return style(text, self._STATUS_COLORS.get(code // 100)) if self.use_colors else text

    def request_id_suffix(self, request_id: str | None) -> str:
        """What the line ends in when requests have ids and the format has no `%(request_id)s` of its own."""
        return f" {request_id}" if request_id and "request_id" not in (self._fmt or "") else ""

    def formatMessage(self, record: logging.LogRecord) -> str:
        client_addr, method, full_path, http_version, status_code = record.args  # type: ignore[misc]
        record = copy.copy(record)
        record.__dict__["client_addr"] = client_addr
        record.__dict__["request_line"] = self.request_line(str(method), str(full_path), str(http_version))
        record.__dict__["status_code"] = self.status(int(str(status_code)))
        request_id = record.__dict__.setdefault("request_id", None)
        return super().formatMessage(record) + self.request_id_suffix(request_id)


def configure_logging(
    log_config: LogConfig = LOGGING_CONFIG,
    log_level: str | int | None = None,
    *,
    use_colors: bool | None = None,
    access_log: bool = True,
) -> None:
    """Apply a log configuration the way uvicorn does.

    `log_config` is a dict for `logging.config.dictConfig`, the path of a `.json`, `.yaml` or `.yml` file
    with such a dict, anything else that `logging.config.fileConfig` reads, or None to leave logging
    alone. `use_colors` applies to the formatters `default` and `access` of a dict; `log_level` (a name
    of `LOG_LEVELS` or a number) and `access_log` apply to every kind.

    Raises `ValueError` for an unknown level name and whatever `logging.config` raises.
    """
    logging.addLevelName(TRACE_LOG_LEVEL, "TRACE")
    level = _level(log_level)

    if log_config is not None:
        if isinstance(log_config, os.PathLike):
            log_config = os.fspath(log_config)
        loaded = _load(log_config)
        if isinstance(loaded, dict):
            logging.config.dictConfig(_adapted(loaded, use_colors if loaded is log_config else None))
        else:
            logging.config.fileConfig(loaded, disable_existing_loggers=False)

    if level is not None:
        for name in ("uvicorn.error", "uvicorn.access", "uvicorn.asgi"):
            logging.getLogger(name).setLevel(level)
    if not access_log:
        access_logger.handlers = []
        access_logger.propagate = False


def _level(log_level: str | int | None) -> int | None:
    if not isinstance(log_level, str):
        return log_level
    try:
        return LOG_LEVELS[log_level.lower()]
    except KeyError:
        raise ValueError(f"log_level is {log_level!r}; use one of {', '.join(LOG_LEVELS)}") from None


def _load(
    log_config: dict[str, Any] | str | RawConfigParser | IO[Any],
) -> dict[str, Any] | str | RawConfigParser | IO[Any]:
    if not isinstance(log_config, str):
        return log_config
    if log_config.endswith(".json"):
        with open(log_config, encoding="utf-8") as file:
            from_json: dict[str, Any] = json.load(file)
            return from_json
    if log_config.endswith((".yaml", ".yml")):
        try:
            yaml = importlib.import_module("yaml")
        except ImportError:
            raise ImportError("A YAML --log-config needs PyYAML: pip install 'turboapi[standard]'") from None
        with open(log_config, encoding="utf-8") as file:
            from_yaml: dict[str, Any] = yaml.safe_load(file)
            return from_yaml
    return log_config


def _adapted(config: dict[str, Any], use_colors: bool | None) -> dict[str, Any]:
    """A copy with `use_colors` filled in and, if uvicorn is not installed, its formatters replaced."""
    formatters = {name: dict(formatter) for name, formatter in config.get("formatters", {}).items()}
    if use_colors is not None:
        for name in ("default", "access"):
            if name in formatters:
                formatters[name]["use_colors"] = use_colors
    own = {"uvicorn.logging.DefaultFormatter", "uvicorn.logging.AccessFormatter"}
    if importlib.util.find_spec("uvicorn") is None:
        for formatter in formatters.values():
            for key in ("()", "class"):
                if formatter.get(key) in own:
                    formatter[key] = formatter[key].replace("uvicorn.", "turboapi.", 1)
    return {**config, "formatters": formatters}


def log_running(where: str) -> None:
    """Log where the server can be reached."""
    message = "TurboAPI running on %s (Press CTRL+C to quit)"
    color_message = f"TurboAPI running on {style('%s', bold=True)} (Press CTRL+C to quit)"
    error_logger.info(message, where, extra={"color_message": color_message})


def log_process(message: str) -> None:
    """Log `message`, whose `%d` stands for the id of this process."""
    color_message = message.replace("%d", style("%d", fg="cyan"))
    error_logger.info(message, os.getpid(), extra={"color_message": color_message})
