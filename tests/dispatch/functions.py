"""Dispatch functions as people write them, and as nobody should; each takes a `note` as third argument."""

from __future__ import annotations

import asyncio
from typing import Any

import anyio
import anyio.lowlevel
from fastapi import HTTPException, Request, Response
from starlette.background import BackgroundTask
from starlette.responses import JSONResponse, PlainTextResponse

from .apps import Dispatch
from .duel import VALUE


async def passes(request: Any, call_next: Any, note: Any) -> Any:
    """Notes what it sees, and marks the response."""
    note(("before", VALUE.get()))
    VALUE.set("dispatch")
    response = await call_next(request)
    route = request.scope.get("route")
    note(("after", VALUE.get(), response.status_code, None if route is None else route.path))
    response.headers["x-passed"] = "1"
    return response


async def catches(request: Any, call_next: Any, note: Any) -> Any:
    """Answers for what fails."""
    try:
        return await call_next(request)
    except Exception as error:
        note(("caught", repr(error), repr(error.__cause__), type(error.__context__).__name__))
        return JSONResponse({"caught": str(error)}, 500)


async def sees(request: Any, call_next: Any, note: Any) -> Any:
    """Lets pass what it sees."""
    try:
        return await call_next(request)
    except BaseException as error:
        note(("saw", type(error).__name__))
        raise


async def short_cut(request: Any, call_next: Any, note: Any) -> Any:
    """Never calls the application."""
    return PlainTextResponse("short", background=BackgroundTask(note, "background"))


async def replaces(request: Any, call_next: Any, note: Any) -> Any:
    """Returns another response."""
    await call_next(request)
    note("dropped")
    return PlainTextResponse("other", status_code=202)


async def reads_response(request: Any, call_next: Any, note: Any) -> Any:
    """Reads the body and returns another response."""
    response = await call_next(request)
    body = b""
    async for chunk in response.body_iterator:
        note(("read", chunk))
        body += chunk
    headers = {name: value for name, value in response.headers.items() if name != "content-length"}
    return Response(body.upper(), response.status_code, headers)


async def wraps_response(request: Any, call_next: Any, note: Any) -> Any:
    """Replaces the body iterator."""
    response = await call_next(request)
    inner = response.body_iterator

    async def wrapped() -> Any:
        async for chunk in inner:
            note(("passing", chunk))
            yield chunk
        note("iterator ends")

    response.body_iterator = wrapped()
    return response


async def begins_response(request: Any, call_next: Any, note: Any) -> Any:
    """Takes the first piece of the body only."""
    response = await call_next(request)
    async for chunk in response.body_iterator:
        note(("first", chunk))
        break
    return response


async def closes_response(request: Any, call_next: Any, note: Any) -> Any:
    """Closes the body unread."""
    response = await call_next(request)
    await response.body_iterator.aclose()
    return response


async def raises_before(request: Any, call_next: Any, note: Any) -> Any:
    """Fails by itself."""
    raise ValueError("before")


async def raises_after(request: Any, call_next: Any, note: Any) -> Any:
    """Fails when there is a response."""
    await call_next(request)
    try:
        raise KeyError("context")
    except KeyError:
        raise ValueError("after")  # noqa: B904


async def raises_http(request: Any, call_next: Any, note: Any) -> Any:
    """An HTTPException is nobody's business out here."""
    await call_next(request)
    raise HTTPException(403, "no")


async def raises_group(request: Any, call_next: Any, note: Any) -> Any:
    """A group of one stays a group."""
    await call_next(request)
    raise ExceptionGroup("mine", [ValueError("one")])


async def twice(request: Any, call_next: Any, note: Any) -> Any:
    """Asks twice."""
    first = await call_next(request)
    note(first.status_code)
    second = await call_next(request)
    note(second.status_code)
    return second


async def reads_and_asks_again(request: Any, call_next: Any, note: Any) -> Any:
    """Asks again once the first response was read."""
    first = await call_next(request)
    async for chunk in first.body_iterator:
        note(chunk)
    return await call_next(request)


