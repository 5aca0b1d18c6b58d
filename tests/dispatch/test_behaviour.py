"""Dispatch functions with their substitutes do what they do in Starlette, in the same order."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware
from pydantic import BaseModel
from starlette.background import BackgroundTask
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse

from .duel import VALUE, Call, Journal, duel

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


async def passes(request: Any, call_next: Any, note: Any) -> Any:
    """Notes what it sees, and marks the response."""
    note(("before", VALUE.get()))
    VALUE.set("dispatch")
    response = await call_next(request)
    route = request.scope.get("route")
    note(("after", VALUE.get(), response.status_code, None if route is None else route.path))
    response.headers["x-passed"] = "1"
    return response


async def catches(request: Any, call_next: Any, note: Any) -> Any:
    """Answers for what fails."""
    try:
        return await call_next(request)
    except Exception as error:
        note(("caught", repr(error), repr(error.__cause__), type(error.__context__).__name__))
        return JSONResponse({"caught": str(error)}, 500)


async def sees(request: Any, call_next: Any, note: Any) -> Any:
    """Lets pass what it sees."""
    try:
        return await call_next(request)
    except BaseException as error:
        note(("saw", type(error).__name__))
        raise


async def short_cut(request: Any, call_next: Any, note: Any) -> Any:
    """Never calls the application."""
    return PlainTextResponse("short", background=BackgroundTask(note, "background"))


async def replaces(request: Any, call_next: Any, note: Any) -> Any:
    """Returns another response."""
    await call_next(request)
    note("dropped")
    return PlainTextResponse("other", status_code=202)


async def reads_response(request: Any, call_next: Any, note: Any) -> Any:
    """Reads the body and returns another response."""
    response = await call_next(request)
    body = b""
    async for chunk in response.body_iterator:
        note(("read", chunk))
        body += chunk
    headers = {name: value for name, value in response.headers.items() if name != "content-length"}
    return Response(body.upper(), response.status_code, headers)


async def wraps_response(request: Any, call_next: Any, note: Any) -> Any:
    """Replaces the body iterator."""
    response = await call_next(request)
    inner = response.body_iterator

    async def wrapped() -> Any:
        async for chunk in inner:
            note(("passing", chunk))
            yield chunk
        note("iterator ends")

    response.body_iterator = wrapped()
    return response


async def begins_response(request: Any, call_next: Any, note: Any) -> Any:
    """Takes the first piece of the body only."""
    response = await call_next(request)
    async for chunk in response.body_iterator:
        note(("first", chunk))
        break
    return response


async def closes_response(request: Any, call_next: Any, note: Any) -> Any:
    """Closes the body unread."""
    response = await call_next(request)
    await response.body_iterator.aclose()
    return response


async def raises_before(request: Any, call_next: Any, note: Any) -> Any:
    """Fails by itself."""
    raise ValueError("before")


async def raises_after(request: Any, call_next: Any, note: Any) -> Any:
    """Fails when there is a response."""
    await call_next(request)
    try:
        raise KeyError("context")
    except KeyError:
        raise ValueError("after")  # noqa: B904


async def raises_http(request: Any, call_next: Any, note: Any) -> Any:
    """An HTTPException is nobody's business out here."""
    await call_next(request)
    raise HTTPException(403, "no")


async def raises_group(request: Any, call_next: Any, note: Any) -> Any:
    """A group of one stays a group."""
    await call_next(request)
    raise ExceptionGroup("mine", [ValueError("one")])


async def twice(request: Any, call_next: Any, note: Any) -> Any:
    """Asks twice."""
    first = await call_next(request)
    note(first.status_code)
    second = await call_next(request)
    note(second.status_code)
    return second


async def reads_and_asks_again(request: Any, call_next: Any, note: Any) -> Any:
    """Asks again once the first response was read."""
    first = await call_next(request)
    async for chunk in first.body_iterator:
        note(chunk)
    return await call_next(request)


async def retries(request: Any, call_next: Any, note: Any) -> Any:
    """Asks again after a failure."""
    try:
        return await call_next(request)
    except Exception as error:
        note(repr(error))
        return await call_next(request)


async def reads_body_before(request: Any, call_next: Any, note: Any) -> Any:
    """The application gets the body that was read here."""
    note(await request.body())
    return await call_next(request)


