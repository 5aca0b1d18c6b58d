"""Where FastAPI's promises rest on the bridge (traps 37, 39, 41, 51, 52 and 55).

All else of FastAPI is tested by its own suite, see tests/conformance. Annotations are not postponed here:
FastAPI evaluates those of functions in a function.
"""

import contextvars
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

import pytest
from fastapi import BackgroundTasks, Depends, FastAPI, UploadFile
from fastapi.responses import FileResponse, StreamingResponse

from .apps import Message, Receive, Send
from .conftest import Serve
from .latch import Latch
from .wire import get, post


def test_trap37_the_order_of_exits_and_background_tasks(serve: Serve) -> None:
    """fastapi#14099: endpoint, function-scoped exit, response on the wire, background tasks, request-scoped
    exit."""
    seen_by_client, ended = Latch(), Latch()
    order: list[str] = []
    app = FastAPI()

    async def per_function() -> AsyncIterator[None]:
        yield
        order.append("function exit")

    async def per_request() -> AsyncIterator[None]:
        yield
        order.append("request exit")
        ended.set()

    async def work() -> None:
        await seen_by_client.reached()
        order.append("background")

    @app.get("/")
    async def endpoint(
        tasks: BackgroundTasks,
        _one: Annotated[None, Depends(per_request)],
        _two: Annotated[None, Depends(per_function, scope="function")],
    ) -> dict[str, bool]:
        tasks.add_task(work)
        order.append("endpoint")
        return {"ok": True}

    client = serve(app).connect()
    client.send(get())
    assert client.read_response().body == b'{"ok":true}'
    order.append("response")
    seen_by_client.set()
    ended.wait()
    assert order == ["endpoint", "function exit", "response", "background", "request exit"]


def test_trap39_an_exception_of_an_exit_after_the_response(serve: Serve) -> None:
    """The client has its response; the exception is in the log."""
    app = FastAPI()

    async def failing() -> AsyncIterator[None]:
        yield
        raise LookupError("in the exit")

    @app.get("/")
    async def endpoint(_one: Annotated[None, Depends(failing)]) -> int:
        return 1

    server = serve(app)
    response = server.get()
    assert (response.status, response.body, response.complete) == (200, b"1", True)
    while not server.errors:
        server.barrier()
    assert server.error_texts == ["Exception in ASGI application\n"]


def test_trap41_context_variables_of_dependencies(serve: Serve) -> None:
    """fastapi#953: what an `async def` dependency sets, `def` endpoints see; nothing stays for the next
    request."""
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")
    app = FastAPI()

    async def setting(value: str) -> None:
        variable.set(value)

    @app.get("/set")
    def endpoint(_one: Annotated[None, Depends(setting)]) -> str:
        return variable.get()

    @app.get("/read")
    async def read() -> str:
        return variable.get()

    server = serve(app)
    if serve.kind == "engine":
        client = server.connect()
        client.send(get(b"/set?value=a") + get(b"/read") + get(b"/set?value=b"))
        assert [client.read_response().body for _ in range(3)] == [b'"a"', b'"unset"', b'"b"']
    else:
        # uvicorn leaks it along a connection (cpython#140947).
        assert [server.get(target).body for target in (b"/set?value=a", b"/read")] == [b'"a"', b'"unset"']


@pytest.mark.parametrize(
    ("field", "status", "expected"),
    [
        (b"", 200, bytes(range(256)) * 1000),
        (b"Range: bytes=0-9\r\n", 206, bytes(range(10))),
        (b"Range: bytes=-5\r\n", 206, bytes(range(251, 256))),
        (b"Range: bytes=999999-\r\n", 416, None),
    ],
    ids=["whole", "first", "last", "beyond"],
)
def test_trap52_files_and_their_ranges(
    serve: Serve, tmp_path: Path, field: bytes, status: int, expected: bytes | None
) -> None:
    """starlette#3138 to #3144: lengths match on the wire, also for HEAD."""
    path = tmp_path / "file.bin"
    path.write_bytes(bytes(range(256)) * 1000)
    ended = [Latch(), Latch()]
    remaining = iter(ended)
    app = FastAPI()

    @app.api_route("/", methods=["GET", "HEAD"])
    async def endpoint() -> FileResponse:
        return FileResponse(path)

    async def noting(scope: Message, receive: Receive, send: Send) -> None:
        await app(scope, receive, send)
        next(remaining).set()

    client = serve(noting).connect()
    lengths = []
    for method, end in zip((b"GET", b"HEAD"), ended, strict=True):
        client.send(get(headers=field, method=method))
        response = client.read_response(method=method)
        assert response.status == status
        lengths.append(response.values(b"content-length"))
        if expected is not None and method == b"GET":
            assert response.body == expected
        end.wait()
    assert lengths[0] == lengths[1]


def test_trap51_an_upload_that_rolls_to_disk(serve: Serve) -> None:
    """3 MB in a multipart body, written in pieces; the file is closed when the request is over."""
    ended = Latch()
    files: list[UploadFile] = []
    app = FastAPI()

    @app.post("/")
    async def endpoint(file: UploadFile) -> list[int]:
        files.append(file)
        return [len(await file.read()), file.size or 0]

    async def noting(scope: Message, receive: Receive, send: Send) -> None:
        await app(scope, receive, send)
        ended.set()

    data = b"x" * 3_000_000
    parts = b"--b\r\nContent-Disposition: form-data; name=file; filename=f\r\n\r\n" + data + b"\r\n--b--\r\n"
    client = serve(noting).connect()
    client.send(post(parts, headers=b"Content-Type: multipart/form-data; boundary=b\r\n"))
    assert client.read_response().body == b"[3000000,3000000]"
    ended.wait()
    assert files[0].file.closed


def test_trap55_a_stream_of_fastapi_ends_with_its_client(serve: Serve) -> None:
    """An endpoint that streams for ever, and a request-scoped dependency that has to be left."""
    streaming, left = Latch(), Latch()
    app = FastAPI()

    async def resource() -> AsyncIterator[None]:
        try:
            yield
        finally:
            left.set()

    @app.get("/")
    async def endpoint(_one: Annotated[None, Depends(resource)]) -> StreamingResponse:
        async def events() -> AsyncIterator[bytes]:
            yield b"data: 1\n\n"
            streaming.set()
            await Latch().reached()

        return StreamingResponse(events(), media_type="text/event-stream")

    server = serve(app)
    client = server.connect()
    client.send(get())
    client.read_head()
    assert client.read_chunk() == b"data: 1\n\n"
    streaming.wait()
    client.close()
    left.wait()
    server.barrier()
    assert server.errors == []
