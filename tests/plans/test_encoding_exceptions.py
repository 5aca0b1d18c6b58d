"""The answer to an `HTTPException`, against FastAPI's own handler."""

from __future__ import annotations

import contextlib
import itertools
import math
from datetime import UTC, datetime
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

import pytest
from fastapi import HTTPException, Request
from fastapi.exception_handlers import http_exception_handler
from starlette.exceptions import HTTPException as StarletteHTTPException

from turboapi._engine import encode_http_exception

STATUSES: list[Any] = [
    200,
    201,
    204,
    205,
    304,
    400,
    404,
    418,
    500,
    599,
    HTTPStatus.CONFLICT,
    100,
    99,
    600,
    999,
]
DETAILS: dict[str, Any] = {
    "none": None,
    "text": "Not here, é",
    "surrogate": "\ud800",
    "object": {"a": [1, 2.5, None], "_sa_kept": 1, 3: "key"},
    "empty": "",
    "nan": math.nan,
    "datetime": datetime(2020, 1, 1, tzinfo=UTC),
}
HEADERS: dict[str, Any] = {
    "none": None,
    "empty": {},
    "one": {"WWW-Authenticate": "Bearer"},
    "latin": {"X-A": "é", "x-a": "again"},
    "beyond latin": {"x-a": "漢"},
    "type": {"Content-Type": "application/problem+json"},
    "length": {"content-length": "3"},
    "bad name": {"a b": "c"},
    "bad value": {"a": "b\r\nc: d"},
    "mapping": MappingProxyType({"a": "b"}),
    "bytes": {b"a": b"b"},
}


def by_fastapi(exception: StarletteHTTPException) -> tuple[int, list[tuple[bytes, bytes]], bytes] | None:
    """What the stock handler's response sends; None where it raises."""
    handling = http_exception_handler(Request({"type": "http", "headers": []}), exception)
    try:
        handling.send(None)
    except StopIteration as returned:
        response = returned.value
        return int(response.status_code), response.raw_headers, bytes(response.body)
    except Exception:
        return None
    raise AssertionError("the handler waits for nothing")


@pytest.mark.parametrize("detail", DETAILS.values(), ids=DETAILS)
@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS)
def test_the_answer_is_that_of_the_handler_or_none(headers: Any, detail: Any) -> None:
    for kind, status in itertools.product([HTTPException, StarletteHTTPException], STATUSES):
        with contextlib.suppress(ValueError):
            exception = kind(status, detail, headers)
            answer = encode_http_exception(exception)
            assert answer is None or answer == by_fastapi(exception), status


@pytest.mark.parametrize("status", [400, 404, HTTPStatus.CONFLICT, 500, 204, 304])
@pytest.mark.parametrize("detail", ["none", "text", "object", "empty"])
@pytest.mark.parametrize("headers", ["none", "empty", "one", "latin", "type"])
def test_everyday_exceptions_are_answered(status: int, detail: str, headers: str) -> None:
    exception = HTTPException(status, DETAILS[detail], HEADERS[headers])
    assert encode_http_exception(exception) == by_fastapi(exception)


class OwnError(HTTPException):
    pass


@pytest.mark.parametrize("exception", [OwnError(404), ValueError(), KeyError("a")], ids=repr)
def test_other_exceptions_are_not(exception: BaseException) -> None:
    assert encode_http_exception(exception) is None


def test_a_later_change_of_the_exception_counts() -> None:
    exception = HTTPException(404)
    exception.status_code = 410
    exception.detail = "gone"
    assert encode_http_exception(exception) == by_fastapi(exception)
    exception.status_code = "404"  # type: ignore[assignment]
    assert encode_http_exception(exception) is None
    del exception.headers
    assert encode_http_exception(exception) is None
