"""Dependencies through the python tier: order, scopes, exceptions and contexts equal to FastAPI's."""

import asyncio
import contextvars
import functools
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Annotated, Any

import anyio
import anyio.lowlevel
import pytest
from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException, Request, Response, Security
from fastapi.requests import HTTPConnection
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBasic, HTTPBearer, OAuth2PasswordBearer, SecurityScopes

from .python_tier import PACES, Call, InlinePace, Planned, compare

Events = list[Any]
Build = Callable[[FastAPI, Events], None]


class Broken(Exception):
    """Raised on purpose."""


class Handled(Exception):
    """Raised on purpose, and handled by the app."""


def generator(events: Events, name: str, kind: str, behaviour: str = "plain") -> Callable[..., Any]:
    """A dependency with `yield` that records its steps and behaves as told."""

    def before() -> None:
        events.append(f"enter {name}")
        if behaviour == "raise before":
            raise Broken(name)
        if behaviour == "http before":
            raise HTTPException(418, name)

    def caught(error: BaseException) -> None:
        events.append(f"{name} got {error!r}")
        if behaviour in ("swallow", "swallow twice"):
            return
        if behaviour == "convert":
            raise HTTPException(409, "converted") from error
        if behaviour == "other":
            raise Broken("other")
        raise error

    def after() -> None:
        events.append(f"exit {name}")
        if behaviour == "raise after":
            raise Broken(f"after {name}")
        if behaviour == "http after":
            raise HTTPException(410, name)
        if behaviour == "stop after":
            raise StopIteration(name)

    if kind == "async":

        async def depend() -> AsyncIterator[str]:
            before()
            if behaviour == "no yield":
                return
            try:
                yield name
            except BaseException as error:
                caught(error)
            finally:
                await asyncio.sleep(0)
                after()
            if behaviour in ("twice", "swallow twice"):
                yield name

        return depend

    def depend_sync() -> Iterator[str]:
        before()
        if behaviour == "no yield":
            return
        try:
            yield name
        except BaseException as error:
            caught(error)
        finally:
            after()
        if behaviour in ("twice", "swallow twice"):
            yield name

    return depend_sync


BEHAVIOURS = [
    "plain",
    "raise before",
    "http before",
    "swallow",
    "convert",
    "other",
    "raise after",
    "http after",
    "stop after",
    "no yield",
    "twice",
    "swallow twice",
]
ENDPOINTS: dict[str, Callable[[], Any]] = {}


def endpoint(function: Callable[[], Any]) -> Callable[[], Any]:
    """Lists `function` among what an endpoint may do."""
    ENDPOINTS[function.__name__] = function
    return function


@endpoint
def returns() -> Any:
    return {"a": 1}


@endpoint
def raises() -> Any:
    raise Broken("endpoint")


@endpoint
def raises_http() -> Any:
    raise HTTPException(401, "no", headers={"x-why": "because"})


@endpoint
def raises_handled() -> Any:
    raise Handled("handled")


@endpoint
def raises_stop() -> Any:
    raise StopIteration("stop")


@endpoint
def raises_stop_async() -> Any:
    raise StopAsyncIteration("stop")


@endpoint
def raises_runtime() -> Any:
    raise RuntimeError("generator didn't stop")


@endpoint
def raises_cancelled() -> Any:
    raise asyncio.CancelledError


@endpoint
def unserialisable() -> Any:
    return {"a": float("nan")}


@endpoint
def wrong_type() -> Any:
    return {"a": "text"}


def new_app(events: Events) -> FastAPI:
    """An app that records what its handlers are given."""
    app = FastAPI()

    @app.exception_handler(Handled)
    async def handle(request: Request, error: Handled) -> JSONResponse:
        events.append(("handler", repr(error), sorted(request.scope), type(error.__context__).__name__))
        return JSONResponse({"handled": str(error)}, 499)

    @app.exception_handler(HTTPException)
    def handle_http(request: Request, error: HTTPException) -> JSONResponse:
        events.append(("http handler", repr(error)))
        return JSONResponse({"http": error.detail}, error.status_code, headers=error.headers)

    return app


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


VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("VARIABLE", default="unset")


