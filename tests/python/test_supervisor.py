"""`--workers`: real parents and workers, killed, failing and stopped."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import sys

import pytest
from conftest import Launch, Serve
from processes import DEADLINE, ServerProcess, receive_all, wait_until

from turboapi import Config, ConfigError, sockets
from turboapi.supervisor import Supervisor

APP = r"""
    import os, asyncio
    from contextlib import asynccontextmanager

    os.write(1, f"imported by {os.getpid()}\n".encode())

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        if scope["path"] == "/hang":
            print("hanging", flush=True)
            await asyncio.Event().wait()
        if scope["path"] == "/block":
            import time
            print("blocking", flush=True)
            time.sleep(1000)
        body = str(os.getpid()).encode()
        headers = [(b"connection", b"close"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
"""


def workers(server: ServerProcess, count: int) -> list[int]:
    """The process ids of the first `count` workers that serve."""
    server.wait_for("Application startup complete", count=count)
    server.wait_for("running on")
    return [int(pid) for pid in re.findall(r"Started server process \[(\d+)\]", server.output)]


def wait_for_answers_of(server: ServerProcess, pids: list[int]) -> None:
    """Until each of these workers has answered a request."""
    seen: set[int] = set()

    def each_has_answered() -> bool:
        seen.add(int(server.get()))
        return seen >= set(pids)

    wait_until(each_has_answered)


def is_alive(pid: int) -> bool:
    """Whether a process exists (and is not a zombie)."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_every_worker_serves_and_the_parent_never_imports_the_app(serve: Serve) -> None:
    server = serve(APP, "--workers", "2")
    pids = workers(server, 2)
    server.wait_for(r"running on http://127.0.0.1:\d+ ")
    wait_for_answers_of(server, pids)
    assert server.stop() == -signal.SIGTERM
    assert sorted(map(int, re.findall(r"imported by (\d+)", server.output))) == sorted(pids)
    assert server.output.count("Application shutdown complete") == 2
    assert "Received SIGTERM, exiting." in server.output
    assert server.output.rstrip().endswith(f"Stopping parent process [{server.process.pid}]")


def test_a_dead_worker_is_replaced_and_its_queue_is_served(serve: Serve) -> None:
    """Connections that were waiting for the dead worker are answered by its replacement."""
    server = serve(APP, "--workers", "2")
    pids = workers(server, 2)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    waiting = [server.send_request("/") for _ in range(20)]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    answers = {receive_all(connection).rpartition(b"\r\n\r\n")[2] for connection in waiting}
    replacements = workers(server, 4)[2:]
    assert answers <= {str(pid).encode() for pid in replacements}
    for pid in pids:
        assert f"Child process [{pid}] died (killed by SIGKILL), replacing it" in server.output
    assert server.stop() == -signal.SIGTERM


def test_a_worker_that_is_told_to_stop_is_replaced(serve: Serve) -> None:
    server = serve(APP, "--workers", "2")
    first, _ = workers(server, 2)
    os.kill(first, signal.SIGTERM)
    server.wait_for(rf"Child process \[{first}\] died \(killed by SIGTERM\)")
    workers(server, 3)
    server.stop()


def test_max_requests_recycles_workers(serve: Serve) -> None:
    server = serve(APP, "--workers", "2", "--limit-max-requests", "1")
    workers(server, 2)
    server.get()
    server.wait_for("Maximum request limit of 1 exceeded. Terminating process.")
    server.wait_for(r"died \(exit code 0\), replacing it")
    workers(server, 3)
    server.stop()


def test_no_request_is_lost_while_workers_are_recycled(serve: Serve) -> None:
    """The parent keeps the sockets open: what a worker does not accept any more waits for the next one."""
    server = serve(APP, "--workers", "2", "--limit-max-requests", "15")
    workers(server, 2)
    seen: set[str] = set()

    def six_workers_have_answered() -> bool:
        seen.add(server.get())
        return len(seen) == 6

    wait_until(six_workers_have_answered)
    server.stop()


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise ValueError('broken module')", "ValueError: broken module"),
        ("import sys\nsys.exit(7)", "exit code 7"),
        (
            """
            async def app(scope, receive, send):
                await receive()
                await send({"type": "lifespan.startup.failed", "message": "no database"})
            """,
            "no database",
        ),
    ],
)
def test_a_failing_start_ends_all_with_its_reason(source: str, reason: str, serve: Serve) -> None:
    """Trap 17: the supervisor must stop, not respawn for ever."""
    server = serve(source, "--workers", "2")
    assert server.wait() == 3
    assert reason in server.output
    assert "failed to start" in server.output
    assert len(re.findall("failed to start", server.output)) == 1


