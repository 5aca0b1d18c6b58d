"""Python programs as child processes that talk over their pipes."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import textwrap
from collections.abc import Iterator

from .harness import DEADLINE


class Program:
    """A running child; its lines are read with `line`, its end with `finish`."""

    def __init__(self, source: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", "-W", "error", "-c", textwrap.dedent(source)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def line(self) -> str:
        """The next line of output, or what went wrong."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"the program ended: {self.finish()}")
        return line.rstrip("\n")

    def finish(self) -> tuple[int, str, str]:
        """Exit code, rest of the output, errors."""
        out, err = self.process.communicate(timeout=DEADLINE)
        return self.process.returncode, out, err


@contextlib.contextmanager
def program(source: str) -> Iterator[Program]:
    """Run `source` in a child process, which does not outlive the block."""
    running = Program(source)
    try:
        yield running
    finally:
        with running.process:
            running.process.kill()


def run(source: str) -> tuple[int, str, str]:
    """Run `source` to its end: exit code, output, errors."""
    with program(source) as running:
        return running.finish()
