"""The service's own exceptions and the one shape in which every error is answered."""

import logging
from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from .schemas import FieldProblem, Problem

logger = logging.getLogger("taskboard")


class TaskboardError(Exception):
    """Base of errors that are the caller's; `detail` is shown to people."""

    status = 400
    code = "bad_request"
    headers: Mapping[str, str] = {}

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class NotAuthenticated(TaskboardError):
    status = 401
    code = "not_authenticated"
    headers = {"WWW-Authenticate": "Bearer"}


class NotAllowed(TaskboardError):
    status = 403
    code = "not_allowed"


class NotFound(TaskboardError):
    status = 404
    code = "not_found"


class Conflict(TaskboardError):
    status = 409
    code = "conflict"


class Rejected(TaskboardError):
    """Well-formed, but it makes no sense here."""

    status = 422
    code = "rejected"


class TooLarge(TaskboardError):
    status = 413
    code = "too_large"


def _answer(
    request: Request,
    status: int,
    code: str,
    detail: str,
    headers: Mapping[str, str] | None = None,
    errors: list[FieldProblem] | None = None,
) -> JSONResponse:
    request_id = getattr(request.state, "request_id", "")
    problem = Problem(code=code, detail=detail, request_id=request_id, errors=errors or [])
    return JSONResponse(problem.model_dump(), status_code=status, headers=dict(headers or {}))


async def on_taskboard_error(request: Request, exc: TaskboardError) -> JSONResponse:
    return _answer(request, exc.status, exc.code, exc.detail, exc.headers)


async def on_http_exception(request: Request, exc: HTTPException) -> JSONResponse:
    code = HTTPStatus(exc.status_code).phrase.lower().replace(" ", "_")
    return _answer(request, exc.status_code, code, str(exc.detail), exc.headers)


async def on_invalid_request(request: Request, exc: RequestValidationError) -> JSONResponse:
    errors = [
        FieldProblem(field=".".join(str(part) for part in error["loc"][1:]), message=error["msg"])
        for error in exc.errors()
    ]
    detail = "; ".join(f"{e.field}: {e.message}" if e.field else e.message for e in errors)
    return _answer(request, 422, "invalid_request", detail, errors=errors)


async def on_crash(request: Request, exc: Exception) -> JSONResponse:
    logger.error("request %s failed: %r", getattr(request.state, "request_id", "-"), exc)
    return _answer(request, 500, "internal_error", "Something went wrong on our side.")


def install(app: FastAPI) -> None:
    """Register the handlers on an app."""
    app.exception_handler(TaskboardError)(on_taskboard_error)
    app.exception_handler(HTTPException)(on_http_exception)
    app.exception_handler(RequestValidationError)(on_invalid_request)
    app.exception_handler(Exception)(on_crash)
