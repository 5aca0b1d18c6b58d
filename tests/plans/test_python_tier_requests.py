"""Bodies, answers and streams through the python tier, equal to FastAPI's."""

import dataclasses
import datetime
import decimal
import enum
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import fastapi.dependencies.utils
import fastapi.routing
import pytest
from fastapi import (
    APIRouter,
    BackgroundTasks,
    Body,
    Cookie,
    Depends,
    FastAPI,
    File,
    Form,
    Header,
    HTTPException,
    Query,
    Request,
    Response,
    UploadFile,
)
from fastapi.exceptions import RequestValidationError
from fastapi.responses import (
    FileResponse,
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    StreamingResponse,
)
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, Field, field_serializer, field_validator

from turboapi.plans.handlers import handler_facts
from turboapi.plans.originals import verify_originals
from turboapi.plans.python_plan import compile_python_plan
from turboapi.plans.reasons import NotPlannable

from .python_tier import PACES, Call, InlinePace, Planned, compare, request

Events = list[Any]


class Colour(enum.Enum):
    RED = "red"


class Item(BaseModel):
    name: str
    price: float = Field(gt=0)
    tags: list[str] = []
    _private: int = 1


class Checked(BaseModel):
    name: str
    when: datetime.datetime | None = None

    @field_validator("name")
    @classmethod
    def check(cls, value: str) -> str:
        if value == "bad":
            raise ValueError("bad name")
        return value.upper()

    @field_serializer("name")
    def write(self, value: str) -> str:
        return f"<{value}>"


class Data(BaseModel):
    name: str
    tags: list[str] = []


@dataclasses.dataclass
class Point:
    x: int
    y: int


JSON = (b"content-type", b"application/json")
BODIES: list[tuple[tuple[tuple[bytes, bytes], ...], tuple[bytes, ...]]] = [
    ((JSON,), (b'{"name": "a", "price": 1}',)),
    ((JSON,), (b'{"name": "a", ', b'"price": 1}')),
    ((JSON,), (b'{"name": "bad", "price": -1}',)),
    ((JSON,), (b"{",)),
    ((JSON,), (b"\xff",)),
    ((JSON,), (b"[" * 100_000,)),
    ((JSON,), (b"9" * 5000,)),
    ((JSON,), (b"null",)),
    ((JSON,), (b"[1, 2]",)),
    ((JSON,), (b'{"item": {"name": "a", "price": NaN}, "count": 3}',)),
    ((JSON,), (b'{"item": {"name": "a", "price": 2}, "count": 3}',)),
    ((JSON,), (b"",)),
    ((), (b'{"name": "a", "price": 1}',)),
    (((b"content-type", b""),), (b'{"name": "a", "price": 1}',)),
    (((b"content-type", b"text/plain"),), (b'{"name": "a", "price": 1}',)),
    (((b"content-type", b"application/vnd.x+json; charset=utf-8"),), (b'{"name": "a", "price": 1}',)),
    (((b"content-type", b"APPLICATION/JSON"),), (b'{"name": "a", "price": 1}',)),
    (((b"content-type", b"application/xjson"),), (b"5",)),
]


@pytest.mark.parametrize(("solve", "reference"), [(True, False), (True, True), (False, False)])
def test_json_bodies(solve: bool, reference: bool) -> None:
    events: Events = []
    app = FastAPI()
    loose = APIRouter(strict_content_type=False)

    @app.post("/item")
    async def item(item: Item) -> Item:
        return item

    @app.post("/checked")
    async def checked(item: Checked) -> Checked:
        return item

    @app.post("/embedded")
    def embedded(item: Item, count: int = Body(5)) -> Any:
        return {"item": item, "count": count}

    @app.post("/raw")
    async def raw(request: Request, body: Annotated[Any, Body()] = None) -> Any:
        events.append([await request.body(), getattr(request, "_json", "none")])
        return repr(body)

    @app.post("/bytes")
    async def take_bytes(body: Annotated[bytes, Body()]) -> Any:
        return repr(body)

    @loose.post("/item")
    async def loose_item(item: Item | None = None, q: int = 3) -> Any:
        return [item, q]

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        events.append((str(error), error.body, error.endpoint_ctx))
        return JSONResponse({"errors": repr(error.errors())}, 422)

    app.include_router(loose, prefix="/loose")
    paths = ["/item", "/checked", "/embedded", "/raw", "/bytes", "/loose/item"]
    compare(
        app,
        events,
        [Call(path, "POST", headers=headers, body=body) for path in paths for headers, body in BODIES],
        solve=solve,
        reference=reference,
    )


