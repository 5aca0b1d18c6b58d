"""Generators as dependencies: what they enter, are thrown and clean up, in FastAPI's order and scopes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Annotated, Any

import anyio
import anyio.lowlevel
import pytest
from fastapi import BackgroundTasks, Depends, FastAPI, Request
from fastapi.responses import JSONResponse

from .generators import BEHAVIOURS, ENDPOINTS, Broken, Events, Handled, generator, new_app
from .python_tier import PACES, Call, InlinePace, Planned, compare


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
@pytest.mark.parametrize("scope", ["request", "function"])
@pytest.mark.parametrize("kind", ["async", "sync"])
def test_generator_around_every_endpoint(kind: str, scope: Any, behaviour: str) -> None:
    events: Events = []
    app = new_app(events)
    calls = []
    for name, act in ENDPOINTS.items():
        depend = generator(events, "dep", kind, behaviour)

        def run(act: Callable[[], Any], value: str) -> Any:
            events.append(f"endpoint {value}")
            return act()

        def add(name: str, act: Callable[[], Any], depend: Callable[..., Any]) -> None:
            @app.get(f"/{name}")
            async def async_endpoint(
                value: Annotated[str, Depends(depend, scope=scope)], background: BackgroundTasks
            ) -> dict[str, int]:
                background.add_task(events.append, "background")
                return run(act, value)  # type: ignore[no-any-return]

            @app.get(f"/sync/{name}")
            def sync_endpoint(value: Annotated[str, Depends(depend, scope=scope)]) -> Any:
                return run(act, value)

        add(name, act, depend)
        calls += [Call(f"/{name}")]
        if name != "raises_cancelled":
            calls += [Call(f"/sync/{name}")]
    for pace in (PACES["inline"], PACES["mixed"]) if kind == "async" else PACES.values():
        outcomes = compare(app, events, calls, pace=pace)
        assert all("enter dep" in outcome.happened for outcome in outcomes)


@pytest.mark.parametrize("outer", ["plain", "swallow", "convert", "raise after", "twice"])
@pytest.mark.parametrize("inner", ["plain", "swallow", "other", "raise after", "raise before"])
@pytest.mark.parametrize(
    "scopes", [("request", "function"), ("request", "request"), ("function", "function")]
)
def test_nested_generators(scopes: Any, inner: str, outer: str) -> None:
    events: Events = []
    app = new_app(events)
    calls = []
    for kinds in (("async", "async"), ("async", "sync"), ("sync", "async"), ("sync", "sync")):
        for name, act in ENDPOINTS.items():
            if name not in ("returns", "raises", "raises_http", "raises_handled", "wrong_type"):
                continue
            first = generator(events, "outer", kinds[0], outer)
            second = generator(events, "inner", kinds[1], inner)
            path = f"/{kinds[0]}/{kinds[1]}/{name}"

            def add(path: str, act: Callable[[], Any], first: Any, second: Any) -> None:
                async def between(value: Annotated[str, Depends(first, scope=scopes[0])]) -> str:
                    events.append(f"between {value}")
                    return value

                @app.get(path, dependencies=[Depends(between)])
                async def run(
                    inner: Annotated[str, Depends(second, scope=scopes[1])],
                    outer: Annotated[str, Depends(first, scope=scopes[0])],
                ) -> dict[str, int]:
                    events.append(f"endpoint {inner} {outer}")
                    return act()  # type: ignore[no-any-return]

            add(path, act, first, second)
            calls.append(Call(path))
    for pace in (PACES["mixed"], PACES["threads"]):
        outcomes = compare(app, events, calls, pace=pace)
        assert all("enter outer" in outcome.happened for outcome in outcomes)


@pytest.mark.parametrize("pace", PACES.values())
@pytest.mark.parametrize("fails_on", [None, "http.response.start", "http.response.body"])
def test_failures_after_the_response_started(pace: type[InlinePace], fails_on: str | None) -> None:
    events: Events = []
    app = new_app(events)

    @app.exception_handler(OSError)
    async def handle_lost(request: Request, error: OSError) -> None:
        events.append("lost")

    async def failing() -> None:
        events.append("background")
        raise Handled("background")

    def failing_sync() -> None:
        events.append("background")
        raise Broken("background")

    depends = {kind: generator(events, kind, kind) for kind in ("async", "sync")}

    @app.get("/handled")
    async def handled(
        background: BackgroundTasks, a: str = Depends(depends["async"]), b: str = Depends(depends["sync"])
    ) -> Any:
        background.add_task(failing)
        return {"a": a, "b": b}

    @app.get("/unhandled")
    async def unhandled(background: BackgroundTasks, a: str = Depends(depends["async"])) -> Any:
        background.add_task(failing_sync)
        return JSONResponse({"a": a})

    @app.get("/own")
    async def own(background: BackgroundTasks, a: str = Depends(depends["async"])) -> Any:
        background.add_task(failing)

        class Own(JSONResponse):
            async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
                events.append("own call")
                await super().__call__(scope, receive, send)

        return Own({"a": a})

    compare(
        app, events, [Call(path, fails_on=fails_on) for path in ("/handled", "/unhandled", "/own")], pace=pace
    )


@pytest.mark.parametrize("fails", [None, Broken("in cleanup")])
@pytest.mark.parametrize("pace", PACES.values())
def test_inside_a_cancel_scope(pace: type[InlinePace], fails: Exception | None) -> None:
    """FastAPI shields the cleanup of asynchronous generators from the cancellation of an enclosing scope."""
    events: Events = []
    app = FastAPI()

    def depend(name: str) -> Callable[..., AsyncIterator[str]]:
        async def generate() -> AsyncIterator[str]:
            events.append(f"enter {name}")
            try:
                yield "value"
            except BaseException as error:
                events.append((name, type(error).__name__))
                raise
            finally:
                await anyio.lowlevel.checkpoint()
                events.append(f"cleaned {name}")
                if cancels_in == ["cleanup"] and name == "second":
                    scopes[-1].cancel()
                if fails is not None:
                    raise fails

        return generate

    def depend_sync() -> Iterator[str]:
        yield "value"
        events.append("cleaned in a thread")

    scopes: list[anyio.CancelScope] = []
    cancels_in: list[str] = []

    @app.get("/{when}")
    async def run(
        when: str,
        first: Annotated[str, Depends(depend("first"))],
        second: Annotated[str, Depends(depend("second"), scope="function")],
        third: Annotated[str, Depends(depend_sync)],
        background: BackgroundTasks,
    ) -> Any:
        cancels_in[:] = [when]
        if when == "background":
            background.add_task(cancel)
        if when == "endpoint":
            await cancel()
        return "value"

    async def cancel() -> None:
        scopes[-1].cancel()
        await anyio.lowlevel.checkpoint()

    async def scoped(scope: Any, receive: Any, send: Any) -> None:
        with anyio.CancelScope() as cancel_scope:
            scopes.append(cancel_scope)
            await app(scope, receive, send)
        events.append(("scope", cancel_scope.cancelled_caught))

    calls = [Call("/endpoint"), Call("/cleanup"), Call("/background"), Call("/never")]
    outcomes = compare(app, events, calls, through=scoped, pace=pace)
    assert all("cleaned first" in outcome.happened for outcome in outcomes)
    if fails is None:
        assert [outcome.happened[-1] for outcome in outcomes] == [
            *[("scope", True)] * 3,
            ("scope", False),
        ]


def test_on_another_event_loop() -> None:
    """Starlette's test client can run an app on trio, whether or not plans are in place."""
    trio = pytest.importorskip("trio")
    events: Events = []
    app = FastAPI()

    @app.get("/")
    async def run(
        value: Annotated[str, Depends(generator_with_checkpoint(events))], background: BackgroundTasks
    ) -> Any:
        background.add_task(events.append, "background")
        return value

    planned = Planned(app)
    expected = trio.run(request_once, app, events)
    with planned.in_place():
        assert trio.run(request_once, app, events) == expected
    assert planned.used
    assert "exit" in expected


