"""Sync endpoints and dependencies of a real server: where they run in each mode."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import httpx
import pytest
from anyio import from_thread
from fastapi import Depends, FastAPI, HTTPException

from turboapi import Config, Server, sync_mode
from turboapi.loop import run
from turboapi.plans import status
from turboapi.sync import SyncMode

ENOUGH = 2_000
"""Requests after which a quick callable must be inline, on a machine that is busy with other things too."""

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")

# What the code of an endpoint names would pin it to a thread.
WAYS_TO_WAIT = {"sleep": time.sleep}

Get = Callable[..., Awaitable[Any]]


def thread_of_dependency() -> int:
    variable.set("by a dependency")
    return threading.get_ident()


async def answer() -> int:
    return threading.get_ident()


def make_app() -> FastAPI:
    app = FastAPI()

    @app.get("/quick")
    def quick() -> int:
        return threading.get_ident()

    @app.get("/dependency")
    async def dependency(thread: Annotated[int, Depends(thread_of_dependency)]) -> dict[str, Any]:
        return {"thread": thread, "variable": variable.get()}

    @app.get("/marked")
    @sync_mode("threads")
    def marked() -> int:
        return threading.get_ident()

    @app.get("/pinned")
    def pinned() -> list[int]:
        return [threading.get_ident(), from_thread.run(answer)]

    @app.get("/turns")
    def turns(seconds: float = 0.0) -> int:
        if seconds:
            WAYS_TO_WAIT["sleep"](seconds)
        return threading.get_ident()

    @app.get("/fails")
    def fails() -> None:
        raise HTTPException(418, detail=variable.get())

    return app


def served(mode: SyncMode, use: Callable[[Get, FastAPI], Awaitable[None]]) -> None:
    """Run `use` beside a server in `mode`, on the loop that is the server's too."""

    async def main() -> None:
        app = make_app()
        server = Server(Config(app, port=0, log_config=None, access_log=False, sync_mode=mode))
        serving = asyncio.create_task(server.serve())
        while not server.started:
            assert not serving.done(), serving.exception()
            await asyncio.sleep(0)
        port = server.servers[0].sockets[0].getsockname()[1]
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:

            async def get(path: str, **query: Any) -> Any:
                return (await client.get(path, params=query)).raise_for_status().json()

            await use(get, app)
        server.should_exit = True
        await serving

    run(main())


async def until(get: Get, path: str, key: str | None, thread: int, **query: Any) -> None:
    """Ask until `path` runs on `thread`."""
    for _ in range(ENOUGH):
        found = await get(path, **query)
        if (found[key] if key else found) == thread:
            return
    pytest.fail(f"{path} never ran on the loop's thread")


def state(app: FastAPI, name: str) -> dict[str, Any]:
    seen = status(app)
    assert seen is not None
    [found] = [dict(one) for one in seen["sync"] if one["name"].endswith(name)]
    return found


def test_adaptive_moves_quick_callables_to_the_loop() -> None:
    async def use(get: Get, app: FastAPI) -> None:
        loop = threading.get_ident()
        assert await get("/quick") != loop
        assert (await get("/dependency"))["thread"] != loop
        await until(get, "/quick", None, loop)
        await until(get, "/dependency", "thread", loop)
        assert await get("/dependency") == {"thread": loop, "variable": "unset"}
        assert state(app, "quick")["state"] == "inline"
        assert state(app, "thread_of_dependency")["state"] == "inline"

    served("adaptive", use)


def test_adaptive_moves_a_callable_back_that_turns_slow() -> None:
    async def use(get: Get, app: FastAPI) -> None:
        loop = threading.get_ident()
        await until(get, "/turns", None, loop)
        # One slow call or, after a long time without, two.
        for _ in range(2):
            await get("/turns", seconds=0.02)
        assert state(app, "turns")["state"] == "demoted"
        for _ in range(50):
            assert await get("/turns") != loop
        assert state(app, "turns")["demotions"] >= 1

    served("adaptive", use)


@pytest.mark.parametrize("mode", ["adaptive", "inline", "threads"])
def test_what_needs_a_thread_keeps_it(mode: SyncMode) -> None:
    async def use(get: Get, app: FastAPI) -> None:
        loop = threading.get_ident()
        for _ in range(100):
            thread, answered = await get("/pinned")
            assert thread != loop
            assert answered == loop
            assert await get("/marked") != loop

    served(mode, use)


def test_threads_keeps_everything_on_the_pool() -> None:
    async def use(get: Get, app: FastAPI) -> None:
        loop = threading.get_ident()
        for _ in range(100):
            assert await get("/quick") != loop
            assert (await get("/dependency"))["thread"] != loop
        assert state(app, "quick")["inline_calls"] == 0

    served("threads", use)


def test_inline_keeps_everything_on_the_loop() -> None:
    async def use(get: Get, app: FastAPI) -> None:
        loop = threading.get_ident()
        assert await get("/quick") == loop
        assert await get("/dependency") == {"thread": loop, "variable": "unset"}
        assert await get("/turns", seconds=0.02) == loop
        assert await get("/turns") == loop
        assert state(app, "turns")["threaded_calls"] == 0

    served("inline", use)


@pytest.mark.parametrize("mode", ["inline", "threads"])
def test_exceptions_reach_the_handlers_of_the_app(mode: SyncMode) -> None:
    async def use(get: Get, app: FastAPI) -> None:
        with pytest.raises(httpx.HTTPStatusError) as caught:
            await get("/fails")
        assert caught.value.response.status_code == 418
        assert caught.value.response.json() == {"detail": "unset"}

    served(mode, use)
