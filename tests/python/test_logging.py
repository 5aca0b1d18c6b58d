"""Log formats and configuration, compared with uvicorn's."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import logging
import sys
from pathlib import Path
from typing import Any

import pytest
import uvicorn.config
import uvicorn.logging
from logs import LogLines
from uvicorn.middleware.message_logger import MessageLoggerMiddleware

from turboapi import access_log
from turboapi.logging import (
    ACCESS_FORMAT,
    LOGGING_CONFIG,
    TRACE_LOG_LEVEL,
    AccessFormatter,
    DefaultFormatter,
    access_logger,
    configure_logging,
)
from turboapi.message_log import message_log_wanted, with_message_log

ROWS = [
    ("127.0.0.1:5000", "GET", "/", "1.1", 200),
    ("[::1]:5000", "POST", "/items?q=%20", "1.0", 307),
    ("", "DELETE", "/gone", "1.1", 404),
    ("127.0.0.1:1", "GET", "/", "1.1", 500),
    ("127.0.0.1:1", "GET", "/", "1.1", 101),
    ("127.0.0.1:1", "GET", "/", "1.1", 299),
    ("127.0.0.1:1", "GET", "/", "1.1", 799),
]


def record(level: int, message: str, *arguments: object, **extra: object) -> logging.LogRecord:
    """A log record."""
    made = logging.LogRecord("uvicorn.error", level, __file__, 1, message, arguments, None)
    made.__dict__.update(extra)
    return made


def test_the_configuration_is_uvicorns_with_our_formatters() -> None:
    theirs = json.loads(
        json.dumps(uvicorn.config.LOGGING_CONFIG).replace('"uvicorn.logging.', '"turboapi.logging.')
    )
    theirs["formatters"]["access"]["use_colors"] = None
    assert theirs == LOGGING_CONFIG


@pytest.mark.parametrize("colors", [True, False])
@pytest.mark.parametrize("level", [5, 10, 20, 30, 40, 50, 25])
def test_lines_are_those_of_uvicorn(level: int, colors: bool) -> None:
    made = record(level, "pid %d", 7, color_message="pid \033[36m%d\033[0m")
    ours = DefaultFormatter("%(levelprefix)s %(message)s", use_colors=colors)
    theirs = uvicorn.logging.DefaultFormatter("%(levelprefix)s %(message)s", use_colors=colors)
    assert ours.format(made) == theirs.format(made)


@pytest.mark.parametrize("colors", [True, False])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row[4]))
def test_access_lines_are_those_of_uvicorn(row: Any, colors: bool) -> None:
    made = record(20, '%s - "%s %s HTTP/%s" %d', *row)
    ours = AccessFormatter(ACCESS_FORMAT, use_colors=colors).format(made)
    theirs = uvicorn.logging.AccessFormatter(ACCESS_FORMAT, use_colors=colors).format(made)
    assert ours == theirs


class Engine:
    """Stands for the engine's queue of finished requests: one batch, then the end."""

    def __init__(self, rows: list[Any]) -> None:
        self.batches: list[list[Any] | None] = [[(*row, None)[:6] for row in rows], [], None]

    def take_access_log(self, timeout: float) -> list[Any] | None:
        return self.batches.pop(0)


def written(rows: list[Any]) -> str:
    """What the writer thread writes to standard output."""
    writer = access_log.AccessLogWriter(Engine(rows))  # type: ignore[arg-type]
    writer.start()
    writer.join(10)
    stream = sys.stdout
    assert isinstance(stream, io.StringIO)
    return stream.getvalue()


