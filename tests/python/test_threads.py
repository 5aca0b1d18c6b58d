"""`--threads`: one server per thread. The group runs on any Python, in parallel on a free-threaded one."""

from __future__ import annotations

import re
import signal
import sysconfig

import pytest
from conftest import Launch, Serve
from processes import ServerProcess, wait_until

FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))

APP = """
import asyncio, threading

class App:
    def __init__(self):
        self.loops = []

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            self.loops.append(id(asyncio.get_running_loop()))
            scope["state"]["thread"] = threading.current_thread().name
            print("startup on", threading.current_thread().name, flush=True)
            if fail_on == threading.current_thread().name:
                await send({"type": "lifespan.startup.failed", "message": "no database"})
                return
            await send({"type": "lifespan.startup.complete"})
            await receive()
            print("shutdown on", threading.current_thread().name, flush=True)
            await send({"type": "lifespan.shutdown.complete"})
            return
        if scope["path"] == "/hang":
            print("hanging", flush=True)
            await asyncio.Event().wait()
        assert scope["state"]["thread"] == threading.current_thread().name
        body = f"{scope['state']['thread']} {len(self.loops)}".encode()
        headers = [(b"connection", b"close"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

fail_on = None
app = App()
"""

RUN = """
from turboapi import Config
from turboapi.threads import ThreadGroup

ThreadGroup(Config({target!r}, port=0, threads=2, factory={factory})).run()
"""


@pytest.fixture
def group(launch: Launch, serve: Serve) -> ServerProcess:
    """Two threads that serve `APP`."""
    return start(launch, serve)


def start(launch: Launch, serve: Serve, source: str = APP, target: str = "main:app") -> ServerProcess:
    """Serve `source` with two threads, whatever kind of Python this is."""
    serve(source).kill()
    return launch("-c", RUN.format(target=target, factory=not target.endswith(":app")))


def answers(server: ServerProcess) -> set[str]:
    """What the threads answer, once both have."""
    seen: set[str] = set()

    def both() -> bool:
        seen.add(server.get())
        return len({answer.split()[0] for answer in seen}) == 2

    wait_until(both)
    return seen


def test_each_thread_has_its_own_loop_and_lifespan(group: ServerProcess) -> None:
    group.wait_for("running on")
    assert answers(group) == {"turboapi-1 2", "turboapi-2 2"}
    assert group.stop() == -signal.SIGTERM
    for number in (1, 2):
        assert f"startup on turboapi-{number}" in group.output
        assert f"shutdown on turboapi-{number}" in group.output
        pid = group.process.pid
        assert f"Finished server thread {number} of process [{pid}]" in group.output


def test_a_factory_makes_one_app_per_thread(launch: Launch, serve: Serve) -> None:
    """Trap 57: what is bound to a loop can then be made in the factory's app."""
    group = start(launch, serve, target="main:App")
    group.wait_for("running on")
    assert answers(group) == {"turboapi-1 1", "turboapi-2 1"}
    assert group.stop(signal.SIGINT) == -signal.SIGINT


@pytest.mark.parametrize("thread", ["turboapi-1", "turboapi-2"])
def test_a_failing_start_ends_all(thread: str, launch: Launch, serve: Serve) -> None:
    group = start(launch, serve, APP.replace("fail_on = None", f"fail_on = {thread!r}"))
    assert group.wait() == 3
    assert "no database" in group.output
    assert "running on" not in group.output
    assert group.output.count("shutdown on") == (1 if thread == "turboapi-2" else 0)


def test_a_second_signal_forces(group: ServerProcess) -> None:
    group.wait_for("running on")
    group.send_request("/hang")
    group.wait_for("hanging")
    group.send_signal(signal.SIGTERM)
    group.wait_for("Waiting for connections to close")
    group.send_signal(signal.SIGTERM)
    assert group.wait() == -signal.SIGTERM
    assert len(re.findall("shutdown on", group.output)) == 1


@pytest.mark.skipif(FREE_THREADED, reason="this Python can run threads in parallel")
def test_the_option_is_refused_with_a_gil(serve: Serve) -> None:
    server = serve(APP, "--threads", "2")
    assert server.wait() == 2
    assert "threads needs a free-threaded Python" in server.output


@pytest.mark.skipif(not FREE_THREADED, reason="needs a free-threaded Python")
def test_the_option_runs_threads(serve: Serve) -> None:
    server = serve(APP, "--threads", "2")
    server.wait_for("running on")
    assert answers(server) == {"turboapi-1 2", "turboapi-2 2"}
    assert server.stop() == -signal.SIGTERM
