"""The lifespan protocol, compared with uvicorn's: the same outcome and the same log lines."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Literal

import pytest
import uvicorn
from logs import LogLines
from uvicorn.lifespan.on import LifespanOn

from turboapi.lifespan import Lifespan

App = Callable[[Any, Any, Any], Awaitable[None]]


async def complete(scope: Any, receive: Any, send: Any) -> None:
    """A well-behaved app; it keeps what it received in its state."""
    assert (await receive())["type"] == "lifespan.startup"
    scope["state"]["scope"] = {key: value for key, value in scope.items() if key != "state"}
    await send({"type": "lifespan.startup.complete"})
    assert (await receive())["type"] == "lifespan.shutdown"
    await send({"type": "lifespan.shutdown.complete"})


async def raises_at_once(scope: Any, receive: Any, send: Any) -> None:
    """Does not know the protocol."""
    raise KeyError(scope["type"])


async def raises_after_receive(scope: Any, receive: Any, send: Any) -> None:
    """Fails in its start-up code."""
    await receive()
    raise RuntimeError("no database")


async def raises_system_exit(scope: Any, receive: Any, send: Any) -> None:
    """Calls sys.exit in its start-up code; must not leave the server waiting."""
    await receive()
    raise SystemExit(9)


async def returns_at_once(scope: Any, receive: Any, send: Any) -> None:
    """Ignores the protocol."""


async def startup_failed(scope: Any, receive: Any, send: Any) -> None:
    """Reports a failed start-up and then raises, as Starlette does."""
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "the reason"})
    raise RuntimeError("the reason")


async def startup_failed_silently(scope: Any, receive: Any, send: Any) -> None:
    """Reports a failed start-up without a message."""
    await receive()
    await send({"type": "lifespan.startup.failed"})


async def shutdown_failed(scope: Any, receive: Any, send: Any) -> None:
    """Reports a failed shutdown."""
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.failed", "message": "half closed"})
    raise RuntimeError("half closed")


async def leaves_after_startup(scope: Any, receive: Any, send: Any) -> None:
    """Returns without waiting for the shutdown."""
    await receive()
    await send({"type": "lifespan.startup.complete"})


async def shutdown_before_startup(scope: Any, receive: Any, send: Any) -> None:
    """Sends messages out of turn."""
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


APPS = [
    complete,
    raises_at_once,
    raises_after_receive,
    raises_system_exit,
    returns_at_once,
    startup_failed,
    startup_failed_silently,
    shutdown_failed,
    leaves_after_startup,
    shutdown_before_startup,
]


def outcome(make: Callable[[], Any], log: LogLines) -> tuple[Any, ...]:
    """What a whole life leads to: whether to exit, the state, the first line of each log record."""

    async def live() -> tuple[Any, ...]:
        lifespan = make()
        await lifespan.startup()
        exit_after_startup = lifespan.should_exit
        if not exit_after_startup:
            await lifespan.shutdown()
        return exit_after_startup, lifespan.should_exit, lifespan.state

    log.lines.clear()
    result = asyncio.run(live())
    return *result, [line.splitlines()[0] for line in log.lines]


@pytest.mark.parametrize("app", APPS, ids=lambda app: app.__name__)
@pytest.mark.parametrize("mode", ["auto", "on"])
def test_same_as_uvicorn(app: App, mode: Literal["auto", "on"], error_log: LogLines) -> None:
    def theirs() -> LifespanOn:
        config = uvicorn.Config(app, lifespan=mode, log_config=None, proxy_headers=False)
        config.load()
        return LifespanOn(config)

    assert outcome(lambda: Lifespan(app, mode), error_log) == outcome(theirs, error_log)


def test_off_sends_nothing(error_log: LogLines) -> None:
    assert outcome(lambda: Lifespan(raises_at_once, "off"), error_log) == (False, False, {}, [])


def test_a_failing_shutdown_is_not_taken_for_an_unknown_protocol(error_log: LogLines) -> None:
    """uvicorn logs "appears unsupported" here, and the error is lost."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        raise RuntimeError("connection pool is stuck")

    outcome(lambda: Lifespan(app, "auto"), error_log)
    assert "RuntimeError: connection pool is stuck" in error_log.text


def test_cancelling_the_startup_cancels_the_app() -> None:
    cancelled: list[bool] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    async def main() -> None:
        startup = asyncio.ensure_future(Lifespan(app).startup())
        for _ in range(3):
            await asyncio.sleep(0)
        startup.cancel()
        await asyncio.wait([startup])
        assert startup.cancelled()

    asyncio.run(main())
    assert cancelled == [True]
