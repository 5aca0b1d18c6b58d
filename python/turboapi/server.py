"""`Server`: one app on one event loop, from start-up to graceful stop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import random
import signal
import socket
import sys
import threading
from collections.abc import Callable, Coroutine, Generator, Sequence
from types import FrameType
from typing import Any

from turboapi import loop as turbo_loop
from turboapi import sockets as turbo_sockets
from turboapi._engine import HttpServer, PlanTable
from turboapi.access_log import AccessLogWriter, access_log_wanted
from turboapi.apps import import_app
from turboapi.config import Config
from turboapi.errors import STARTUP_FAILURE
from turboapi.lifespan import Lifespan
from turboapi.logging import log_process, log_running
from turboapi.loop_lag import LoopLag
from turboapi.middleware.metrics import Metrics
from turboapi.signals import STOP_SIGNALS, raise_again

logger = logging.getLogger("uvicorn.error")

_TICK = 0.1
_DISCONNECT_GRACE = 1.0
"""Seconds between telling the app that its clients are gone and dropping their connections."""
_CLOSE_GRACE = 5.0
"""Seconds that dropped requests have to end."""


class ListeningSockets:
    """What `Server.servers` holds: the sockets of one listener, as on an `asyncio.Server`."""

    def __init__(self, sockets: Sequence[socket.socket]) -> None:
        self.sockets = tuple(sockets)


class Server:
    """Serves `config.app` on a loop of `turboapi.loop`.

    `run` is the whole life of a server in its own process or thread; `await serve()` is the same inside a
    running program. Setting `should_exit` (from any thread) starts the graceful stop, `force_exit` ends
    the waiting in it. `started` becomes true when connections are accepted.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.started = False
        self.servers: list[ListeningSockets] = []
        self.freeze_gc = False
        """Move everything that exists after start-up out of the garbage collector's sight."""
        self._should_exit = False
        self._force_exit = False
        self._captured_signals: list[int] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake = asyncio.Event()
        self._lifespan: Lifespan
        self._http: HttpServer | None = None
        self.worker_number = 0
        """Which of several worker processes this is; it is added to the port of the metrics."""
        self.loop_lag: LoopLag | None = None
        """How late the loop is, if there are metrics to say so."""
        self._writer: AccessLogWriter | None = None
        self._max_requests: int | None = None
        if config.limit_max_requests is not None:
            jitter = random.randint(0, config.limit_max_requests_jitter)
            self._max_requests = config.limit_max_requests + jitter

    @property
    def should_exit(self) -> bool:
        """The server is to stop, gracefully."""
        return self._should_exit

    @should_exit.setter
    def should_exit(self, value: bool) -> None:
        self._should_exit = value
        self._notify()

    @property
    def force_exit(self) -> bool:
        """The server is to stop at once: nothing is waited for, the app's shutdown code does not run."""
        return self._force_exit

    @force_exit.setter
    def force_exit(self, value: bool) -> None:
        self._force_exit = value
        self._notify()

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve on a new loop until stopped; `sockets` are bound ones that replace the configuration's.

        Raises `SystemExit(3)` if the app cannot be loaded or started. A signal that stopped the server is
        raised again at the end, so that the process ends as it would have without the handler.
        """
        # A slow import can be interrupted only while signals still have their usual effect.
        import_app(self.config.app)
        with self.capture_signals():
            turbo_loop.run(self._serve(sockets))

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Like `run`, on the running loop; that has to be one of `turboapi.loop`."""
        with self.capture_signals():
            await self._serve(sockets)

    async def _serve(self, sockets: list[socket.socket] | None) -> None:
        self._loop = asyncio.get_running_loop()
        if not isinstance(self._loop, turbo_loop.EventLoop):
            raise RuntimeError(
                f"The server needs an event loop of turboapi.loop, this is {type(self._loop).__qualname__}. "
                "Start the program with turboapi.loop.run(main()) in place of asyncio.run(main())."
            )
        app = self.config.load()
        self._lifespan = Lifespan(app, self.config.lifespan)
        self.log_lifecycle("Started")
        try:
            await self.startup(sockets)
            try:
                await self.main_loop()
            except asyncio.CancelledError:
                self.config.timeout_graceful_shutdown = 0
                await self.shutdown(sockets)
                raise
            await self.shutdown(sockets)
        finally:
            if sockets is None and self.servers:
                turbo_sockets.remove_unix_socket(self.config)
        self.log_lifecycle("Finished")

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Bind, run the app's start-up code, then accept; `SystemExit(3)` if one of them fails.

        If a stop was asked for meanwhile, nothing is accepted; the app's shutdown code still runs.
        """
        config = self.config
        bound = sockets
        if bound is None:
            try:
                [bound] = turbo_sockets.bind(config)
            except OSError as error:
                logger.error(error)
                sys.exit(STARTUP_FAILURE)
        self.servers = [ListeningSockets([sock]) for sock in bound]
        try:
            await self._start_app()
            if not self.should_exit:
                await self._listen(bound)
        except BaseException:
            self._close_sockets()
            raise
        if self._http is not None and sockets is None:
            log_running(turbo_sockets.describe(config, bound))
        self.started = True
        if self.freeze_gc:
            gc.collect()
            gc.freeze()

    async def _start_app(self) -> None:
        if not await self._unless_forced(self._lifespan.startup()):
            logger.error("Stopped before the application had started.")
            sys.exit(STARTUP_FAILURE)
        if self._lifespan.should_exit:
            sys.exit(STARTUP_FAILURE)

    async def _listen(self, sockets: list[socket.socket]) -> None:
        config = self.config
        assert self._loop is not None
        wanted = access_log_wanted(config.access_log)
        app = config.load()
        http = HttpServer(
            self._loop,
            app,
            state=self._lifespan.state,
            access_log=wanted,
            plans=await self._plan(app),
            **config.engine_options(),
        )
        try:
            for sock in sockets:
                sock.listen(config.backlog)
                http.listen(os.dup(sock.fileno()))
        except OSError as error:
            logger.error(error)
            http.close()
            await self._lifespan.shutdown()
            sys.exit(STARTUP_FAILURE)
        self._http = http
        metrics = config.layer(Metrics)
        if metrics is not None:
            self._serve_metrics(http, metrics)
        if wanted:
            self._writer = AccessLogWriter(http)
            self._writer.start()

    def _serve_metrics(self, http: HttpServer, metrics: Metrics) -> None:
        assert self._loop is not None
        self.loop_lag = LoopLag(self._loop)
        first = metrics.process.add(self)
        if metrics.port is None or not first:
            return
        port = metrics.port + self.worker_number if metrics.port else 0
        try:
            sock = turbo_sockets.listen_tcp(metrics.host, port)
        except OSError as error:
            # The app is worth more than its metrics.
            logger.error("The metrics have no port: %s", error)
            return
        with sock:
            host, port = sock.getsockname()[:2]
            http.listen_metrics(os.dup(sock.fileno()))
        logger.info("Metrics at http://%s:%d/metrics", f"[{host}]" if ":" in host else host, port)

    @property
    def engine(self) -> HttpServer | None:
        """The engine's side of the server, while there is one."""
        return self._http

    async def _plan(self, app: object) -> PlanTable | None:
        """The compiled routes of a FastAPI app; None for other apps, which run without FastAPI installed."""
        if not self.config.route_plans or "fastapi" not in sys.modules:
            return None
        from turboapi.plans.startup import plan_table

        return await plan_table(app, self.config.sync_mode)

    async def main_loop(self) -> None:
        """Return when the server is to stop."""
        limit = self._max_requests
        while not self.should_exit:
            if limit is not None and self._http is not None and self._http.total_requests >= limit:
                logger.info("Maximum request limit of %d exceeded. Terminating process.", limit)
                return
            await self._pause(None if limit is None else _TICK)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop in phases: accept no more, wait for what runs, tell it to end, drop it, then stop the app.

        `timeout_graceful_shutdown` bounds the waiting, None waits for all. `force_exit` skips to dropping
        and leaves the app's shutdown code out.
        """
        logger.info("Shutting down")
        # The engine accepts what is queued before it lets go, so no other handle may keep the queue open.
        self._close_sockets()
        for sock in sockets or ():
            sock.close()
        if self._http is not None:
            await self._finish_requests(self._http)
            self._http.close_access_log()
        metrics = self.config.layer(Metrics)
        if metrics is not None and self.loop_lag is not None:
            self.loop_lag.stop()
            metrics.process.remove(self)
        if self._writer is not None:
            await asyncio.to_thread(self._writer.join, _CLOSE_GRACE)
        if self.force_exit or not await self._unless_forced(self._lifespan.shutdown()):
            self._lifespan.abandon()

    async def _finish_requests(self, http: HttpServer) -> None:
        http.drain()
        closed = http.closed()
        if not await self._drained(http, closed) and not self.force_exit:
            self.on_grace_exceeded(http.requests_in_flight)
            http.disconnect()
            await self._wait(closed, until=lambda: self.force_exit, timeout=_DISCONNECT_GRACE)
        if not closed.done():
            logger.warning(
                "Closing %d connection(s) with %d unfinished request(s)",
                http.connections,
                http.requests_in_flight,
            )
        http.close()
        if not await self._wait(closed, timeout=_CLOSE_GRACE):
            logger.error("%d request(s) did not end; leaving them behind", http.requests_in_flight)

    async def _drained(self, http: HttpServer, closed: asyncio.Future[None]) -> bool:
        """Wait for everything to finish, with uvicorn's log lines; False after the timeout or when forced."""
        assert self._loop is not None
        # Idle connections are gone after a few steps of the loop; they are not worth a line.
        await self._wait(closed, until=lambda: self.force_exit, timeout=_TICK)
        timeout = self.config.timeout_graceful_shutdown
        deadline = None if timeout is None else self._loop.time() + timeout
        announced: str | None = None
        while not closed.done() and not self.force_exit:
            waiting_for = "connections to close" if http.connections else "background tasks to complete"
            left = _TICK if deadline is None else min(_TICK, deadline - self._loop.time())
            if left <= 0:
                return False
            if waiting_for != announced:
                announced = waiting_for
                logger.info("Waiting for %s. (CTRL+C to force quit)", waiting_for)
            await self._wait(closed, until=lambda: self.force_exit, timeout=left)
        return closed.done()

    def log_lifecycle(self, verb: str) -> None:
        """Report the begin ("Started") and the end ("Finished") of this server."""
        log_process(f"{verb} server process [%d]")

    def on_grace_exceeded(self, tasks: int) -> None:
        """Report that `timeout_graceful_shutdown` is over while `tasks` requests still run."""
        logger.error("Cancel %d running task(s), timeout graceful shutdown exceeded", tasks)

    async def _unless_forced(self, phase: Coroutine[Any, Any, None]) -> bool:
        """Run a phase of the lifespan to its end; cancel it and return false if `force_exit` comes first."""
        task = asyncio.ensure_future(phase)
        try:
            await self._wait(task, until=lambda: self.force_exit)
        finally:
            if not task.done():
                self._lifespan.abandon()
                task.cancel()
                await asyncio.wait([task])
        if task.cancelled():
            return False
        task.result()
        return True

    async def _wait(
        self,
        future: asyncio.Future[Any],
        *,
        until: Callable[[], bool] = lambda: False,
        timeout: float | None = None,
    ) -> bool:
        """Wait for `future`, `until` (checked when a stop or force is asked for) or `timeout`; is it done?"""
        assert self._loop is not None
        deadline = None if timeout is None else self._loop.time() + timeout
        while not future.done() and not until():
            left = None if deadline is None else deadline - self._loop.time()
            if left is not None and left <= 0:
                break
            self._wake.clear()
            waker = asyncio.ensure_future(self._wake.wait())
            try:
                await asyncio.wait({future, waker}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            finally:
                waker.cancel()
        return future.done()

    async def _pause(self, timeout: float | None) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._wake.wait()
        self._wake.clear()

    def _notify(self) -> None:
        if self._loop is not None:
            # The loop may be closed when a late signal arrives.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._wake.set)

    def _close_sockets(self) -> None:
        for listener in self.servers:
            for sock in listener.sockets:
                sock.close()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Handle SIGINT and SIGTERM with `handle_exit`; afterwards raise again what was captured.

        Does nothing outside the main thread, where Python cannot set handlers.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        previous = {number: signal.signal(number, self.handle_exit) for number in STOP_SIGNALS}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
        raise_again(self._captured_signals)

    def handle_exit(self, number: int, _frame: FrameType | None) -> None:
        """Signal handler: the first signal starts the graceful stop, a second one forces it."""
        self._captured_signals.append(number)
        if self.should_exit:
            self.force_exit = True
        else:
            self.should_exit = True