def test_ctrl_c_reaches_parent_and_workers_and_is_one_graceful_stop(serve: Serve) -> None:
    """A terminal sends SIGINT to the whole group; what it means for the workers, the parent tells them."""
    server = serve(APP, "--workers", "2")
    pids = workers(server, 2)
    os.kill(pids[0], signal.SIGINT)
    wait_for_answers_of(server, pids)
    server.send_signal_to_group(signal.SIGINT)
    assert server.wait() == 0
    assert server.output.count("Application shutdown complete") == 2
    assert "Traceback" not in server.output
    assert "died" not in server.output


def test_ctrl_c_while_workers_start(serve: Serve) -> None:
    server = serve(APP, "--workers", "2")
    server.wait_for("Started parent process")
    server.send_signal_to_group(signal.SIGINT)
    assert server.wait() == 0
    assert "Traceback" not in server.output


@pytest.mark.parametrize("path", ["/hang", "/block"])
def test_a_second_signal_forces(path: str, serve: Serve) -> None:
    """Even a worker whose event loop is blocked ends."""
    server = serve(APP, "--workers", "2")
    pids = workers(server, 2)
    server.send_request(path)
    server.wait_for("hanging|blocking")
    server.send_signal(signal.SIGTERM)
    server.wait_for("Received SIGTERM, exiting.")
    server.send_signal(signal.SIGTERM)
    server.wait_for("Received SIGTERM again, forcing the exit.")
    assert server.wait() == -signal.SIGTERM
    assert not any(map(is_alive, pids))


def test_workers_end_when_the_parent_is_killed(serve: Serve) -> None:
    server = serve(APP, "--workers", "2")
    pids = workers(server, 2)
    server.send_signal(signal.SIGKILL)
    wait_until(lambda: not any(map(is_alive, pids)), "the end of the workers")
    server.wait()
    assert server.output.count("The parent process is gone, stopping") == 2
    assert server.output.count("Application shutdown complete") == 2


def test_a_port_that_is_served_is_refused(serve: Serve) -> None:
    """SO_REUSEPORT would let a second server in silently."""
    first = serve(APP, "--workers", "2")
    workers(first, 2)
    second = serve(APP, "--workers", "2", "--port", str(first.port))
    assert second.wait() == 3
    assert "Address already in use" in second.output


def test_one_socket_for_all_workers(serve: Serve) -> None:
    """A Unix socket cannot be bound twice: the workers share it."""
    server = serve(APP, "--workers", "2", "--uds", "app.sock")
    pids = workers(server, 2)
    path = os.path.join(str(server.cwd), "app.sock")
    for _ in range(3):
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as client:
            client.settimeout(DEADLINE)
            client.connect(path)
            client.sendall(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
            assert int(receive_all(client).rpartition(b"\r\n\r\n")[2]) in pids
    server.stop()
    assert not os.path.exists(path)


def test_run_from_a_script(launch: Launch, serve: Serve) -> None:
    server = serve(APP, "--workers", "1")
    server.kill()
    code = "import turboapi; turboapi.run('main:app', port=0, workers=2)"
    script = launch("-c", code)
    workers(script, 2)
    assert script.stop() == -signal.SIGTERM


def test_an_option_that_cannot_be_sent_to_workers_is_an_error() -> None:
    config = Config(
        "main:app", port=0, workers=2, log_config={"version": 1, "filters": {"f": {"()": lambda: 1}}}
    )
    with pytest.raises(ConfigError, match=r"^log_config cannot be sent to another process"):
        Supervisor(config).run()


@pytest.mark.skipif(sys.platform != "linux", reason="SO_REUSEPORT balances on Linux only")
def test_each_slot_has_a_socket_of_its_own() -> None:
    bound = sockets.bind(Config("main:app", port=0), slots=3)
    try:
        names = {slot[0].getsockname() for slot in bound}
        assert len(names) == 1
        assert len({slot[0].fileno() for slot in bound}) == 3
        assert all(slot[0].getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT) for slot in bound)
    finally:
        sockets.close(bound)