async def streams_body_before(request: Any, call_next: Any, note: Any) -> Any:
    """The application gets nothing of a stream that was read here."""
    async for chunk in request.stream():
        note(chunk)
    return await call_next(request)


async def reads_body_after(request: Any, call_next: Any, note: Any) -> Any:
    """What the application has read is gone."""
    response = await call_next(request)
    try:
        note(await request.body())
    except Exception as error:
        note(repr(error))
    return response


async def sets_background(request: Any, call_next: Any, note: Any) -> Any:
    """A task of its own on the response of the application."""

    async def task() -> None:
        note(("background", VALUE.get()))

    response = await call_next(request)
    response.background = BackgroundTask(task)
    return response


def limit(request: Request) -> float:
    """How long the timeouts are, in seconds."""
    return float(request.headers.get("x-limit", "10"))


async def asyncio_timeout(request: Any, call_next: Any, note: Any) -> Any:
    """Gives up after a while, as asyncio does."""
    try:
        async with asyncio.timeout(limit(request)):
            return await call_next(request)
    except TimeoutError:
        note("timeout")
        return PlainTextResponse("timeout", 504)


async def wait_for(request: Any, call_next: Any, note: Any) -> Any:
    """The same in another task on 3.11."""
    try:
        return await asyncio.wait_for(call_next(request), limit(request))
    except TimeoutError:
        note("timeout")
        raise


async def fail_after(request: Any, call_next: Any, note: Any) -> Any:
    """Gives up as anyio does."""
    try:
        with anyio.fail_after(limit(request)):
            return await call_next(request)
    except TimeoutError:
        note("timeout")
        raise HTTPException(504) from None


async def move_on(request: Any, call_next: Any, note: Any) -> Any:
    """Is over before it begins."""
    with anyio.move_on_after(0) as scope:
        await call_next(request)
        note("not reached")
    note(scope.cancelled_caught)
    return PlainTextResponse("moved on")


async def group_around(request: Any, call_next: Any, note: Any) -> Any:
    """Scopes that are left one by one after `call_next`."""
    with anyio.CancelScope():
        with anyio.CancelScope():
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(anyio.sleep, 0)
                response = await call_next(request)
        await anyio.lowlevel.checkpoint()
    return response


async def cancels_itself(request: Any, call_next: Any, note: Any) -> Any:
    """A request to end that is there already."""
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    try:
        return await call_next(request)
    except asyncio.CancelledError:
        note("cancelled")
        raise


async def in_a_task(request: Any, call_next: Any, note: Any) -> Any:
    """`call_next` in a task of its own, that is left to itself for a while."""
    pending = asyncio.ensure_future(call_next(request))
    await asyncio.sleep(0)
    note("meanwhile")
    return await pending


async def changes_response(request: Any, call_next: Any, note: Any) -> Any:
    """Changes what can be changed."""
    response = await call_next(request)
    response.status_code = 299
    del response.headers["content-length"]
    response.headers.append("x-more", "1")
    response.headers.append("x-more", "2")
    return response


async def returns_nothing(request: Any, call_next: Any, note: Any) -> Any:
    """Forgot to return."""
    await call_next(request)


