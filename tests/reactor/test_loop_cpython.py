"""CPython's own tests of asyncio, those that use real sockets and processes, on the engine's loop."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from .harness import DEADLINE

PROGRAM = Path(__file__).with_name("cpython_suite.py")

PARTS = [
    ["test_events.EPollEventLoopTests"],
    ["test_sock_lowlevel.EPollEventLoopTests", "test_sendfile.EPollEventLoopTests"],
    ["test_streams", "test_server", "test_buffered_proto", "test_unix_events", "test_runners"],
    ["test_sslproto.SelectorStartTLSTests"],
    ["test_subprocess.SubprocessPidfdWatcherTests"],
    ["test_timeouts", "test_waitfor", "test_threads"],
]


def has_suite() -> bool:
    """Some distributions leave CPython's tests out."""
    return bool(importlib.util.find_spec("test") and importlib.util.find_spec("test.test_asyncio"))


@pytest.mark.parametrize("names", PARTS, ids=lambda names: names[0])
def test_cpythons_own_tests(names: list[str], tmp_path: Path) -> None:
    if not has_suite():
        pytest.skip("this Python has NO test.test_asyncio: CPython's own tests of asyncio did not run")
    # The suite leaves files in the working directory.
    done = subprocess.run(
        [sys.executable, str(PROGRAM), *names],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=2.5 * DEADLINE,
    )
    assert done.returncode == 0, done.stdout
