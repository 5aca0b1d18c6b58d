"""Subprocesses through asyncio."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from subprocess import DEVNULL, PIPE, STDOUT

import pytest

from .harness import DEADLINE

# Copies its input to its output until end of file.
COPY = "import shutil, sys; shutil.copyfileobj(sys.stdin.buffer, sys.stdout.buffer)"


async def test_exec_with_output_on_both_pipes_and_exit_code() -> None:
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=PIPE, stderr=PIPE)
    out, err = await process.communicate()
    assert (out, err, process.returncode) == (b"out\n", b"err\n", 7)


async def test_shell() -> None:
    process = await asyncio.create_subprocess_shell(
        "echo one; echo two >&2; exit 3", stdout=PIPE, stderr=STDOUT
    )
    assert process.stdout is not None
    assert [line async for line in process.stdout] == [b"one\n", b"two\n"]
    assert await process.wait() == 3


async def test_a_megabyte_through_stdin_and_stdout() -> None:
    payload = bytes(range(256)) * 4096
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", COPY, stdin=PIPE, stdout=PIPE)
    out, _ = await process.communicate(payload)
    assert out == payload
    assert process.returncode == 0


async def test_line_by_line_conversation() -> None:
    process = await asyncio.create_subprocess_exec("cat", stdin=PIPE, stdout=PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    for number in range(20):
        process.stdin.write(b"%d\n" % number)
        await process.stdin.drain()
        assert await process.stdout.readline() == b"%d\n" % number
    process.stdin.close()
    await process.wait()


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (asyncio.subprocess.Process.kill, -signal.SIGKILL),
        (asyncio.subprocess.Process.terminate, -signal.SIGTERM),
        (lambda process: process.send_signal(signal.SIGINT), -signal.SIGINT),
    ],
    ids=["kill", "terminate", "interrupt"],
)
async def test_a_signal_ends_it_and_wakes_the_waiting_loop(
    end: Callable[[asyncio.subprocess.Process], None], code: int
) -> None:
    process = await asyncio.create_subprocess_exec("sleep", "600")
    waiting = asyncio.ensure_future(process.wait())
    await asyncio.sleep(0)
    end(process)
    assert await waiting == code


async def test_a_cancelled_wait_leaves_the_process_to_be_waited_for() -> None:
    process = await asyncio.create_subprocess_exec("cat", stdin=PIPE, stdout=DEVNULL)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(process.wait(), 0.01)
    assert process.returncode is None
    assert process.stdin is not None
    process.stdin.close()
    assert await process.wait() == 0


async def test_twenty_processes_at_once() -> None:
    async def one(number: int) -> int | None:
        process = await asyncio.create_subprocess_exec("sh", "-c", f"exit {number}")
        return await process.wait()

    assert await asyncio.gather(*(one(number) for number in range(20))) == list(range(20))


async def test_a_program_that_does_not_exist() -> None:
    with pytest.raises(FileNotFoundError):
        await asyncio.create_subprocess_exec("/does/not/exist")


def test_a_subprocess_on_a_loop_outside_of_the_main_thread(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def run_true() -> int | None:
        process = await asyncio.create_subprocess_exec("true")
        return await process.wait()

    def in_thread() -> int | None:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            return runner.run(asyncio.wait_for(run_true(), 5))

    with asyncio.Runner(loop_factory=new_loop) as runner:
        assert runner.run(asyncio.to_thread(in_thread)) == 0


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_process_pool_used_by_a_request_handler(method: str, tmp_path: Path) -> None:
    """A child forked by a handler is a copy of a thread inside the engine: stock loops run in it, an engine
    loop needs a thread of its own there. Python 3.11 starts handlers outside of the selector's wait."""
    inside = method == "fork" and sys.version_info >= (3, 12)
    expected = f"stock 1, engine {'refused' if inside else 2}, in a thread 3\n"
    (tmp_path / "work.py").write_text(textwrap.dedent(WORK))
    (tmp_path / "main.py").write_text(textwrap.dedent(SERVE).replace("METHOD", repr(method)))
    done = subprocess.run(
        [sys.executable, str(tmp_path / "main.py")], capture_output=True, text=True, timeout=DEADLINE
    )
    assert (done.returncode, done.stdout) == (0, expected), done.stderr


WORK = """
    import asyncio, turboapi.loop
    from concurrent.futures import ThreadPoolExecutor

    async def value(number):
        await asyncio.sleep(0)
        return number

    def work():
        stock = asyncio.run(value(1))
        try:
            engine = turboapi.loop.run(value(2))
        except RuntimeError:
            engine = "refused"
        with ThreadPoolExecutor(1) as pool:
            thread = pool.submit(lambda: turboapi.loop.run(value(3))).result()
        return f"stock {stock}, engine {engine}, in a thread {thread}"
"""

SERVE = """
    import asyncio, http.client, multiprocessing, socket
    from concurrent.futures import ProcessPoolExecutor
    from turboapi._engine import HttpServer
    from turboapi.loop import run
    from work import work

    async def app(scope, receive, send):
        # The first task starts the pool's processes right here.
        text = await asyncio.get_running_loop().run_in_executor(pool, work)
        headers = [(b"content-length", str(len(text)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": text.encode()})

    def ask(address):
        connection = http.client.HTTPConnection(*address, timeout=30)
        connection.request("GET", "/")
        return connection.getresponse().read().decode()

    async def main():
        listener = socket.create_server(("127.0.0.1", 0))
        address = listener.getsockname()
        server = HttpServer(asyncio.get_running_loop(), app)
        server.listen(listener.detach())
        print(await asyncio.to_thread(ask, address))
        server.close()
        await server.closed()

    if __name__ == "__main__":
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context(METHOD)) as pool:
            run(main())
"""
