"""What a test observes of a request's end: background work, exceptions, streams, contexts."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
from collections.abc import AsyncIterator, Iterator

import anyio
import pytest
from fastapi import BackgroundTasks, Depends, FastAPI
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from tests.testclient.conftest import ClientFactory


class Failure(Exception):
    pass


def test_get_returns_after_background_work(make_client: ClientFactory) -> None:
    app = FastAPI()
    done: list[str] = []

    async def work() -> None:
        await asyncio.sleep(0.01)
        done.append("background")

    async def resource() -> AsyncIterator[None]:
        yield
        await asyncio.sleep(0.01)
        done.append("dependency")

    @app.get("/", dependencies=[Depends(resource)])
    async def endpoint(tasks: BackgroundTasks) -> None:
        tasks.add_task(work)

    assert make_client(app).get("/").status_code == 200
    assert done == ["background", "dependency"]


@pytest.mark.parametrize("when", ["before", "between", "after"])
def test_the_same_exception_is_raised(make_client: ClientFactory, when: str) -> None:
    failure = Failure()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if when == "before":
            raise failure
        await send({"type": "http.response.start", "status": 200})
        if when == "between":
            raise failure
        await send({"type": "http.response.body", "body": b"ok"})
        raise failure

    with pytest.raises(Failure) as caught:
        make_client(app).get("/")
    assert caught.value is failure


def test_exceptions_that_are_not_wanted(make_client: ClientFactory, caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/started":
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body", "body": b"begin", "more_body": True})
        raise Failure

    caplog.set_level(logging.DEBUG)
    client = make_client(app, raise_server_exceptions=False)
    response = client.get("/")
    assert (response.status_code, response.content, response.headers.raw) == (500, b"", [])
    response = client.get("/started")
    assert (response.status_code, response.content) == (200, b"begin")
    assert [record for record in caplog.records if record.name.startswith("uvicorn")] == []


def test_no_response_at_all(make_client: ClientFactory) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        pass

    with pytest.raises(AssertionError, match="did not receive any response"):
        make_client(app).get("/")
    assert make_client(app, raise_server_exceptions=False).get("/").status_code == 500


def test_chunks_arrive_while_the_app_still_runs(make_client: ClientFactory) -> None:
    go_on = threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200})
        for chunk in (b"1", b"2"):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await anyio.to_thread.run_sync(go_on.wait)
        await send({"type": "http.response.body"})

    with make_client(app).stream("GET", "/") as response:
        chunks = response.iter_raw()
        first = next(chunks)
        go_on.set()
        assert [first, *chunks] == [b"1", b"2"]


def test_head_arrives_before_the_body(make_client: ClientFactory) -> None:
    """The stock client gives out a response as soon as it has started."""
    go_on = threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 201})
        await anyio.to_thread.run_sync(go_on.wait)
        await send({"type": "http.response.body", "body": b"late"})

    with make_client(app).stream("GET", "/") as response:
        assert response.status_code == 201
        go_on.set()
        assert response.read() == b"late"


def test_closing_a_stream_cancels_the_app(make_client: ClientFactory) -> None:
    ended: list[str] = []

    async def endless() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x"
                await asyncio.sleep(0.001)
        finally:
            ended.append("generator")

    client = make_client(StreamingResponse(endless()))
    with client.stream("GET", "/") as response:
        assert next(response.iter_raw()) == b"x"
    assert ended == ["generator"]


@pytest.mark.parametrize("size", [0, 10, 100_000])
def test_closing_a_stream_whose_producer_never_waits(make_client: ClientFactory, size: int) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200})
        while True:
            await send({"type": "http.response.body", "body": b"x" * size, "more_body": True})

    with make_client(app).stream("GET", "/") as response:
        assert response.status_code == 200


def test_leaving_the_client_cancels_open_requests(make_client: ClientFactory) -> None:
    cancelled: list[bool] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            cancelled.append(False)
            await send({"type": "lifespan.shutdown.complete"})
            return
        try:
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
            await anyio.sleep_forever()
        finally:
            cancelled.append(True)

    with make_client(app) as client:
        client.send(client.build_request("GET", "/"), stream=True)
    assert cancelled == [True, False]


def test_bodies_larger_than_the_buffers_both_ways(make_client: ClientFactory) -> None:
    """An app that echoes while it reads fills both directions of a socket."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200})
        more = True
        while more:
            message = await receive()
            more = message.get("more_body", False)
            await send({"type": "http.response.body", "body": message["body"], "more_body": more})

    content = bytes(range(256)) * 20_000
    assert make_client(app).post("/", content=content).content == content