def test_parameter_errors() -> None:
    """An error anywhere: FastAPI still calls the dependencies that have none, and lists every error."""
    events: Events = []
    app = FastAPI()

    async def first(a: int) -> int:
        events.append("first")
        return a

    def second(x_token: Annotated[str, Header(min_length=3)]) -> Iterator[str]:
        events.append("second")
        yield x_token
        events.append("exit second")

    async def unauthorised(key: str = "") -> None:
        events.append("unauthorised")
        if not key:
            raise HTTPException(401)

    @app.get("/{path}", dependencies=[Depends(unauthorised)])
    async def run(
        path: int,
        a: int = Depends(first),
        b: str = Depends(second),
        q: Annotated[list[int], Query()] = [1],  # noqa: B006
        colour: Colour = Colour.RED,
        c: Annotated[str | None, Cookie()] = None,
    ) -> Any:
        q.append(len(q))
        return [path, a, b, q, colour, c]

    token = (b"x-token", b"abc")
    calls = [
        Call("/1", query=b"a=1&key=k", headers=(token,)),
        Call("/1", query=b"a=1&key=k", headers=(token,)),
        Call("/1", query=b"a=x&key=k", headers=(token,)),
        Call("/x", query=b"a=1&key=k&q=1&q=x", headers=(token, (b"cookie", b"c=d"))),
        Call("/x", query=b"a=1&q=1&q=x", headers=(token, (b"cookie", b"c=d"))),
        Call("/1", query=b"a=1&key=k&q=1&q=2&colour=blue"),
        Call("/1"),
    ]
    compare(app, events, calls)


BOUNDARY = b"multipart/form-data; boundary=b"


def part(disposition: str, content: bytes) -> bytes:
    return b"--b\r\nContent-Disposition: form-data; %s\r\n\r\n%s\r\n" % (disposition.encode(), content)


@pytest.mark.parametrize("solve", [True, False])
def test_forms_and_files(solve: bool) -> None:
    """Files are closed when the whole exchange is over, after background tasks and exits."""
    events: Events = []
    app = FastAPI()
    files: list[UploadFile] = []

    async def depend() -> AsyncIterator[None]:
        yield
        events.append(("exit", [file.file.closed for file in files]))

    @app.post("/form")
    async def form(name: Annotated[str, Form()], age: Annotated[int, Form()] = 3) -> Any:
        return {"name": name, "age": age}

    @app.post("/model")
    def model(data: Annotated[Data, Form()]) -> Data:
        return data

    @app.post("/file", dependencies=[Depends(depend)])
    async def upload(file: UploadFile, background: BackgroundTasks, note: str = Form("none")) -> Any:
        files[:] = [file]
        background.add_task(lambda: events.append(("background", file.file.closed)))
        return {"name": file.filename, "size": file.size, "text": (await file.read()).decode(), "note": note}

    @app.post("/bytes")
    async def content(file: Annotated[bytes, File()]) -> Any:
        return file.decode()

    @app.post("/many")
    async def many(file: list[UploadFile]) -> Any:
        return [one.filename for one in file]

    url_encoded = (b"content-type", b"application/x-www-form-urlencoded")
    multipart = (b"content-type", BOUNDARY)
    upload_part = part('name="file"; filename="a.txt"', b"hello")
    bodies = [
        ((url_encoded,), b"name=a&age=5&tags=x&tags=y"),
        ((url_encoded,), b"age=x"),
        ((), b"name=a"),
        ((multipart,), upload_part + part('name="note"', b"n") + b"--b--\r\n"),
        ((multipart,), upload_part + upload_part + b"--b--\r\n"),
        ((multipart,), b"--c\r\n\r\n"),
        (((b"content-type", b"multipart/form-data"),), b"x"),
        ((multipart,), b"--b\r\nno colon\r\n\r\n--b--\r\n"),
    ]
    calls = [
        Call(path, "POST", headers=headers, body=(body,))
        for path in ("/form", "/model", "/file", "/bytes", "/many")
        for headers, body in bodies
    ]
    calls.append(Call("/form", "POST", headers=(url_encoded,), body=(b"name=",), disconnects=True))
    for _ in range(2):
        compare(app, events, calls, solve=solve)
        assert all(file.file.closed for file in files)


