"""The ASGI lifespan protocol (specification: asgiref, "Lifespan Protocol" 2.0), with uvicorn's rules.

- `on`: an exception of the app before or at start-up is a failed start-up.
- `auto`: an exception before `lifespan.startup.complete` means that the app does not know the protocol;
  the server starts anyway. An explicit `lifespan.startup.failed` is a failure here too.
- `off`: nothing is sent.
"""

from __future__ import annotations

import asyncio
from typing import Any, Literal

from turboapi._types import ASGIApp, Message
from turboapi.logging import error_logger

_START = ("lifespan.startup.complete", "lifespan.startup.failed")
_STOP = ("lifespan.shutdown.complete", "lifespan.shutdown.failed")


class Lifespan:
    """Drives the app's lifespan on the running loop; `state` is what the app put into `scope["state"]`."""

    def __init__(self, app: ASGIApp, mode: Literal["auto", "on", "off"] = "auto") -> None:
        self.state: dict[str, Any] = {}
        self.should_exit = False
        """The app could not start (after `startup`) or not stop cleanly (after `shutdown`)."""
        self._app = app
        self._mode = mode
        self._messages: asyncio.Queue[Message] = asyncio.Queue()
        self._started = asyncio.Event()
        self._stopped = asyncio.Event()
        self._refused = False
        self._raised = False
        self._abandoned = False
        self._task: asyncio.Task[None] | None = None

    async def startup(self) -> None:
        """Send `lifespan.startup` and wait for the app's answer.

        Cancelling this cancels the app's start-up code.
        """
        if self._mode == "off":
            return
        error_logger.info("Waiting for application startup.")
        self._task = asyncio.get_running_loop().create_task(self._run(), name="lifespan")
        self._messages.put_nowait({"type": "lifespan.startup"})
        try:
            await self._started.wait()
        except asyncio.CancelledError:
            self._task.cancel()
            await asyncio.wait([self._task])
            raise
        if self._refused or (self._raised and self._mode == "on"):
            error_logger.error("Application startup failed. Exiting.")
            self.should_exit = True
        else:
            error_logger.info("Application startup complete.")

    async def shutdown(self) -> None:
        """Send `lifespan.shutdown` and wait for the answer; does nothing if the app has left already."""
        if self._task is None or self._raised:
            return
        error_logger.info("Waiting for application shutdown.")
        self._messages.put_nowait({"type": "lifespan.shutdown"})
        await self._stopped.wait()
        if self._refused or (self._raised and self._mode == "on"):
            error_logger.error("Application shutdown failed. Exiting.")
            self.should_exit = True
        else:
            error_logger.info("Application shutdown complete.")

    def abandon(self) -> None:
        """No shutdown will follow: do not log what the app says when the loop's end cancels it."""
        self._abandoned = True

    async def _run(self) -> None:
        scope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self.state,
        }
        try:
            await self._app(scope, self._messages.get, self._send)
        # BaseException: a SystemExit or a cancellation inside the app must not leave `startup` waiting.
        except BaseException as error:
            self._raised = True
            if not self._refused:
                self._log(error)
        finally:
            self._started.set()
            self._stopped.set()

    def _log(self, error: BaseException) -> None:
        if self._abandoned or isinstance(error, asyncio.CancelledError):
            return
        if self._mode == "auto" and not self._started.is_set():
            error_logger.info("ASGI 'lifespan' protocol appears unsupported.")
        else:
            error_logger.error("Exception in 'lifespan' protocol\n", exc_info=error)

    async def _send(self, message: Message) -> None:
        kind = message["type"]
        if kind in _START and not self._started.is_set():
            self._started.set()
        elif kind in _STOP and self._started.is_set() and not self._stopped.is_set():
            self._stopped.set()
        elif kind in _START + _STOP:
            raise RuntimeError(
                f"Got invalid state transition on lifespan protocol: {kind!r} sent out of turn."
            )
        else:
            raise RuntimeError(f"Unexpected lifespan message {kind!r}; expected one of {_START + _STOP}.")
        if kind.endswith(".failed"):
            self._refused = True
            if message.get("message") and not self._abandoned:
                error_logger.error(message["message"])