def test_an_app_that_does_not_read_the_body(make_client: ClientFactory) -> None:
    response = make_client(PlainTextResponse("too large", 413)).post("/", content=b"x" * 5_000_000)
    assert (response.status_code, response.text) == (413, "too large")


def test_a_body_from_a_generator(make_client: ClientFactory) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        message = await receive()
        body = message["body"]
        while message.get("more_body"):
            message = await receive()
            body += message["body"]
        await PlainTextResponse(body)(scope, receive, send)

    def parts() -> Iterator[bytes]:
        yield b"a"
        yield b"b"

    assert make_client(app).post("/", content=parts()).content == b"ab"


def test_receive_after_the_body_waits_for_the_response(make_client: ClientFactory) -> None:
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        waiting = asyncio.ensure_future(receive())
        await asyncio.sleep(0.01)
        assert not waiting.done()
        await PlainTextResponse("ok")(scope, receive, send)
        seen.append((await waiting)["type"])

    make_client(app).get("/")
    assert seen == ["http.disconnect"]


variable: contextvars.ContextVar[list[str]] = contextvars.ContextVar("variable")


def test_app_runs_in_a_copy_of_the_callers_context(make_client: ClientFactory) -> None:
    other: contextvars.ContextVar[str] = contextvars.ContextVar("other", default="unset")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        variable.get().append("seen")
        other.set("app")
        await PlainTextResponse("ok")(scope, receive, send)

    def run() -> None:
        variable.set([])
        make_client(app).get("/")
        assert variable.get() == ["seen"]
        assert other.get() == "unset"

    contextvars.copy_context().run(run)


def test_debug_extension(make_client: ClientFactory) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert "http.response.debug" in scope["extensions"]
        await send({"type": "http.response.debug", "info": {"template": "t", "context": {"a": 1}}})
        await PlainTextResponse("ok")(scope, receive, send)

    response = make_client(app).get("/")
    assert response.template == "t"  # type: ignore[attr-defined]
    assert response.context == {"a": 1}  # type: ignore[attr-defined]


def test_trailers(make_client: ClientFactory) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "trailers": True})
        await send({"type": "http.response.body", "body": b"ok"})
        await send({"type": "http.response.trailers", "headers": [(b"x-a", b"1")], "more_trailers": True})
        await send({"type": "http.response.trailers", "headers": [(b"x-b", b"2")]})

    response = make_client(app).get("/")
    assert response.content == b"ok"
    assert response.extensions["http.response.trailers"] == [(b"x-a", b"1"), (b"x-b", b"2")]


def test_closing_before_the_trailers_cancels_the_app(make_client: ClientFactory) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "trailers": True})
        await send({"type": "http.response.body", "body": b"ok"})
        await anyio.sleep_forever()

    with make_client(app).stream("GET", "/") as response:
        assert next(response.iter_raw()) == b"ok"


def test_trailers_that_were_not_announced(make_client: ClientFactory) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"ok"})
        await send({"type": "http.response.trailers", "headers": []})

    with pytest.raises(AssertionError, match="without declaring trailers"):
        make_client(app).get("/")


def test_redirects_and_cookies(make_client: ClientFactory) -> None:
    app = FastAPI()

    @app.get("/a/")
    async def endpoint() -> PlainTextResponse:
        response = PlainTextResponse("ok")
        response.set_cookie("session", "1")
        return response

    client = make_client(app)
    response = client.get("/a")
    assert [r.status_code for r in response.history] == [307]
    assert client.cookies["session"] == "1"
    assert client.get("/a", follow_redirects=False).headers["location"] == "http://testserver/a/"


def test_threads_share_a_client(make_client: ClientFactory) -> None:
    barrier = threading.Barrier(4)
    app = FastAPI()

    @app.get("/{number}")
    def endpoint(number: int) -> int:
        barrier.wait(timeout=30)
        return number

    with make_client(app) as client:
        results: list[int] = []
        threads = [
            threading.Thread(target=lambda n=n: results.append(client.get(f"/{n}").json())) for n in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(results) == [0, 1, 2, 3]
