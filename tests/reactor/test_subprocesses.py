"""Subprocesses through asyncio."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable
from subprocess import DEVNULL, PIPE, STDOUT

import pytest

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