def generator_with_checkpoint(events: Events) -> Callable[..., AsyncIterator[str]]:
    async def depend() -> AsyncIterator[str]:
        yield "value"
        await anyio.lowlevel.checkpoint()
        events.append("exit")

    return depend


async def request_once(app: FastAPI, events: Events) -> Events:
    """What one request of `app` makes happen, on any event loop."""
    events.clear()
    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": []}

    async def send(message: Any) -> None:
        events.append(message)

    await app(scope, anyio.sleep_forever, send)  # type: ignore[arg-type]
    return list(events)


def test_behind_function_middleware() -> None:
    """`@app.middleware` runs the route in a task of its own, inside a task group."""
    events: Events = []
    app = FastAPI()

    @app.get("/")
    async def run(
        value: Annotated[str, Depends(generator(events, "async", "async"))],
        other: Annotated[str, Depends(generator(events, "sync", "sync"))],
    ) -> Any:
        return value

    @app.middleware("http")
    async def middleware(request: Request, call_next: Any) -> Any:
        response = await call_next(request)
        response.headers["x-middleware"] = "1"
        return response

    compare(app, events, [Call("/")])


@pytest.mark.parametrize("cancels", [True, False])
def test_task_group_in_a_dependency(cancels: bool) -> None:
    """A scope that a dependency opens encloses the endpoint and the generators entered after it."""
    events: Events = []
    app = FastAPI()

    async def group() -> AsyncIterator[anyio.abc.TaskGroup]:
        async with anyio.create_task_group() as tasks:
            try:
                yield tasks
            except BaseException as error:
                events.append(("group", type(error).__name__))
                raise
        events.append("group closed")

    async def inner() -> AsyncIterator[str]:
        try:
            yield "inner"
        except BaseException as error:
            events.append(("inner", type(error).__name__))
            raise
        finally:
            events.append("inner exit")

    async def work() -> None:
        events.append("work")

    async def fail() -> None:
        raise Broken("in the group")

    @app.get("/{what}")
    async def run(
        what: str,
        tasks: Annotated[anyio.abc.TaskGroup, Depends(group)],
        value: Annotated[str, Depends(inner, scope="function")],
    ) -> Any:
        tasks.start_soon(fail if what == "fail" else work)
        if cancels:
            tasks.cancel_scope.cancel()
        if what != "quick":
            await anyio.lowlevel.checkpoint()
            await anyio.lowlevel.checkpoint()
        return value

    compare(app, events, [Call("/work"), Call("/fail"), Call("/quick")])


def test_cancelled_from_outside() -> None:
    """The server cancels the task: generators get the CancelledError, and it leaves the app."""
    events: Events = []
    app = FastAPI()
    waiting = asyncio.Event()

    @app.get("/")
    async def run(
        a: str = Depends(generator(events, "async", "async")),
        b: str = Depends(generator(events, "function", "async"), scope="function"),
        c: str = Depends(generator(events, "sync", "sync")),
    ) -> Any:
        waiting.set()
        await asyncio.Event().wait()

    async def cancelled(scope: Any, receive: Any, send: Any) -> None:
        waiting.clear()
        task = asyncio.ensure_future(app(scope, receive, send))
        await waiting.wait()
        task.cancel()
        await task

    compare(app, events, [Call("/")], through=cancelled)
