"""What serving does to the process (traps 58, 63, 66 and 67)."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import subprocess
import sys
import textwrap
import threading

import pytest

from turboapi import loop
from turboapi._engine import HttpServer

from .apps import ok
from .conftest import Serve

pytestmark = [
    pytest.mark.engine_only("about the engine's own runtime"),
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]


def python(script: str) -> subprocess.CompletedProcess[str]:
    """Run a script in an interpreter of its own."""
    command = [sys.executable, "-X", "dev", "-c", textwrap.dedent(script)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_trap58_serving_starts_no_threads(serve: Serve) -> None:
    """Requests run on the loop's own thread: no native thread could attach at the wrong moment."""
    server = serve(ok)
    before = len(os.listdir("/proc/self/task"))
    for _ in range(20):
        assert server.get().status == 200
    assert len(os.listdir("/proc/self/task")) == before


def test_trap67_importing_starts_no_threads(kind: str) -> None:
    """granian#703, uvicorn#3031: a supervisor may fork after the import, as long as there is one thread."""
    done = python("""
        import os
        import turboapi, turboapi.loop, turboapi._engine
        print(len(os.listdir("/proc/self/task")))
    """)
    assert (done.stdout, done.stderr) == ("1\n", "")


def test_trap67_a_forked_child_serves_with_a_loop_of_its_own(kind: str) -> None:
    """The parent has made and closed a loop before; parent and child then serve at the same time."""
    done = python("""
        import asyncio, os, socket
        from turboapi import loop
        from turboapi._engine import HttpServer

        async def app(scope, receive, send):
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body", "body": str(os.getpid()).encode()})

        async def main():
            listener = socket.create_server(("127.0.0.1", 0))
            http = HttpServer(asyncio.get_running_loop(), app)
            http.listen(os.dup(listener.fileno()))
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            writer.write(b"GET / HTTP/1.1\\r\\nHost: test\\r\\nConnection: close\\r\\n\\r\\n")
            data = await reader.read()
            writer.close()
            listener.close()
            http.drain()
            await http.closed()
            assert str(os.getpid()).encode() in data, data

        loop.run(main())
        child = os.fork()
        loop.run(main())
        if child:
            _, status = os.waitpid(child, 0)
            print("child", os.waitstatus_to_exitcode(status))
    """)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "child 0\n"


def test_trap63_a_subinterpreter_is_refused(kind: str) -> None:
    """pyo3#3451: ImportError, not a crash."""
    done = python("""
        try:
            import _interpreters as interpreters
        except ImportError:
            import _xxsubinterpreters as interpreters
        interpreter = interpreters.create()
        run = getattr(interpreters, "exec", None) or interpreters.run_string
        script = "try:\\n    import turboapi._engine\\nexcept ImportError:\\n    pass"
        print(run(interpreter, script))
        interpreters.destroy(interpreter)
        import turboapi._engine
        print("fine")
    """)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("fine\n")


def test_trap66_ten_loops_one_after_the_other(kind: str) -> None:
    """Each with a server and a request in flight when it ends; descriptors do not add up."""
    done = python("""
        import asyncio, os, socket
        from turboapi import loop
        from turboapi._engine import HttpServer

        async def app(scope, receive, send):
            await receive()
            await receive()

        async def main():
            listener = socket.create_server(("127.0.0.1", 0))
            http = HttpServer(asyncio.get_running_loop(), app)
            http.listen(os.dup(listener.fileno()))
            client = socket.create_connection(listener.getsockname())
            client.sendall(b"GET / HTTP/1.1\\r\\nHost: test\\r\\n\\r\\n")
            while not http.requests_in_flight:
                await asyncio.sleep(0)
            client.close()
            listener.close()

        import logging
        logging.disable()
        loop.run(main())
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(10):
            loop.run(main())
        print(len(os.listdir("/proc/self/fd")) - before)
    """)
    assert (done.returncode, done.stdout) == (0, "0\n"), done.stderr


@pytest.mark.parametrize("listens", [False, True])
def test_trap66_a_server_object_that_outlives_its_loop_and_thread(kind: str, listens: bool) -> None:
    """It is dropped on another thread when its loop is long closed, and no descriptor stays."""

    async def main(kept: list[HttpServer]) -> None:
        http = HttpServer(asyncio.get_running_loop(), ok)
        kept.append(http)
        if listens:
            http.listen(socket.create_server(("127.0.0.1", 0)).detach())
            http.close()
            await http.closed()

    def run_one() -> None:
        kept: list[HttpServer] = []
        thread = threading.Thread(target=lambda: loop.run(main(kept)))
        thread.start()
        thread.join()
        kept.clear()

    def descriptors() -> int:
        gc.collect()
        return len(os.listdir("/proc/self/fd"))

    run_one()
    before = descriptors()
    for _ in range(5):
        run_one()
    assert descriptors() == before
