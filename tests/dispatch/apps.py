"""The app behind the dispatch functions under test: endpoints of every tier that tell what they see."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import anyio.lowlevel
from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException, Request, Response
from pydantic import BaseModel
from starlette.background import BackgroundTask
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse

from .duel import VALUE, Journal

Dispatch = Callable[..., Any]


class Item(BaseModel):
    """A body."""

    name: str


class Custom(Exception):
    """Has a handler."""


class Bottom(BaseException):
    """Is no Exception."""


def routes(app: FastAPI, journal: Journal) -> None:
    """Endpoints of every tier that tell what they see."""

    async def opened() -> AsyncIterator[str]:
        journal.append(("open", VALUE.get()))
        VALUE.set("dependency")
        try:
            yield "session"
        except BaseException as error:
            journal.append(("thrown", type(error).__name__))
            raise
        finally:
            journal.append(("close", VALUE.get()))

    def later(text: str) -> None:
        journal.append(("background", text))

    async def later_async(text: str) -> None:
        journal.append(("background", text, VALUE.get()))
        await asyncio.sleep(0)
        journal.append(("background done", text))

    async def failing() -> None:
        raise ValueError("background")

    @app.get("/")
    async def plain(q: int = 0) -> dict[str, int]:
        journal.append(("endpoint", VALUE.get()))
        VALUE.set("endpoint")
        return {"q": q}

    @app.get("/task", response_model=None)
    async def task() -> dict[str, str]:
        task = asyncio.current_task()
        assert task is not None
        return {"task": task.get_name(), "value": VALUE.get()}

    @app.get("/suspends", response_model=None)
    async def suspends() -> dict[str, str]:
        await asyncio.sleep(0)
        journal.append("resumed")
        await asyncio.sleep(0.001)
        return {"value": VALUE.get()}

    @app.get("/sync", response_model=None)
    def sync() -> dict[str, str]:
        return {"value": VALUE.get()}

    @app.post("/item")
    async def item(item: Item) -> Item:
        return item

    @app.post("/raw", response_model=None)
    async def raw(request: Request) -> Response:
        return PlainTextResponse(await request.body() + b"!")

    @app.post("/chunks", response_model=None)
    async def chunks(request: Request) -> list[str]:
        return [chunk.decode() async for chunk in request.stream()]

    @app.get("/session", response_model=None)
    async def session(session: str = Depends(opened)) -> dict[str, str]:
        journal.append(("endpoint", VALUE.get()))
        return {"session": session}

    @app.get("/background")
    async def background(tasks: BackgroundTasks, session: str = Depends(opened)) -> dict[str, str]:
        tasks.add_task(later_async, "async")
        tasks.add_task(later, "sync")
        return {}

    @app.get("/background/plain", response_model=None)
    async def background_plain(tasks: BackgroundTasks) -> dict[str, str]:
        tasks.add_task(later_async, "plain")
        return {}

    @app.get("/background/fails", response_model=None)
    async def background_fails(tasks: BackgroundTasks) -> dict[str, str]:
        tasks.add_task(failing)
        return {}

    @app.get("/missing")
    async def missing() -> None:
        raise HTTPException(404, "nothing", headers={"x-why": "gone"})

    @app.get("/custom", response_model=None)
    async def custom(session: str = Depends(opened)) -> None:
        raise Custom("custom")

    @app.get("/fails", response_model=None)
    async def fails() -> None:
        try:
            raise KeyError("first")
        except KeyError as error:
            raise ValueError("fails") from error

    @app.get("/fails/context", response_model=None)
    async def fails_with_context() -> None:
        try:
            raise KeyError("first")
        except KeyError:
            raise ValueError("fails")  # noqa: B904

    @app.get("/fails/late", response_model=None)
    async def fails_late(session: str = Depends(opened)) -> None:
        await asyncio.sleep(0)
        raise ValueError("late")

    @app.get("/group", response_model=None)
    async def group() -> None:
        raise ExceptionGroup("several", [ValueError("one")])

    @app.get("/cancels", response_model=None)
    async def cancels() -> None:
        raise asyncio.CancelledError("mine")

    @app.get("/bottom", response_model=None)
    async def bottom() -> None:
        raise Bottom("bottom")

    @app.get("/bottom/late", response_model=None)
    async def bottom_late() -> None:
        await asyncio.sleep(0)
        raise Bottom("bottom")

    @app.get("/response", response_model=None)
    async def response() -> Response:
        return Response(
            b"made", headers={"x-made": "1"}, background=BackgroundTask(later_async, "of response")
        )

    @app.get("/empty", response_model=None, status_code=204)
    async def empty() -> None:
        return None

    # No `finally` in these: when a generator that was given up is closed is the garbage collector's business.
    async def numbers(*, pause: bool, fail: bool = False) -> AsyncIterator[str]:
        for number in range(4):
            journal.append(("produced", number))
            yield f"{number}\n"
            if pause:
                await asyncio.sleep(0)
            if fail and number == 1:
                raise ValueError("stream")

    @app.get("/stream", response_model=None)
    async def stream(session: str = Depends(opened)) -> StreamingResponse:
        return StreamingResponse(numbers(pause=False), background=BackgroundTask(later_async, "stream"))

    @app.get("/stream/pauses", response_model=None)
    async def stream_pauses() -> StreamingResponse:
        return StreamingResponse(numbers(pause=True))

    @app.get("/stream/fails", response_model=None)
    async def stream_fails() -> StreamingResponse:
        return StreamingResponse(numbers(pause=False, fail=True))

    @app.get("/endless", response_model=None)
    async def endless() -> StreamingResponse:
        async def produce() -> AsyncIterator[bytes]:
            while True:
                yield b"x"
                await asyncio.sleep(0.001)

        return StreamingResponse(produce())

    @app.get("/waits", response_model=None)
    async def waits(session: str = Depends(opened)) -> None:
        try:
            await asyncio.sleep(0.3)
        except BaseException as error:
            journal.append(("waits", type(error).__name__))
            raise

    @app.get("/shielded", response_model=None)
    async def shielded() -> dict[str, str]:
        try:
            await asyncio.sleep(0.3)
        finally:
            with anyio.CancelScope(shield=True):
                await asyncio.sleep(0.001)
                journal.append("cleaned up")
        return {}

    @app.get("/scopes", response_model=None)
    async def scopes() -> dict[str, bool]:
        with anyio.move_on_after(0.001) as scope:
            await anyio.sleep(30)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.sleep, 0)
        return {"cancelled": scope.cancelled_caught}

    @app.get("/inside", response_model=None)
    async def inside() -> dict[str, str]:
        with anyio.CancelScope():
            try:
                await anyio.sleep(0.3)
            finally:
                journal.append("inside ends")
        return {}

    @app.get("/disconnected", response_model=None)
    async def disconnected(request: Request) -> dict[str, bool]:
        return {"disconnected": await request.is_disconnected()}

    @app.get("/listens", response_model=None)
    async def listens(request: Request) -> None:
        message = await request.receive()
        journal.append(message)
        message = await request.receive()
        journal.append(message)


def app_with(*dispatches: Dispatch, others: tuple[Any, ...] = ()) -> Callable[[Journal], FastAPI]:
    """An app with these dispatch functions, the last outermost; each takes the journal as third argument."""

    def make(journal: Journal) -> FastAPI:
        app = FastAPI()
        routes(app, journal)

        @app.exception_handler(Custom)
        async def handle(request: Request, error: Custom) -> JSONResponse:
            journal.append(("handler", VALUE.get()))
            return JSONResponse({"custom": str(error)}, 418)

        for middleware, options in others:
            app.add_middleware(middleware, **options)
        for number, dispatch in enumerate(dispatches):
            app.add_middleware(BaseHTTPMiddleware, dispatch=_bound(dispatch, journal, number))
        return app

    return make


def _bound(dispatch: Any, journal: Journal, number: int) -> Any:
    async def bound(request: Request, call_next: Any) -> Any:
        def note(entry: Any) -> None:
            journal.append((number, entry))

        return await dispatch(request, call_next, note)

    return bound
