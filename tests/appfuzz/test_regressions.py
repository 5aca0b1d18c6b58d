"""Differences that fuzzing has found, each as a small app and the requests that told the servers apart.

The name of a case tells its story. Apps are whole modules apart from what `PREAMBLE` imports and defines.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from .duel import Duel
from .hunt import write
from .pieces import PREAMBLE

#: Times that a request is sent: a callable may run inline only after some calls.
ATTEMPTS = 20


@dataclass(frozen=True)
class Case:
    """One difference that was found."""

    name: str
    #: Which of `APPS`.
    app: str
    request: bytes
    method: bytes = b"GET"
    attempts: int = 2


def get(name: str, app: str, target: str, *fields: bytes, attempts: int = 2) -> Case:
    """A case that is a GET request."""
    head = b"GET %s HTTP/1.1\r\nHost: example.test\r\nX-Id: 1\r\n" % target.encode()
    return Case(name, app, head + b"".join(field + b"\r\n" for field in fields) + b"\r\n", attempts=attempts)


def post(
    name: str,
    app: str,
    target: str,
    body: bytes,
    content_type: bytes = b"application/json",
    attempts: int = 2,
) -> Case:
    """A case that is a POST request."""
    head = (
        b"POST %s HTTP/1.1\r\nHost: example.test\r\nX-Id: 1\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n"
    )
    return Case(name, app, head % (target.encode(), content_type, len(body)) + body, b"POST", attempts)


#: Modules without their preamble. `plain` holds all routes that need nothing of their app.
APPS = {
    "plain": """
        app = FastAPI()
        app.add_route("/journal", journal)


        @app.put("/sizes")
        async def sizes(request: Request) -> list[int]:
            return [len(chunk) async for chunk in request.stream()]


        @app.get("/items/{item_id}")
        async def read(item_id: int, q: str | None = None) -> dict[str, Any]:
            return {"item_id": item_id, "q": q}


        @app.post("/float")
        async def take_float(body: Annotated[float, Body()], x_id: Annotated[str, Header()] = "-") -> Any:
            note(x_id, "called")
            return repr(body)


        class Priced(BaseModel):
            price: float | None = None


        @app.post("/priced")
        async def take_priced(priced: list[Priced]) -> Any:
            return repr(priced)


        @app.get("/scope")
        async def scope_keys(request: Request) -> Any:
            return sorted(request.scope)
    """,
    "handlers": """
        app = FastAPI()
        app.add_route("/journal", journal)


        @app.exception_handler(HTTPException)
        def on_http(request: Request, error: HTTPException) -> Any:
            return JSONResponse({"wrapped": repr(error.detail)}, error.status_code)


        async def refuse() -> None:
            raise HTTPException(403, "no")


        @app.get("/missing")
        async def missing() -> Any:
            raise HTTPException(404)


        @app.get("/refused", dependencies=[Depends(refuse)])
        def refused() -> Any:
            return 1



        class Endless(Exception):
            pass


        @app.exception_handler(Endless)
        async def on_endless(request: Request, error: Endless) -> Any:
            note("1", "handled")
            raise Endless


        async def entered() -> AsyncIterator[int]:
            yield 1


        @app.get("/endless", dependencies=[Depends(entered)])
        async def endless() -> Any:
            raise Endless


        @app.get("/endless-native")
        async def endless_native() -> Any:
            raise Endless
    """,
    "middleware": """
        app = FastAPI()
        app.add_route("/journal", journal)
        app.add_middleware(CORSMiddleware, allow_origins=["*"])


        class Inner(Exception):
            pass


        @app.exception_handler(ValueError)
        async def on_value(request: Request, error: ValueError) -> Any:
            return JSONResponse({"value": str(error)[:40]}, 422)


        @app.exception_handler(Inner)
        def on_inner(request: Request, error: Inner) -> Any:
            raise ValueError("from a handler")


        @app.get("/nan")
        async def nan() -> Any:
            raise HTTPException(500, float("nan"))


        @app.get("/inner")
        def inner(request: Request) -> Any:
            raise Inner
    """,
    "cancelled": """
        app = FastAPI()
        app.add_route("/journal", journal)


        @app.get("/cancelled/{by}")
        async def cancelled(by: str) -> Any:
            return {"by": by}


        @app.middleware("http")
        async def dispatch_0(request: Request, call_next: Any) -> Any:
            response = await call_next(request)
            if request.url.path.startswith("/cancelled"):
                if request.url.path.endswith("task"):
                    response.background = BackgroundTask(note, "1", "task")
                asyncio.current_task().cancel()
            return response
    """,
    "thrown-away": """
        app = FastAPI()
        app.add_route("/journal", journal)


        async def turns(count: int) -> None:
            for _ in range(count):
                await asyncio.sleep(0)


        class Listening(Response):
            # Sends as FileResponse does, with turns of the loop in place of threads.
            async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
                async def produce() -> None:
                    await turns(5)
                    await send({"type": "http.response.start", "status": 200, "headers": []})
                    await turns(int(scope["query_string"]))
                    await send({"type": "http.response.body", "body": b"file"})
                    note("1", "sent")
                    group.cancel_scope.cancel()

                async with create_task_group() as group:
                    group.start_soon(produce)
                    while (await receive())["type"] != "http.disconnect":
                        pass
                    note("1", "disconnected")
                    group.cancel_scope.cancel()
                note("1", "task of the endpoint")


        @app.get("/listening", response_model=None)
        async def listening() -> Response:
            return Listening()


        async def task() -> None:
            note("1", "task begins")
            await turns(2)
            note("1", "task ends")


        @app.middleware("http")
        async def dispatch_0(request: Request, call_next: Any) -> Any:
            response = await call_next(request)
            if request.url.path == "/listening":
                response.background = BackgroundTask(task)
            return response


        @app.middleware("http")
        async def dispatch_1(request: Request, call_next: Any) -> Any:
            return await call_next(request)


        @app.middleware("http")
        async def dispatch_2(request: Request, call_next: Any) -> Any:
            response = await call_next(request)
            return PlainTextResponse("other") if request.url.path == "/listening" else response
    """,
}

LONG = b"1" + b"0" * 400

CASES = [
    Case(
        "chunks-of-one-packet-were-several-messages",
        "plain",
        b"PUT /sizes HTTP/1.1\r\nHost: example.test\r\nX-Id: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n",
        b"PUT",
    ),
    get("handler-that-raises-was-asked-three-times", "handlers", "/endless"),
    get("handler-that-raises-is-asked-twice", "handlers", "/endless-native"),
    get("handler-that-raises-behind-middleware-was-final", "middleware", "/nan"),
    get("handler-that-raises-behind-middleware-in-a-def", "middleware", "/inner", attempts=ATTEMPTS),
    get("fuzzing-starts-from-equal-answers", "plain", "/items/7?q=a"),
    get("handler-of-fastapis-http-exception-was-passed-over", "handlers", "/missing"),
    get("handler-of-fastapis-http-exception-in-a-dependency", "handlers", "/refused"),
    get("scope-of-a-planned-request-lacked-the-exit-stacks", "plain", "/scope"),
    post("body-integer-too-large-for-a-float-was-taken", "plain", "/float", LONG),
    post("body-field-integer-too-large-for-a-float-was-taken", "plain", "/priced", b'[{"price": %s}]' % LONG),
    get("body-was-sent-of-a-request-that-was-cancelled", "cancelled", "/cancelled/itself"),
    get("body-was-sent-of-a-cancelled-request-with-a-task", "cancelled", "/cancelled/task"),
    *(
        get(
            f"tasks-behind-a-response-that-was-thrown-away-{turns}",
            "thrown-away",
            f"/listening?{turns}",
            attempts=1,
        )
        for turns in range(8)
    ),
]


@pytest.fixture(scope="module")
def duels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Duel]]:
    """The servers of each app, started together."""
    directory = tmp_path_factory.mktemp("regressions")
    running = {name: _start(directory, name, source) for name, source in APPS.items()}
    try:
        for duel in running.values():
            duel.wait()
            assert not duel.refused, duel.refused
        yield running
    finally:
        for duel in running.values():
            duel.stop()


def _start(directory: Path, name: str, source: str) -> Duel:
    module = f"regression_{name}"
    preamble = PREAMBLE.format(title=name, future="")
    write(directory, module, f"{preamble}\n\n{textwrap.dedent(source).strip()}\n")
    return Duel(directory, module)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_regression(case: Case, duels: dict[str, Duel]) -> None:
    """Same bytes in, same bytes out, and the same notes in the journal."""
    duel = duels[case.app]
    for _ in range(case.attempts):
        difference = duel.ask(case.request, case.method)
        assert difference is None, difference
    # One attempt may end while the next is handled.
    assert not duel.compare_journals(0, 2, unordered=["1"] if case.attempts > 1 else [])