@pytest.mark.parametrize("pace", PACES.values())
def test_context_variables(pace: type[InlinePace]) -> None:
    """INTERNALS 1.3: what async code sets is seen by all that follows, what `def` code sets by none."""
    events: Events = []
    app = FastAPI()

    async def set_async() -> None:
        events.append(VARIABLE.get())
        VARIABLE.set("async")

    def set_sync() -> None:
        events.append(VARIABLE.get())
        VARIABLE.set("sync")

    async def generate_async() -> AsyncIterator[None]:
        events.append(VARIABLE.get())
        VARIABLE.set("async generator")
        yield
        events.append(VARIABLE.get())
        VARIABLE.set("after")

    def generate_sync() -> Iterator[None]:
        events.append(VARIABLE.get())
        VARIABLE.set("sync generator")
        yield
        events.append(VARIABLE.get())

    async def later() -> None:
        events.append(VARIABLE.get())

    def later_sync() -> None:
        events.append(VARIABLE.get())

    for number, order in enumerate(
        (
            (set_async, set_sync, generate_async, generate_sync),
            (generate_sync, set_sync, set_async),
            (generate_async, generate_sync, set_sync),
        )
    ):

        @app.get(f"/async/{number}", dependencies=[Depends(call) for call in order])
        async def run(background: BackgroundTasks) -> str:
            background.add_task(later)
            background.add_task(later_sync)
            value = VARIABLE.get()
            VARIABLE.set("endpoint")
            return value

        @app.get(f"/sync/{number}", dependencies=[Depends(call) for call in order])
        def run_sync(background: BackgroundTasks) -> str:
            background.add_task(later)
            value = VARIABLE.get()
            VARIABLE.set("endpoint")
            return value

    calls = [Call(f"/{kind}/{number}") for kind in ("async", "sync") for number in range(3)]
    compare(app, events, calls, pace=pace)


class Paginate:
    """A class as a dependency."""

    def __init__(self, limit: int = 10, offset: int = 0) -> None:
        self.text = f"{limit}/{offset}"


class Counter:
    """An instance as a dependency; equal instances share a cached result in FastAPI."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __call__(self) -> int:
        return self.number


class AsyncCall:
    async def __call__(self, q: str = "none") -> str:
        return f"async {q}"


class GeneratorCall:
    async def __call__(self) -> AsyncIterator[str]:
        yield "generated"


class SyncGeneratorCall:
    def __call__(self) -> Iterator[str]:
        yield "generated in a thread"


def wrapped(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


async def takes_query(q: str = "x") -> str:
    return q


async def generates_query(q: str = "x") -> AsyncIterator[str]:
    yield q


@pytest.mark.parametrize("pace", PACES.values())
def test_kinds_of_callables(pace: type[InlinePace]) -> None:
    events: Events = []
    app = FastAPI()
    callables: list[Any] = [
        Paginate,
        Counter(1),
        AsyncCall(),
        GeneratorCall(),
        SyncGeneratorCall(),
        functools.partial(takes_query, q="partial"),
        functools.partial(generates_query, q="partial"),
        wrapped(takes_query),
        wrapped(generates_query),
        wrapped(wrapped(functools.partial(generates_query))),
        lambda q="lambda": q,
        GeneratorCall().__call__,
        list,
    ]
    for number, call in enumerate(callables):

        @app.get(f"/{number}")
        async def run(value: Any = Depends(call)) -> Any:
            return getattr(value, "text", value)

    calls = [
        Call(f"/{number}", query=query) for number in range(len(callables)) for query in (b"", b"q=1&limit=5")
    ]
    compare(app, events, calls, pace=pace)


@pytest.mark.parametrize("pace", PACES.values())
def test_a_parameter_called_func(pace: type[InlinePace]) -> None:
    """Starlette's run_in_threadpool has such a parameter itself: dependencies cannot, endpoints can."""
    events: Events = []
    app = FastAPI()

    @app.get("/endpoint")
    def endpoint(func: int) -> int:
        return func

    def depend(func: int) -> int:
        return func

    @app.get("/dependency")
    async def run(value: int = Depends(depend)) -> int:
        return value

    compare(app, events, [Call("/endpoint", query=b"func=1")], pace=pace)
    compare(app, events, [Call("/dependency", query=b"func=1")], pace=pace, expect_plans=False)


@pytest.mark.parametrize("pace", PACES.values())
def test_caching(pace: type[InlinePace]) -> None:
    events: Events = []
    app = FastAPI()

    def count(name: str) -> Callable[..., int]:
        def call() -> int:
            events.append(name)
            return len(events)

        return call

    leaf, uncached = count("leaf"), count("uncached")

    async def middle(a: int = Depends(leaf), b: int = Depends(uncached, use_cache=False)) -> int:
        events.append(("middle", a, b))
        return a + b

    async def generated(a: int = Depends(leaf)) -> AsyncIterator[int]:
        events.append("enter")
        yield a
        events.append("exit")

    @app.get("/")
    async def run(
        a: int = Depends(leaf),
        b: int = Depends(middle),
        c: int = Depends(middle),
        d: int = Depends(middle, use_cache=False),
        e: int = Depends(uncached),
        f: int = Depends(generated),
        g: int = Depends(generated),
        h: int = Depends(generated, use_cache=False),
    ) -> Any:
        return [a, b, c, d, e, f, g, h]

    compare(app, events, [Call("/")], pace=pace)