DISPATCHES: list[Dispatch] = [
    *(passes, catches, sees, short_cut, replaces, reads_response, wraps_response, begins_response),
    *(closes_response, raises_before, raises_after, raises_http, raises_group, twice, reads_and_asks_again),
    *(retries, reads_body_before, streams_body_before, reads_body_after, sets_background, asyncio_timeout),
    *(wait_for, fail_after, move_on, group_around, cancels_itself, in_a_task, changes_response),
    returns_nothing,
]
JSON = ((b"content-type", b"application/json"),)
CALLS = {
    **{
        path: Call(path)
        for path in (
            *("/", "/task", "/suspends", "/sync", "/session", "/background", "/background/plain"),
            *(
                "/background/fails",
                "/missing",
                "/custom",
                "/fails",
                "/fails/context",
                "/fails/late",
                "/group",
            ),
            *("/cancels", "/response", "/empty", "/stream", "/stream/pauses", "/stream/fails", "/scopes"),
            *("/disconnected", "/nowhere"),
        )
    },
    "invalid": Call("/", query=b"q=x"),
    "method": Call("/", "DELETE"),
    "head": Call("/", "HEAD"),
    "item": Call("/item", "POST", headers=JSON, body=(b'{"name": "a"}',)),
    "invalid item": Call("/item", "POST", headers=JSON, body=(b'{"name": 1}',)),
    "broken item": Call("/item", "POST", headers=JSON, body=(b'{"na', b'me"')),
    "raw": Call("/raw", "POST", body=(b"one", b"two")),
    "chunks": Call("/chunks", "POST", body=(b"one", b"two", b"three")),
    "slow": Call("/", slow=True),
    "slow stream": Call("/stream", slow=True),
    "stream 2.4": Call("/stream", spec_version="2.4"),
    "fails to send": Call("/session", fails_after=0),
    "fails to send more": Call("/stream", fails_after=2),
    "fails to send the end": Call("/session", fails_after=1),
    "gone": Call("/disconnected", gone_after=0),
    "gone in stream": Call("/stream/pauses", gone_after=2),
    "cancelled": Call("/session", cancelled_after=1, slow=True),
    "cancelled in stream": Call("/stream", cancelled_after=3, slow=True),
}


@pytest.mark.parametrize("dispatch", DISPATCHES, ids=lambda one: one.__name__)
def test_one_dispatch_function(dispatch: Dispatch) -> None:
    """Every function with every request."""
    duel(app_with(dispatch), *calls_for(dispatch))


def calls_for(*dispatches: Dispatch) -> list[Call]:
    """All but those whose outcome is a race, or that hang in Starlette."""
    calls = dict(CALLS)
    if {twice, reads_and_asks_again, retries}.intersection(dispatches):
        # The second child waits for a body that the first has read, and threads run the tasks of both.
        calls = {
            name: call for name, call in calls.items() if call.method != "POST" and name != "/background"
        }
    if not {passes, catches, sees}.issuperset(dispatches):
        # How far the producer gets before it hears that nobody listens any more.
        del calls["gone in stream"]
    if {replaces, closes_response, short_cut, move_on}.intersection(dispatches):
        calls = {name: call for name, call in calls.items() if not call.path.startswith("/stream")}
    return list(calls.values())


STACKS = {
    "three": (passes, passes, passes),
    "inner fails": (raises_after, catches, passes),
    "outer fails": (passes, raises_after),
    "inner reads": (reads_response, wraps_response, passes),
    "outer reads": (passes, wraps_response, reads_response),
    "bodies": (reads_body_before, reads_body_after, streams_body_before),
    "bodies again": (passes, reads_body_before, passes),
    "timeouts": (fail_after, asyncio_timeout, fail_after),
    "scopes": (group_around, passes, group_around),
    "tasks": (in_a_task, sets_background, in_a_task),
    "inner twice": (twice, passes),
    "cut": (passes, short_cut, sets_background),
}


@pytest.mark.parametrize("stack", STACKS.values(), ids=STACKS)
def test_several_dispatch_functions(stack: tuple[Dispatch, ...]) -> None:
    """One inside the other."""
    # Every level is a task of its own; how far the inner ones are ahead of the outer is a race.
    calls = [
        call for call in calls_for(*stack) if not (call.path.startswith("/stream") and _ends_early(call))
    ]
    duel(app_with(*stack), *calls, races=True)


def _ends_early(call: Call) -> bool:
    return not call.gone_after is call.cancelled_after is call.fails_after is None


OTHERS = {
    "gzip": ((GZipMiddleware, {"minimum_size": 1}),),
    "cors": ((CORSMiddleware, {"allow_origins": ["https://a.example"]}),),
}


@pytest.mark.parametrize("inside", [True, False], ids=["inside", "outside"])
@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_with_stock_middleware(other: tuple[Any, ...], inside: bool) -> None:
    """GZip sees a body that streams behind a dispatch function."""

    def make(journal: Journal) -> FastAPI:
        app = app_with(passes, others=other if inside else ())(journal)
        if not inside:
            for middleware, options in other:
                app.add_middleware(middleware, **options)
        return app

    headers = ((b"accept-encoding", b"gzip"), (b"origin", b"https://a.example"))
    paths = ("/", "/stream", "/stream/fails", "/session", "/missing", "/fails")
    duel(make, *(Call(path, headers=headers) for path in paths))


