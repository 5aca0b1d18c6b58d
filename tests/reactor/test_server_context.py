"""Context variables of requests (DEMANDS A-28; uvicorn#2167, fastapi#953)."""

from __future__ import annotations

import asyncio
import contextvars

from .harness import Receive, Scope, Send, connected, fetch, read_body, respond, serving

startup: contextvars.ContextVar[str] = contextvars.ContextVar("startup", default="unset")
per_request: contextvars.ContextVar[str] = contextvars.ContextVar("per_request", default="unset")


async def show_and_set(scope: Scope, receive: Receive, send: Send) -> None:
    """Tells both variables as they are, then sets them."""
    seen = f"{startup.get()} {per_request.get()}"
    per_request.set(scope["path"])
    startup.set("changed by a request")
    await respond(send, seen)


async def test_a_variable_set_in_one_request_is_unset_in_the_next_on_the_same_connection() -> None:
    async with serving(show_and_set) as here, connected(here.port) as connection:
        for number in range(5):
            assert (await connection.request(f"/{number}")).text == "unset unset"


async def test_pipelined_requests_each_have_their_own() -> None:
    async with serving(show_and_set) as here, connected(here.port) as connection:
        for number in range(5):
            connection.send(f"/{number}")
        assert [(await connection.response()).text for _ in range(5)] == ["unset unset"] * 5


async def test_variables_set_before_listen_are_seen_and_later_ones_are_not() -> None:
    token = startup.set("before")
    async with serving(show_and_set) as here:
        startup.set("after")
        assert (await fetch(here.port)).text == "before unset"
        assert (await fetch(here.port)).text == "before unset"
    startup.reset(token)


async def test_a_variable_survives_suspensions_and_reaches_tasks_threads_and_timers() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        loop = asyncio.get_running_loop()
        mine = scope["path"]
        per_request.set(mine)
        await asyncio.sleep(0)
        body = await read_body(receive)
        called = loop.create_future()
        loop.call_soon(lambda: called.set_result(per_request.get()))
        later = loop.create_future()
        loop.call_later(0.001, lambda: later.set_result(per_request.get()))

        async def child() -> str:
            seen = per_request.get()
            per_request.set("child")
            return seen

        seen = [
            per_request.get(),
            await called,
            await later,
            await asyncio.create_task(child()),
            await asyncio.to_thread(per_request.get),
            per_request.get(),
        ]
        await respond(send, b"same" if set(seen) == {mine} and body == b"body" else repr(seen))

    async with serving(app) as here:
        answers = await asyncio.gather(*(fetch(here.port, f"/{number}", b"body") for number in range(20)))
    assert {answer.text for answer in answers} == {"same"}


async def test_interleaved_requests_do_not_see_each_other() -> None:
    arrived = 0
    everybody = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal arrived
        per_request.set(scope["path"])
        arrived += 1
        if arrived == 10:
            everybody.set()
        await everybody.wait()
        await respond(send, per_request.get())

    async with serving(app) as here:
        answers = await asyncio.gather(*(fetch(here.port, f"/{number}") for number in range(10)))
    assert [answer.text for answer in answers] == [f"/{number}" for number in range(10)]


async def test_a_handler_of_a_reset_token_finds_its_own_context() -> None:
    """A token made before a suspension can be reset after it: the context is the same object."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        token = per_request.set("mine")
        await asyncio.sleep(0)
        per_request.reset(token)
        await respond(send, per_request.get())

    async with serving(app) as here:
        assert (await fetch(here.port)).text == "unset"


async def test_the_loops_own_context_is_untouched_by_requests() -> None:
    async with serving(show_and_set) as here:
        await fetch(here.port)
        seen = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(lambda: seen.set_result((startup.get(), per_request.get())))
        assert await seen == ("unset", "unset")
        assert (startup.get(), per_request.get()) == ("unset", "unset")