@pytest.mark.parametrize("pace", PACES.values())
def test_answers(pace: type[InlinePace]) -> None:
    events: Events = []
    app = FastAPI()

    class Odd(JSONResponse):
        media_type = "application/odd"

        def render(self, content: Any) -> bytes:
            events.append(content)
            return super().render(content)

    class Later(Response):
        def __init__(self, content: Any = None, **options: Any) -> None:
            super().__init__(content, **options)
            self.headers["x-later"] = "1"

    values: dict[str, Any] = {
        "dict": {"a": 1, "_sa_b": 2, "c": None},
        "list": [1, 2.5, "é", None, True],
        "text": "text",
        "none": None,
        "model": Item(name="a", price=1),
        "checked": Checked.model_construct(name="a"),
        "point": Point(1, 2),
        "enum": {Colour.RED: Colour.RED},
        "decimal": decimal.Decimal("1.10"),
        "nan": float("nan"),
        "surrogate": "\ud800",
        "object": object(),
        "date": datetime.date(2020, 1, 2),
        "path": Path("/a"),
        "set": {1},
        "deep": [[[[[[[[[[]]]]]]]]]],
    }
    kinds: dict[str, dict[str, Any]] = {
        "plain": {},
        "created": {"status_code": 201},
        "empty": {"status_code": 204},
        "reset": {"status_code": 205},
        "early": {"status_code": 100},
        "json": {"response_class": JSONResponse},
        "odd": {"response_class": Odd},
        "text": {"response_class": PlainTextResponse},
        "html": {"response_class": HTMLResponse},
        "redirect": {"response_class": RedirectResponse},
        "later": {"response_class": Later},
        "any": {"response_model": Any},
        "model": {"response_model": Item},
        "checked": {"response_model": Checked},
        "model json": {"response_model": Item, "response_class": JSONResponse},
        "exclude": {
            "response_model": Item,
            "response_model_exclude": {"tags"},
            "response_model_exclude_unset": True,
        },
        "none": {"response_model": None},
    }
    calls = []
    for kind, options in kinds.items():
        for name, value in values.items():
            for path, is_async in ((f"/{kind}/{name}", True), (f"/sync/{kind}/{name}", False)):
                _answer(app, path, value, is_async, options)
                calls.append(Call(path))
    compare(app, events, calls, pace=pace)


def _answer(app: FastAPI, path: str, value: Any, is_async: bool, options: dict[str, Any]) -> None:
    if is_async:

        @app.get(path, **options)
        async def run():  # type: ignore[no-untyped-def]  # noqa: ANN202
            return value

    else:

        @app.get(path, **options)
        def run_sync():  # type: ignore[no-untyped-def]  # noqa: ANN202
            return value


