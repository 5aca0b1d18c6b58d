"""The application object: `taskboard.main:app`."""

import re
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypedDict

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.staticfiles import StaticFiles
from sqlalchemy import text
from starlette.middleware.body_limit import RequestBodyLimitMiddleware

from . import __version__, errors
from .config import get_settings
from .db import Sessions, create_engine, create_sessions
from .dependencies import SessionDep, SettingsDep
from .events import Wakeups
from .rooms import Rooms
from .routers import activity, attachments, auth, projects, rooms, tasks
from .schemas import Meta, Problem

REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
FORM_OVERHEAD_BYTES = 64 * 1024
"""Room for the multipart frame and the other fields of an upload."""


class State(TypedDict):
    """What lives as long as the server; requests see it as `request.state`."""

    sessions: Sessions
    wakeups: Wakeups
    rooms: Rooms


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[State]:
    settings = get_settings()
    engine = create_engine(settings)
    wakeups = Wakeups()
    try:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT count(*) FROM users"))
        yield State(sessions=create_sessions(engine), wakeups=wakeups, rooms=Rooms(wakeups))
    finally:
        await engine.dispose()


app = FastAPI(
    title="Taskboard",
    summary="A small team task board.",
    version=__version__,
    lifespan=lifespan,
    responses={"4XX": {"model": Problem}},
)
errors.install(app)

settings = get_settings()
app.add_middleware(RequestBodyLimitMiddleware, max_body_size=settings.max_upload_bytes + FORM_OVERHEAD_BYTES)
app.add_middleware(GZipMiddleware, minimum_size=1000)
app.add_middleware(
    CORSMiddleware,
    allow_origins=settings.cors_origins,
    allow_credentials=True,
    allow_methods=["GET", "POST", "PATCH", "DELETE"],
    allow_headers=["Authorization", "Content-Type", "Last-Event-ID", "X-Request-ID"],
    expose_headers=["Location", "Server-Timing", "X-Request-ID"],
    max_age=600,
)


@app.middleware("http")
async def identify_and_time(
    request: Request, call_next: Callable[[Request], Awaitable[Response]]
) -> Response:
    """Give each request an id, the caller's own if it is sane, and tell how long the answer took."""
    proposed = request.headers.get("x-request-id", "")
    request.state.request_id = proposed if REQUEST_ID.fullmatch(proposed) else uuid.uuid4().hex
    started = time.perf_counter()
    response = await call_next(request)
    milliseconds = (time.perf_counter() - started) * 1000
    response.headers["X-Request-ID"] = request.state.request_id
    response.headers["Server-Timing"] = f"app;dur={milliseconds:.2f}"
    return response


api = APIRouter(prefix="/api")
for module in (auth, projects, tasks, attachments, activity, rooms):
    api.include_router(module.router)


@api.get("/meta", tags=["service"])
def meta(settings: SettingsDep) -> Meta:
    """What a client has to know in advance."""
    return Meta(name=app.title, version=__version__, max_upload_bytes=settings.max_upload_bytes)


@api.get("/health", tags=["service"])
async def health(session: SessionDep) -> dict[str, str]:
    """Whether the service can reach its database."""
    await session.execute(text("SELECT 1"))
    return {"status": "ok"}


app.include_router(api)
app.mount("/", StaticFiles(directory=Path(__file__).parent / "static", html=True), name="static")