def test_security() -> None:
    events: Events = []
    app = FastAPI()
    oauth = OAuth2PasswordBearer("token", scopes={"me": "", "items": ""})

    async def user(scopes: SecurityScopes, token: str = Depends(oauth)) -> str:
        events.append((scopes.scopes, scopes.scope_str))
        scopes.scopes.append("changed")
        return f"{token} {scopes.scope_str}"

    async def active(user: str = Security(user, scopes=["me"])) -> str:
        return user

    @app.get("/oauth")
    async def run(a: str = Security(active, scopes=["items"]), b: str = Depends(user)) -> Any:
        return [a, b]

    @app.get("/basic")
    def basic(credentials: Any = Depends(HTTPBasic())) -> Any:
        return credentials.username

    @app.get("/bearer")
    async def bearer(credentials: Any = Depends(HTTPBearer(auto_error=False))) -> Any:
        return credentials

    headers = [
        (),
        ((b"authorization", b"Bearer abc"),),
        ((b"authorization", b"Basic YTpi"),),
        ((b"authorization", b"Basic ?"),),
    ]
    calls = [Call(path, headers=header) for path in ("/oauth", "/basic", "/bearer") for header in headers]
    compare(app, events, calls)


def test_request_parameters() -> None:
    """What a Request shows, and callbacks that user code pushes on FastAPI's stacks, in order."""
    events: Events = []
    app = new_app(events)

    async def look(request: Request, connection: HTTPConnection) -> Request:
        assert request is connection
        events.append(sorted(request.scope))
        request.scope["fastapi_inner_astack"].callback(events.append, "pushed on the request's stack")
        request.scope["fastapi_function_astack"].callback(events.append, "pushed on the function's stack")
        request.state.seen = True
        return request

    async def generate(request: Request) -> AsyncIterator[str]:
        yield str(request.url)
        events.append(f"exit {request.state.seen}")

    @app.get("/{a}", dependencies=[Depends(look)])
    async def run(a: str, request: Request, url: str = Depends(generate)) -> Any:
        events.append(await request.body())
        events.append(str(request.url_for("run", a="b")))
        return {"a": a, "url": url, "keys": sorted(request.scope), "route": request.scope["route"].path}

    @app.post("/body")
    async def body(request: Request, item: dict[str, Any]) -> Any:
        assert (await request.json()) is (await request.json())
        events.append([await request.body(), await request.json(), item, await request.is_disconnected()])
        return item

    @app.post("/stream")
    async def stream(request: Request) -> Any:
        events.append([part async for part in request.stream()])
        with pytest.raises(RuntimeError):
            await request.body()
        raise Handled("streamed")

    chunks = (b'{"a"', b":1", b"}")
    json = ((b"content-type", b"application/json"),)
    compare(
        app,
        events,
        [
            Call("/x"),
            Call.json("/body", '{"a": 1}'),
            Call("/body", "POST", headers=json, body=chunks),
            Call("/body", "POST", headers=json, body=(*chunks, b"")),
            Call("/stream", "POST", body=chunks),
            Call("/stream", "POST", body=(b"a",), disconnects=True),
            Call("/body", "POST", headers=json, body=(b"{",), disconnects=True),
        ],
    )


def test_injected_response() -> None:
    events: Events = []
    app = FastAPI()

    async def headers(response: Response) -> None:
        response.headers["x-dependency"] = "1"
        response.headers["content-type"] = "text/x"

    def status(response: Response) -> Response:
        response.status_code = 202
        return response

    @app.get("/cookie", dependencies=[Depends(headers)])
    async def cookie(response: Response) -> Any:
        response.set_cookie("a", "b")
        response.set_cookie("c", "d")
        return {}

    @app.get("/status", status_code=201)
    def both(same: Response = Depends(status)) -> dict[str, str]:
        same.headers.append("x-a", "1")
        same.headers.append("x-a", "2")
        return {}

    @app.get("/unused", status_code=201)
    async def unused(response: Response) -> dict[str, str]:
        events.append(sorted(response.headers))
        return {}

    @app.get("/dropped")
    async def dropped(same: Response = Depends(status)) -> Any:
        return Response("own", headers={"x-own": "1"})

    @app.get("/none", status_code=204)
    async def none(response: Response) -> None:
        response.headers["x-a"] = "1"

    @app.get("/late/{code}")
    async def late(code: int, response: Response) -> Any:
        response.status_code = code
        return {"a": 1}

    paths = ["/cookie", "/status", "/unused", "/dropped", "/none"]
    compare(
        app,
        events,
        [Call(path) for path in paths] + [Call(f"/late/{code}") for code in (100, 201, 204, 205, 304)],
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


@pytest.mark.parametrize("pace", PACES.values())
def test_threads(pace: type[InlinePace]) -> None:
    """Synchronous code runs where its pace says, and asynchronous code on the loop's thread."""
    events: Events = []
    app = FastAPI()

    def loop_is_visible() -> bool:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return False
        return True

    def depend() -> Iterator[None]:
        events.append(loop_is_visible())
        yield
        events.append(loop_is_visible())

    async def asynchronous() -> bool:
        return loop_is_visible() and threading.current_thread() is threading.main_thread()

    @app.get("/")
    def run(a: None = Depends(depend), b: bool = Depends(asynchronous)) -> Any:
        return [b, loop_is_visible(), asyncio.run(asyncio.sleep(0, True))]

    compare(app, events, [Call("/")], pace=pace)
