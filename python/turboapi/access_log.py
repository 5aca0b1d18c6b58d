"""The thread that writes the access log, off the requests' path."""

from __future__ import annotations

import logging
import threading
from typing import Any

from turboapi._engine import HttpServer
from turboapi.logging import ACCESS_FORMAT, AccessFormatter, access_logger, error_logger

_FORMAT = '%s - "%s %s HTTP/%s" %d'

Row = tuple[str, str, str, str, int, str | None]
"""Client, method, path with query, HTTP version, status, request id."""

_WAIT = 1.0
_PAUSE = 0.05
"""Seconds between two batches: each one interrupts the thread that serves requests."""


def access_log_wanted(enabled: bool) -> bool:
    """Whether a line would reach a handler: `--no-access-log`, levels and handlers considered."""
    return enabled and access_logger.isEnabledFor(logging.INFO) and access_logger.hasHandlers()


class AccessLogWriter:
    """Takes finished requests from the engine and logs them to `uvicorn.access`."""

    def __init__(self, http: HttpServer) -> None:
        self._http = http
        self._hurry = threading.Event()
        self._thread = threading.Thread(target=self._run, name="turboapi-access-log", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def join(self, timeout: float | None = None) -> None:
        """Wait until everything is written; the engine has to be closed."""
        self._hurry.set()
        self._thread.join(timeout)

    def _run(self) -> None:
        while (rows := self._http.take_access_log(_WAIT)) is not None:
            if not rows:
                continue
            try:
                if (handler := _stock_handler()) is not None:
                    _write(handler, rows)
                else:
                    for *row, request_id in rows:
                        extra = None if request_id is None else {"request_id": request_id}
                        access_logger.info(_FORMAT, *row, extra=extra)
            except Exception:
                error_logger.exception("Writing the access log failed")
            self._hurry.wait(_PAUSE)


def _stock_handler() -> logging.StreamHandler[Any] | None:
    """The handler of `uvicorn.access`, if the logger is set up exactly as `LOGGING_CONFIG` does.

    Such a log can be written in one piece per batch. Anything else (filters, further handlers, other
    formats or classes) has to see one record per request.
    """
    logger = access_logger
    if logger.filters or logger.propagate or logger.disabled or len(logger.handlers) != 1:
        return None
    handler = logger.handlers[0]
    formatter = handler.formatter
    if (
        type(handler) is logging.StreamHandler
        and not handler.filters
        and handler.level <= logging.INFO
        and type(formatter) is AccessFormatter
        and formatter._fmt == ACCESS_FORMAT
        and logger.isEnabledFor(logging.INFO)
        and logging.getLogRecordFactory() is logging.LogRecord
    ):
        return handler
    return None


def _write(handler: logging.StreamHandler[Any], rows: list[Row]) -> None:
    formatter = handler.formatter
    assert isinstance(formatter, AccessFormatter)
    prefix = formatter.level_prefix(logging.INFO, logging.getLevelName(logging.INFO))
    request_line, status = formatter.request_line, formatter.status
    text = "".join(
        f'{prefix} {client} - "{request_line(method, path, version)}" {status(code)}'
        f"{formatter.request_id_suffix(request_id)}{handler.terminator}"
        for client, method, path, version, code, request_id in rows
    )
    with handler.lock or threading.RLock():
        handler.stream.write(text)
        handler.flush()
