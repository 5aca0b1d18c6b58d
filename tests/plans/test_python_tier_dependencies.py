"""Dependencies through the python tier: kinds, caching, parameters and contexts equal to FastAPI's."""

import asyncio
import contextvars
import functools
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from fastapi import BackgroundTasks, Depends, FastAPI, Request, Response, Security
from fastapi.requests import HTTPConnection
from fastapi.security import HTTPBasic, HTTPBearer, OAuth2PasswordBearer, SecurityScopes

from .generators import Events, Handled, new_app
from .python_tier import PACES, Call, InlinePace, compare

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