async def retries(request: Any, call_next: Any, note: Any) -> Any:
    """Asks again after a failure."""
    try:
        return await call_next(request)
    except Exception as error:
        note(repr(error))
        return await call_next(request)


async def reads_body_before(request: Any, call_next: Any, note: Any) -> Any:
    """The application gets the body that was read here."""
    note(await request.body())
    return await call_next(request)


async def streams_body_before(request: Any, call_next: Any, note: Any) -> Any:
    """The application gets nothing of a stream that was read here."""
    async for chunk in request.stream():
        note(chunk)
    return await call_next(request)


async def reads_body_after(request: Any, call_next: Any, note: Any) -> Any:
    """What the application has read is gone."""
    response = await call_next(request)
    try:
        note(await request.body())
    except Exception as error:
        note(repr(error))
    return response


async def sets_background(request: Any, call_next: Any, note: Any) -> Any:
    """A task of its own on the response of the application."""

    async def task() -> None:
        note(("background", VALUE.get()))

    response = await call_next(request)
    response.background = BackgroundTask(task)
    return response


def limit(request: Request) -> float:
    """How long the timeouts are, in seconds."""
    return float(request.headers.get("x-limit", "10"))


async def asyncio_timeout(request: Any, call_next: Any, note: Any) -> Any:
    """Gives up after a while, as asyncio does."""
    try:
        async with asyncio.timeout(limit(request)):
            return await call_next(request)
    except TimeoutError:
        note("timeout")
        return PlainTextResponse("timeout", 504)


async def wait_for(request: Any, call_next: Any, note: Any) -> Any:
    """The same in another task on 3.11."""
    try:
        return await asyncio.wait_for(call_next(request), limit(request))
    except TimeoutError:
        note("timeout")
        raise


async def fail_after(request: Any, call_next: Any, note: Any) -> Any:
    """Gives up as anyio does."""
    try:
        with anyio.fail_after(limit(request)):
            return await call_next(request)
    except TimeoutError:
        note("timeout")
        raise HTTPException(504) from None


async def move_on(request: Any, call_next: Any, note: Any) -> Any:
    """Is over before it begins."""
    with anyio.move_on_after(0) as scope:
        await call_next(request)
        note("not reached")
    note(scope.cancelled_caught)
    return PlainTextResponse("moved on")


async def group_around(request: Any, call_next: Any, note: Any) -> Any:
    """Scopes that are left one by one after `call_next`."""
    with anyio.CancelScope():
        with anyio.CancelScope():
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(anyio.sleep, 0)
                response = await call_next(request)
        await anyio.lowlevel.checkpoint()
    return response


async def cancels_itself(request: Any, call_next: Any, note: Any) -> Any:
    """A request to end that is there already."""
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    try:
        return await call_next(request)
    except asyncio.CancelledError:
        note("cancelled")
        raise


async def in_a_task(request: Any, call_next: Any, note: Any) -> Any:
    """`call_next` in a task of its own, that is left to itself for a while."""
    pending = asyncio.ensure_future(call_next(request))
    await asyncio.sleep(0)
    note("meanwhile")
    return await pending


async def changes_response(request: Any, call_next: Any, note: Any) -> Any:
    """Changes what can be changed."""
    response = await call_next(request)
    response.status_code = 299
    del response.headers["content-length"]
    response.headers.append("x-more", "1")
    response.headers.append("x-more", "2")
    return response


async def returns_nothing(request: Any, call_next: Any, note: Any) -> Any:
    """Forgot to return."""
    await call_next(request)


DISPATCHES: list[Dispatch] = [
    *(passes, catches, sees, short_cut, replaces, reads_response, wraps_response, begins_response),
    *(closes_response, raises_before, raises_after, raises_http, raises_group, twice, reads_and_asks_again),
    *(retries, reads_body_before, streams_body_before, reads_body_after, sets_background, asyncio_timeout),
    *(wait_for, fail_after, move_on, group_around, cancels_itself, in_a_task, changes_response),
    returns_nothing,
]
