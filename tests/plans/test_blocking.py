"""What pins a `def` callable to the thread pool, and what does not."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import queue
import socket
import sqlite3
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from time import sleep as nap
from typing import Any

import anyio
import httpx
import pytest
from anyio import from_thread

from turboapi import sync_mode
from turboapi.plans.blocking import pinned_reason, placement

event = threading.Event()
lock = threading.Lock()
jobs: queue.Queue[int] = queue.Queue()
client = httpx.Client()


async def coroutine() -> None: ...


def sleeps() -> None:
    time.sleep(1)


def sleeps_by_another_name() -> None:
    nap(1)


def imports_and_sleeps() -> None:
    import time as clock

    clock.sleep(1)


def imports_from_and_sleeps() -> None:
    from time import sleep

    sleep(1)


def sleeps_in_a_lambda() -> Callable[[], None]:
    return lambda: time.sleep(1)


def calls_what_sleeps() -> None:
    sleeps()


def needs_the_portal() -> None:
    from_thread.run(coroutine)


def needs_the_portal_of_a_package() -> None:
    anyio.from_thread.run_sync(print)


def runs_a_loop() -> None:
    asyncio.run(coroutine())


def runs_a_given_loop(loop: asyncio.AbstractEventLoop) -> None:
    loop.run_until_complete(coroutine())


def waits_for_the_loop(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.run_coroutine_threadsafe(coroutine(), loop).result()


def asks_for_a_loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_event_loop()


def starts_a_process() -> None:
    subprocess.run(["true"], check=True)


def calls_the_shell() -> None:
    os.system("true")


def fetches() -> bytes:
    with urllib.request.urlopen("http://localhost") as response:
        return bytes(response.read())


def fetches_with_httpx() -> int:
    return httpx.get("http://localhost").status_code


def fetches_with_a_client() -> int:
    return client.get("http://localhost").status_code


def imports_requests() -> int:
    import requests  # type: ignore[import-not-found, import-untyped, unused-ignore]

    return int(requests.get("http://localhost").status_code)


def connects() -> socket.socket:
    return socket.create_connection(("localhost", 1))


def opens_sqlite() -> sqlite3.Connection:
    return sqlite3.connect(":memory:")


def waits_for_an_event() -> None:
    event.wait()


def takes_a_job() -> int:
    return jobs.get()


def yields_and_sleeps() -> Iterator[None]:
    yield
    time.sleep(1)


class SleepsWhenMade:
    def __init__(self) -> None:
        time.sleep(1)


class SleepsWhenCalled:
    def __call__(self) -> None:
        time.sleep(1)

    def method(self) -> None:
        time.sleep(1)


def decorated(function: Callable[[], None]) -> Callable[[], None]:
    @functools.wraps(function)
    def wrapper() -> None:
        function()

    return wrapper


def decorated_with_a_sleep(function: Callable[[], None]) -> Callable[[], None]:
    def wrapper() -> None:
        time.sleep(1)
        function()

    return wrapper


def closure_over_sleep() -> Callable[[], None]:
    wait = time.sleep

    def inner() -> None:
        wait(1)

    return inner


@pytest.mark.parametrize(
    ("callable", "reason"),
    [
        (sleeps, "calls time.sleep, which blocks"),
        (sleeps_by_another_name, "calls time.sleep, which blocks"),
        (imports_and_sleeps, "calls time.sleep, which blocks"),
        (imports_from_and_sleeps, "calls time.sleep, which blocks"),
        (sleeps_in_a_lambda, "calls time.sleep, which blocks"),
        (calls_what_sleeps, "calls time.sleep, which blocks"),
        (yields_and_sleeps, "calls time.sleep, which blocks"),
        (contextlib.contextmanager(yields_and_sleeps), "calls time.sleep, which blocks"),
        (SleepsWhenMade, "calls time.sleep, which blocks"),
        (SleepsWhenCalled(), "calls time.sleep, which blocks"),
        (SleepsWhenCalled().method, "calls time.sleep, which blocks"),
        (functools.partial(sleeps), "calls time.sleep, which blocks"),
        (decorated(sleeps), "calls time.sleep, which blocks"),
        (decorated_with_a_sleep(lambda: None), "calls time.sleep, which blocks"),
        (closure_over_sleep(), "calls time.sleep, which blocks"),
        (needs_the_portal, "calls anyio.from_thread.run, which needs a worker thread"),
        (needs_the_portal_of_a_package, "calls anyio.from_thread.run_sync, which needs a worker thread"),
        (runs_a_loop, "calls asyncio.run, which runs an event loop of its own"),
        (runs_a_given_loop, "calls run_until_complete, which runs an event loop of its own"),
        (waits_for_the_loop, "calls asyncio.run_coroutine_threadsafe, which waits for the event loop"),
        (asks_for_a_loop, "calls asyncio.get_event_loop, which finds another event loop on each thread"),
        (starts_a_process, "calls subprocess.run, which waits for a process"),
        (calls_the_shell, "calls os.system, which waits for a process"),
        (fetches, "calls urllib.request.urlopen, which waits for the network"),
        (fetches_with_httpx, "calls httpx.get, which waits for the network"),
        (fetches_with_a_client, "calls httpx.Client, which waits for the network"),
        (imports_requests, "calls requests.get, which waits for the network"),
        (connects, "calls socket.create_connection, which waits for the network"),
        (opens_sqlite, "calls sqlite3.connect, whose connections belong to one thread"),
        (waits_for_an_event, "calls wait of a threading.Event, which blocks"),
        (takes_a_job, "calls get of a queue.Queue, which blocks"),
    ],
)
def test_a_callable_is_pinned(callable: Callable[..., Any], reason: str) -> None:
    assert pinned_reason(callable) == reason


def quick(items: dict[str, int], key: str = "a") -> int | None:
    return items.get(key)


def measures() -> float:
    return time.perf_counter()


def takes_a_lock() -> None:
    with lock:
        event.set()


def calls_itself(depth: int) -> int:
    return calls_itself(depth - 1) if depth else 0


class Proxy:
    """Answers to every name, for ever."""

    def __getattr__(self, name: str) -> Proxy:
        return Proxy()

    def __call__(self) -> None: ...


def wraps_itself() -> None: ...


wraps_itself.__wrapped__ = wraps_itself  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "callable",
    [quick, measures, takes_a_lock, calls_itself, Proxy(), wraps_itself, len, dict, object(), print, {}.get],
)
def test_a_callable_is_not_pinned(callable: Callable[..., Any]) -> None:
    assert pinned_reason(callable) is None


def test_an_unbound_closure_is_no_error() -> None:
    def outer() -> Callable[[], int]:
        def inner() -> int:
            return later

        assert pinned_reason(inner) is None
        later = 1
        return inner

    assert outer()() == 1


def test_what_is_marked_comes_before_what_the_code_shows() -> None:
    marked = sync_mode("inline")(functools.partial(sleeps))
    assert placement(marked, "threads") == ("inline", 'is marked with sync_mode("inline")')
    assert placement(sync_mode("threads")(functools.partial(quick)), "inline").mode == "threads"


@pytest.mark.parametrize("default", ["adaptive", "inline"])
def test_what_blocks_runs_on_threads_whatever_the_server_says(default: Any) -> None:
    assert placement(sleeps, default) == ("threads", "calls time.sleep, which blocks")
    assert placement(quick, default) == (default, None)


def test_a_server_with_threads_needs_no_reason() -> None:
    assert placement(sleeps, "threads") == ("threads", None)