@pytest.mark.parametrize("colors", [True, False])
def test_a_batch_is_written_as_single_records_would_be(colors: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    configure_logging(use_colors=colors)
    batch = written(ROWS)

    monkeypatch.setattr(sys, "stdout", io.StringIO())
    configure_logging(use_colors=colors)
    seen: list[logging.LogRecord] = []

    def see(made: logging.LogRecord) -> bool:
        seen.append(made)
        return True

    access_logger.addFilter(see)
    try:
        single = written(ROWS)
    finally:
        access_logger.filters.clear()
    assert [made.args for made in seen] == ROWS
    assert batch == single
    assert len(batch.splitlines()) == len(ROWS)


def test_a_line_ends_in_the_id_of_its_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless the format has a place for it."""
    rows = [(*row, f"id-{number}") for number, row in enumerate(ROWS)]
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    configure_logging(use_colors=False)
    batch = written(rows)
    assert [line.split()[-1] for line in batch.splitlines()] == [row[5] for row in rows]

    for fmt, expected in (
        (ACCESS_FORMAT, batch.splitlines()[0]),
        ("%(request_id)s %(status_code)s", "id-0 " + AccessFormatter(use_colors=False).status(ROWS[0][4])),
    ):
        made = record(20, '%s - "%s %s HTTP/%s" %d', *ROWS[0], request_id="id-0")
        assert AccessFormatter(fmt, use_colors=False).format(made) == expected


def test_a_failing_stream_does_not_end_the_writer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    errors = io.StringIO()
    monkeypatch.setattr(sys, "stderr", errors)
    configure_logging()
    sys.stdout.close()
    engine = Engine(ROWS)
    writer = access_log.AccessLogWriter(engine)  # type: ignore[arg-type]
    writer.start()
    writer.join(10)
    assert engine.batches == []
    assert "Writing the access log failed" in errors.getvalue()


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({}, True),
        ({"access_log": False}, False),
        ({"log_level": "warning"}, False),
        (
            {
                "log_config": {
                    "version": 1,
                    "loggers": {"uvicorn.access": {"handlers": [], "propagate": False}},
                }
            },
            False,
        ),
    ],
)
def test_rows_are_only_asked_for_if_they_reach_a_handler(options: dict[str, Any], wanted: bool) -> None:
    access_logger.handlers.clear()
    configure_logging(**options)
    assert access_log.access_log_wanted(options.get("access_log", True)) is wanted


@pytest.mark.parametrize(
    ("level", "number"), [("critical", 50), ("WARNING", 30), ("trace", 5), (15, 15), (None, 20)]
)
def test_levels(level: str | int | None, number: int) -> None:
    configure_logging(log_level=level)
    assert logging.getLogger("uvicorn.error").level == number
    assert logging.getLevelName(5) == "TRACE"


DICT_CONFIG = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"default": {"()": "uvicorn.logging.DefaultFormatter", "fmt": "file: %(message)s"}},
    "handlers": {"default": {"class": "logging.StreamHandler", "formatter": "default"}},
    "loggers": {"uvicorn.error": {"handlers": ["default"], "level": "INFO", "propagate": False}},
}
INI_CONFIG = """\
[loggers]
keys=root,error
[handlers]
keys=console
[formatters]
keys=plain
[logger_root]
handlers=
[logger_error]
qualname=uvicorn.error
level=INFO
handlers=console
propagate=0
[handler_console]
class=StreamHandler
formatter=plain
args=()
[formatter_plain]
format=file: %(message)s
"""
YAML_CONFIG = json.dumps(DICT_CONFIG)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("log.json", json.dumps(DICT_CONFIG)),
        ("log.yaml", YAML_CONFIG),
        ("log.yml", YAML_CONFIG),
        ("log.ini", INI_CONFIG),
    ],
)
def test_configuration_files(name: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    errors = io.StringIO()
    monkeypatch.setattr(sys, "stderr", errors)
    path = tmp_path / name
    path.write_text(text)
    configure_logging(path)
    logging.getLogger("uvicorn.error").info("hello")
    assert errors.getvalue() == "file: hello\n"


def test_a_configuration_may_name_uvicorns_formatters_without_uvicorn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    configure_logging(DICT_CONFIG)
    [handler] = logging.getLogger("uvicorn.error").handlers
    assert type(handler.formatter) is DefaultFormatter
    assert "uvicorn.logging" in json.dumps(DICT_CONFIG), "the user's dict is not changed"


def test_trace_lines_are_those_of_uvicorn() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]})
        await send({"type": "http.response.body", "body": b"12345"})
        if scope["path"] == "/fails":
            raise RuntimeError("on purpose")

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        pass

    def lines(logged: Any) -> list[str]:
        handler = LogLines()
        handler.setLevel(TRACE_LOG_LEVEL)
        logger = logging.getLogger("uvicorn.asgi")
        logger.handlers[:] = [handler]
        for path, client in (("/", ("127.0.0.1", 5)), ("/fails", None)):
            scope = {"type": "http", "path": path, "client": client, "headers": [(b"host", b"x")]}
            with contextlib.suppress(RuntimeError):
                asyncio.run(logged(scope, receive, send))
        return handler.lines

    configure_logging(log_level="trace")
    assert message_log_wanted()
    ours = lines(with_message_log(app))
    assert len(ours) == 10
    assert ours == lines(MessageLoggerMiddleware(app))
