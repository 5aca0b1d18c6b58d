"""Signals that stop a server, and handing them on when it has stopped."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterable

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def raise_again(captured: Iterable[int]) -> None:
    """Raise each captured signal once more, the last first, now that it has its former effect.

    So a process stopped by SIGTERM is seen to have ended by it. That end skips the interpreter's own
    clean-up, therefore what is buffered for the standard streams is written out first.
    """
    numbers = list(dict.fromkeys(reversed(list(captured))))
    if numbers:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError, AttributeError):
                stream.flush()
    for number in numbers:
        signal.raise_signal(number)