@pytest.mark.parametrize("path", ["/waits", "/shielded", "/inside", "/endless", "/listens"])
@pytest.mark.parametrize(
    "dispatch", [passes, sees, asyncio_timeout, wait_for, fail_after], ids=lambda one: one.__name__
)
@pytest.mark.parametrize("how", ["gone", "cancelled", "alone"])
def test_a_child_that_waits(dispatch: Dispatch, path: str, how: str) -> None:
    """Timeouts, cancellation and the client's end reach a child wherever it waits."""
    limited = dispatch in (asyncio_timeout, wait_for, fail_after)
    call = Call(path, headers=() if path == "/endless" else ((b"x-limit", b"0.01"),))
    if path == "/endless":
        call = call._replace(gone_after=4) if how == "gone" else call._replace(cancelled_after=4)
    elif path == "/listens" and not limited:
        call = call._replace(gone_after=0)
    elif how != "alone":
        pytest.skip("it neither sends nor listens")
    duel(app_with(dispatch), call, idle_time=True)


@pytest.mark.parametrize("path", ["/bottom", "/bottom/late"])
def test_what_is_no_exception(path: str) -> None:
    """A BaseException ends the group, and the dispatch function with it."""
    duel(app_with(sees), Call(path))


@pytest.mark.parametrize(
    ("path", "deadline"),
    [("/", 0.0), ("/", 10.0), ("/deadline", 10.0), ("/scopes", 10.0), ("/waits", 0.01), ("/inside", 0.01)],
)
def test_a_deadline_further_out(path: str, deadline: float) -> None:
    """Scopes of middleware in front are those of the child too."""

    class Deadline:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            with anyio.move_on_after(deadline):
                await self.app(scope, receive, send)

    def make(journal: Journal) -> FastAPI:
        app = app_with(passes, sees)(journal)

        @app.get("/deadline", response_model=None)
        async def tells() -> dict[str, bool]:
            return {"finite": anyio.current_effective_deadline() < float("inf")}

        app.add_middleware(Deadline)
        return app

    duel(make, Call(path), idle_time=True)


def test_errors_of_receive_keep_their_shape() -> None:
    """What the client's side raises comes out of an anyio task group in Starlette."""

    class Limit:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            async def limited() -> Any:
                raise HTTPException(413)

            await self.app(scope, limited, send)

    def make(journal: Journal) -> FastAPI:
        app = app_with(sees)(journal)
        app.add_middleware(Limit)
        return app

    duel(make, Call("/raw", "POST", body=(b"x",)))


def test_a_context_of_ones_own() -> None:
    """A dispatch function that changes the context inside `call_next`'s task only."""

    async def runs_in_context(request: Any, call_next: Any, note: Any) -> Any:
        context = contextvars.copy_context()
        context.run(VALUE.set, "other")
        response = await asyncio.get_running_loop().create_task(call_next(request), context=context)
        note(VALUE.get())
        return response

    paths = ("/", "/task", "/session", "/suspends")
    duel(app_with(runs_in_context), *(Call(path) for path in paths))


def test_a_host_that_its_parents_group_adopted_before_it_called_on() -> None:
    """Its own group, which it gets later, is inside that of the parent."""

    def make(journal: Journal) -> FastAPI:
        app = FastAPI()

        @app.get("/")
        async def slow() -> str:
            await asyncio.sleep(0.001)
            return "done"

        @app.get("/fails")
        async def fails() -> None:
            await asyncio.sleep(0.001)
            raise ValueError("late")

        @app.middleware("http")
        async def pauses(request: Request, call_next: Any) -> Any:
            await asyncio.sleep(0)
            with anyio.move_on_after(3):
                response = await call_next(request)
            response.background = BackgroundTask(journal.append, (0, "task"))
            return response

        @app.middleware("http")
        async def outside(request: Request, call_next: Any) -> Any:
            response = await call_next(request)
            journal.append((1, response.status_code))
            return response

        return app

    duel(make, Call("/"), Call("/fails"), Call("/", gone_after=0), Call("/", cancelled_after=1, slow=True))