def test_returned_responses(tmp_path: Path) -> None:
    events: Events = []
    app = FastAPI()
    file = tmp_path / "file.txt"
    file.write_bytes(b"content")
    task = BackgroundTasks()
    task.add_task(events.append, "own background")

    async def stream() -> AsyncIterator[bytes]:
        yield b"a"
        yield b"b"

    def failing() -> Iterator[bytes]:
        yield b"a"
        raise HTTPException(418)

    async def not_a_response(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError

    made: dict[str, Callable[[], Any]] = {
        "json": lambda: JSONResponse({"a": 1}, 204),
        "empty": lambda: Response(b"", headers={"X-A": "1", "Content-Length": "0"}),
        "memory": lambda: Response(memoryview(b"view")),
        "file": lambda: FileResponse(file, headers={"etag": "e", "last-modified": "l"}),
        "stream": lambda: StreamingResponse(stream()),
        "failing": lambda: StreamingResponse(failing()),
        "redirect": lambda: RedirectResponse("/é?a=b c"),
        "background": lambda: PlainTextResponse("x", background=task),
        "callable": lambda: not_a_response,
    }
    for name, make in made.items():

        @app.get(f"/{name}", response_model=None)
        async def run(background: BackgroundTasks, make: Any = Depends(lambda make=make: make)) -> Any:
            background.add_task(events.append, "background")
            return make()

    calls = [
        Call(f"/{name}", fails_on=fails_on) for name in made for fails_on in (None, "http.response.body")
    ]
    compare(app, events, calls, expect_plans=False)


async def async_items() -> AsyncIterable[Any]:
    yield Item(name="a", price=1)
    yield {"name": "b", "price": 2}


def sync_items() -> Iterable[Any]:
    yield Item(name="a", price=1)
    yield {"name": "b", "price": float("nan")}


@pytest.mark.parametrize("solve", [True, False])
@pytest.mark.parametrize("pace", PACES.values())
def test_streams(pace: type[InlinePace], solve: bool) -> None:
    """JSON lines, server-sent events and raw streams with dependencies that outlive the response."""
    events: Events = []
    app = FastAPI()

    async def depend(response: Response, q: int = 1) -> AsyncIterator[int]:
        response.headers["x-q"] = str(q)
        yield q
        events.append("exit")

    def depend_sync() -> Iterator[int]:
        yield 2
        events.append("exit sync")

    dependencies = [Depends(depend_sync)]

    @app.get("/lines", dependencies=dependencies)
    async def lines(q: int = Depends(depend)) -> AsyncIterable[Item]:
        yield Item(name="a", price=q)
        yield Item(name="b", price=q)
        events.append("all sent")

    @app.get("/lines-sync", dependencies=dependencies)
    def lines_sync() -> Iterable[Item]:
        yield Item(name="a", price=1)
        raise HTTPException(418)

    @app.get("/wrong")
    async def wrong(q: int = Depends(depend)) -> AsyncIterable[Item]:
        yield Item(name="a", price=1)
        yield "text"  # type: ignore[misc]

    @app.get("/events", response_class=EventSourceResponse, dependencies=dependencies)
    async def sse(q: int = Depends(depend)) -> AsyncIterable[Any]:
        yield {"a": q}
        yield ServerSentEvent(data={"b": 1}, event="e", id="1", retry=5, comment="c")

    @app.get("/events-sync", response_class=EventSourceResponse, status_code=201)
    def sse_sync() -> Iterable[Item]:
        yield Item(name="a", price=1)

    @app.get("/raw", response_class=StreamingResponse)
    async def raw(q: int = Depends(depend)) -> AsyncIterable[bytes]:
        yield b"a"
        yield b"b"

    @app.get("/raw-sync", response_class=StreamingResponse)
    def raw_sync() -> Iterable[str]:
        yield "a"

    paths = ("/lines", "/lines-sync", "/wrong", "/events", "/events-sync", "/raw", "/raw-sync")
    calls = [Call(path, query=query) for path in paths for query in (b"", b"q=7", b"q=x")]
    compare(app, events, calls, pace=pace, solve=solve)


def test_routers_and_overrides() -> None:
    events: Events = []
    app = FastAPI(dependencies=[Depends(lambda: events.append("app"))])
    inner, outer = (
        APIRouter(prefix="/inner"),
        APIRouter(dependencies=[Depends(lambda: events.append("outer"))]),
    )

    async def depend(q: int = 1) -> int:
        return q

    def override(p: int = 7) -> Iterator[int]:
        yield p
        events.append("exit")

    @inner.get("/{a}", status_code=202)
    async def run(a: str, q: int = Depends(depend)) -> Any:
        return [a, q]

    outer.include_router(inner, prefix="/one")
    app.include_router(outer, prefix="/two")
    app.include_router(inner, default_response_class=PlainTextResponse, prefix="/three")
    calls = [Call("/two/one/inner/x", query=b"q=5&p=6"), Call("/three/inner/x", query=b"p=x")]
    compare(app, events, calls)
    app.dependency_overrides[depend] = override
    compare(app, events, calls)


def test_functions_replaced_after_compilation(monkeypatch: pytest.MonkeyPatch) -> None:
    """INTERNALS 7.7: what a test replaces for a moment takes effect at once."""
    events: Events = []
    app = FastAPI()

    @app.get("/plain")
    async def plain() -> Any:
        return {"a": 1}

    @app.get("/events", response_class=EventSourceResponse)
    async def lines() -> AsyncIterator[ServerSentEvent]:
        yield ServerSentEvent(data=1)

    async def serialize_response(**arguments: Any) -> Any:
        return b"replaced"

    def normalise(data: Any) -> Any:
        return [data]

    async def main() -> None:
        import asyncio

        planned = Planned(app)
        with planned.in_place():
            before = [await request(app, Call(path), events) for path in ("/plain", "/events")]
            with monkeypatch.context() as patch:
                patch.setattr(fastapi.routing, "serialize_response", serialize_response)
                patch.setattr(fastapi.routing, "_normalize_non_finite_floats", normalise)
                patched = [await request(app, Call(path), events) for path in ("/plain", "/events")]
                patched += [await request(planned.app, Call("/plain"), events)]
            with monkeypatch.context() as patch:
                patch.setattr(
                    fastapi.dependencies.utils, "request_params_to_args", lambda *args: ({"x": 1}, [])
                )
                assert "unexpected keyword" in str((await request(app, Call("/plain"), events)).error)
            after = [await request(app, Call(path), events) for path in ("/plain", "/events")]
        assert patched[0].happened[1]["body"] == b"replaced"
        assert patched[1].happened[1]["body"] == b"data: [1]\n\n"
        assert before == after
        await asyncio.sleep(0)

    import asyncio

    asyncio.run(main())


def test_functions_replaced_before_compilation(monkeypatch: pytest.MonkeyPatch) -> None:
    import functools

    app = FastAPI()

    @app.get("/")
    async def run() -> Any:
        return {}

    facts = handler_facts(app.routes[-1].app)  # type: ignore[attr-defined]
    verify_originals()
    for module, name in (
        (fastapi.routing, "solve_dependencies"),
        (fastapi.routing, "run_endpoint_function"),
        (Response, "render"),
        (Request, "body"),
        (fastapi.dependencies.utils, "contextmanager_in_threadpool"),
        (fastapi.routing, "JSONResponse"),
    ):
        original = getattr(module, name)

        @functools.wraps(original, updated=())
        def wrapper(*args: Any, original: Any = original, **kwargs: Any) -> Any:
            return original(*args, **kwargs)

        with monkeypatch.context() as patch:
            patch.setattr(module, name, wrapper)
            with pytest.raises(NotPlannable, match=f"{name} was replaced"):
                compile_python_plan(facts, None, None, lambda call: InlinePace())
    compile_python_plan(facts, None, None, lambda call: InlinePace())
