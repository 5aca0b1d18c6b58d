"""Route plans behind the engine's layers: native routes answer, and are answered for, as any app."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator

import pytest
from fastapi import FastAPI, Header, Request
from fastapi.responses import PlainTextResponse, StreamingResponse
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.middleware.gzip import GZipMiddleware

from turboapi.middleware import BodyLimit, Compression, RequestId, SecurityHeaders, Timeout

from .served import served

LAYERS = [RequestId(), SecurityHeaders(), BodyLimit(100), Compression()]


def sample_app() -> FastAPI:
    """Routes of several tiers."""
    app = FastAPI()

    @app.get("/id")
    async def name(x_request_id: str = Header()) -> dict[str, str]:
        return {"id": x_request_id}

    @app.get("/sync")
    def sync_name(x_request_id: str = Header()) -> dict[str, str]:
        return {"id": x_request_id}

    @app.post("/body")
    async def body(values: dict[str, str]) -> dict[str, int]:
        return {"count": len(values)}

    @app.post("/raw")
    async def raw(request: Request) -> dict[str, int]:
        return {"count": len(await request.body())}

    @app.get("/long")
    async def long() -> list[int]:
        return list(range(1000))

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            for number in range(1000):
                yield b"%d\n" % number

        return StreamingResponse(parts(), media_type="text/plain")

    return app


def test_every_tier_is_behind_the_layers() -> None:
    app = sample_app()
    with served(app, middleware=LAYERS) as client:
        for path in ("/id", "/sync"):
            response = client.get(path, headers={"x-request-id": "r-1"})
            assert response.json() == {"id": "r-1"}
            assert response.headers["x-request-id"] == "r-1"
            assert response.headers["x-frame-options"] == "DENY"
            made = client.get(path)
            assert made.json() == {"id": made.headers["x-request-id"]}
        for path in ("/missing", "/docs"):
            assert client.get(path).headers["x-content-type-options"] == "nosniff"


def test_bodies_of_every_tier_are_limited() -> None:
    """With a length, and without one in pieces."""

    def pieces(text: str) -> Iterator[bytes]:
        for start in range(0, len(text), 30):
            yield text[start : start + 30].encode()

    app = sample_app()
    with served(app, middleware=LAYERS) as client:
        small, large = '{"a": "1"}', '{"a": "%s"}' % ("1" * 100)
        headers = {"content-type": "application/json"}
        for path in ("/body", "/raw"):
            for content in (small, pieces(small)):
                assert client.post(path, content=content, headers=headers).status_code == 200
            for content in (large, pieces(large)):
                response = client.post(path, content=content, headers=headers)
                assert (response.status_code, response.text) == (413, "Content Too Large")
                assert response.headers["connection"] == "close"


def test_starlettes_own_limit_works_behind_ours() -> None:
    app = FastAPI()
    app.add_middleware(RequestBodyLimitMiddleware, max_body_size=20)

    @app.post("/")
    async def read(request: Request) -> dict[str, int]:
        return {"count": len(await request.body())}

    with served(app, middleware=[BodyLimit(100)]) as client:
        assert client.post("/", content=b"1" * 20).json() == {"count": 20}
        response = client.post("/", content=b"1" * 21)
        assert (response.status_code, response.text) == (413, "Content Too Large")
        # Starlette's leaves the connection open, the engine's does not.
        assert "connection" not in response.headers
        assert client.post("/", content=b"1" * 101).headers["connection"] == "close"


def test_answers_of_every_tier_are_compressed() -> None:
    app = sample_app()
    with served(app, middleware=LAYERS) as client:
        for path in ("/long", "/stream"):
            packed = client.get(path, headers={"accept-encoding": "gzip"})
            plain = client.get(path, headers={"accept-encoding": "identity"})
            assert packed.headers["content-encoding"] == "gzip"
            assert "content-encoding" not in plain.headers
            assert packed.content == plain.content


def test_what_the_app_has_compressed_is_left_alone() -> None:
    app = FastAPI()
    app.add_middleware(GZipMiddleware)

    @app.get("/")
    async def long() -> PlainTextResponse:
        return PlainTextResponse("long " * 1000)

    with served(app, middleware=[Compression(("br", "gzip"))]) as client:
        response = client.get("/", headers={"accept-encoding": "gzip, br"})
        assert response.headers["content-encoding"] == "gzip"
        assert response.text == "long " * 1000


@pytest.mark.parametrize("kind", ["async", "sync"])
def test_a_slow_endpoint_is_answered_for_and_runs_on(kind: str) -> None:
    app = FastAPI()
    finished, release = threading.Event(), threading.Event()

    if kind == "async":

        @app.get("/")
        async def slow() -> None:
            await asyncio.to_thread(release.wait, 10)
            finished.set()
    else:

        @app.get("/")
        def slow_sync() -> None:
            release.wait(10)
            finished.set()

    with served(app, middleware=[Timeout(0.05)], sync_mode="threads") as client:
        response = client.get("/")
        assert (response.status_code, response.text) == (503, "Request timed out")
        release.set()
        assert finished.wait(10)
