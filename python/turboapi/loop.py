"""The event loop: asyncio's own, with a selector that runs the engine while it waits.

Everything asyncio offers is the standard library's; only the waiting is native. Where asyncio would ask the
kernel for events, the selector runs the tokio runtime on the same thread until asyncio has work again.
"""

from __future__ import annotations

import asyncio
import contextlib
import selectors
import signal
import sys
import threading
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

from turboapi._engine import Reactor, answer_natively

__all__ = ["EventLoop", "new_event_loop", "run"]

T = TypeVar("T")

if sys.platform == "linux":
    _Selector = selectors.EpollSelector
else:
    _Selector = selectors.KqueueSelector


class ReactorSelector(_Selector):
    """Registration is the standard selector's; waiting is the engine's."""

    def __init__(self) -> None:
        super().__init__()
        self.reactor = Reactor()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self.reactor.park(self.fileno(), timeout):
            return super().select(0)
        return []

    def close(self) -> None:
        self.reactor.close()
        super().close()


class EventLoop(asyncio.SelectorEventLoop):
    """A ``SelectorEventLoop`` on whose thread the engine runs."""

    def __init__(self) -> None:
        selector = ReactorSelector()
        super().__init__(selector)
        self._reactor = selector.reactor
        self._reactor.bind(self)

    def run_forever(self) -> None:
        self._check_closed()  # type: ignore[attr-defined]
        with self._signals_wake_the_selector():
            super().run_forever()

    def stop(self) -> None:
        super().stop()
        # Called from a coroutine that the engine runs, no callback follows that would end the wait.
        self._reactor.wake()

    def remove_signal_handler(self, sig: int) -> bool:
        removed = super().remove_signal_handler(sig)
        if removed and self.is_running():
            # asyncio drops its wake-up descriptor with its last handler; plain handlers still need it.
            self._set_wakeup_fd()
        return removed

    @contextlib.contextmanager
    def _signals_wake_the_selector(self) -> Iterator[None]:
        """A thread that waits in native code does not see signals: the self-pipe has to wake it."""
        ours = self._set_wakeup_fd()
        try:
            yield
        finally:
            # Handlers added with `add_signal_handler` need the descriptor between two runs, too.
            if ours and not self._signal_handlers:  # type: ignore[attr-defined]
                current = signal.set_wakeup_fd(-1)
                if current != self._csock.fileno():  # type: ignore[attr-defined]
                    signal.set_wakeup_fd(current)

    def _set_wakeup_fd(self) -> bool:
        """Whether the self-pipe is the process's wake-up descriptor now."""
        if threading.current_thread() is not threading.main_thread():
            return False
        fd: int = self._csock.fileno()  # type: ignore[attr-defined]
        previous = signal.set_wakeup_fd(fd, warn_on_full_buffer=False)
        if previous not in (-1, fd):
            # Somebody else's: put it back, their owner is woken as before.
            signal.set_wakeup_fd(previous)
            return False
        return True


answer_natively(EventLoop)


def new_event_loop() -> EventLoop:
    """A new loop; the ``loop_factory`` for ``asyncio.Runner``."""
    return EventLoop()


def run(main: Coroutine[Any, Any, T], *, debug: bool | None = None) -> T:
    """``asyncio.run`` on an engine loop."""
    with asyncio.Runner(debug=debug, loop_factory=new_event_loop) as runner:
        return runner.run(main)
