"""Signals: handlers of the loop, plain handlers, Ctrl-C; each in a process of its own.

A thread that waits in native code never gets to run Python's signal handlers by itself: every test here has
a loop that is idle when the signal comes.
"""

from __future__ import annotations

import os
import signal

import pytest

from .processes import program, run


def test_a_handler_of_the_loop_runs_on_an_idle_loop() -> None:
    source = """
        import asyncio, signal
        from turboapi.loop import run

        async def main():
            loop = asyncio.get_running_loop()
            woken = asyncio.Event()
            loop.add_signal_handler(signal.SIGUSR1, woken.set)
            print("ready", flush=True)
            await woken.wait()
            assert loop.remove_signal_handler(signal.SIGUSR1)
            assert not loop.remove_signal_handler(signal.SIGUSR1)
            print("handled", flush=True)

        run(main())
    """
    with program(source) as child:
        assert child.line() == "ready"
        child.process.send_signal(signal.SIGUSR1)
        assert child.line() == "handled"
        assert child.finish() == (0, "", "")


@pytest.mark.parametrize("serving", [False, True], ids=["idle", "with an HTTP server"])
def test_a_plain_handler_runs_while_the_loop_is_idle(serving: bool) -> None:
    source = f"""
        import asyncio, signal, socket
        from turboapi._engine import HttpServer
        from turboapi.loop import run

        async def main():
            loop = asyncio.get_running_loop()
            if {serving}:
                server = HttpServer(loop, None)
                server.listen(socket.create_server(("127.0.0.1", 0)).detach())
            woken = asyncio.Event()
            signal.signal(signal.SIGUSR1, lambda number, frame: loop.call_soon_threadsafe(woken.set))
            print("ready", flush=True)
            await woken.wait()

        run(main())
    """
    with program(source) as child:
        assert child.line() == "ready"
        child.process.send_signal(signal.SIGUSR1)
        assert child.finish() == (0, "", "")


def test_an_exception_of_a_plain_handler_leaves_run_forever() -> None:
    source = """
        import signal
        from turboapi.loop import new_event_loop

        # asyncio lets this kind pass even if it is raised inside a callback.
        class Stop(KeyboardInterrupt): pass

        def raise_it(number, frame):
            raise Stop

        signal.signal(signal.SIGUSR1, raise_it)
        loop = new_event_loop()
        loop.call_soon(print, "ready")
        loop.call_soon(lambda: __import__("sys").stdout.flush())
        try:
            loop.run_forever()
        except Stop:
            loop.call_soon(loop.stop)
            loop.run_forever()
            loop.close()
            print("stopped")
    """
    with program(source) as child:
        assert child.line() == "ready"
        child.process.send_signal(signal.SIGUSR1)
        assert child.finish() == (0, "stopped\n", "")


@pytest.mark.parametrize(
    "start",
    [
        "turboapi.loop.run(main())",
        "asyncio.Runner(loop_factory=turboapi.loop.new_event_loop).run(main())",
        "turboapi.loop.new_event_loop().run_until_complete(main())",
    ],
    ids=["run", "Runner", "bare loop"],
)
def test_ctrl_c_ends_an_idle_loop(start: str) -> None:
    source = f"""
        import asyncio, warnings
        import turboapi.loop

        async def main():
            print("ready", flush=True)
            try:
                await asyncio.Event().wait()
            finally:
                print("cleaned up", flush=True)

        warnings.simplefilter("ignore", ResourceWarning)
        try:
            {start}
        except KeyboardInterrupt:
            print("interrupted", flush=True)
    """
    with program(source) as child:
        assert child.line() == "ready"
        child.process.send_signal(signal.SIGINT)
        code, out, _ = child.finish()
    assert code == 0
    # A bare loop leaves its tasks as they are; a runner ends them.
    expected = ["interrupted"] if "new_event_loop()" in start else ["cleaned up", "interrupted"]
    assert [line for line in out.splitlines() if line in expected] == expected


def test_ctrl_c_ends_a_loop_that_is_busy_with_requests() -> None:
    source = """
        import asyncio, http.client, socket, threading
        from turboapi._engine import HttpServer
        from turboapi.loop import run

        async def app(scope, receive, send):
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
            await send({"type": "http.response.body", "body": b"ok"})

        def ask(address):
            connection = http.client.HTTPConnection(*address)
            for number in range(10**9):
                connection.request("GET", "/")
                connection.getresponse().read()
                if number == 50:
                    busy.wait()

        async def main():
            server = HttpServer(asyncio.get_running_loop(), app)
            listener = socket.create_server(("127.0.0.1", 0))
            address = listener.getsockname()
            server.listen(listener.detach())
            for _ in range(4):
                threading.Thread(target=ask, args=(address,), daemon=True).start()
            await asyncio.to_thread(busy.wait)
            print("ready", flush=True)
            await asyncio.Event().wait()

        busy = threading.Barrier(5)
        threading.excepthook = lambda *_: None
        try:
            run(main())
        except KeyboardInterrupt:
            print("interrupted", flush=True)
    """
    with program(source) as child:
        assert child.line() == "ready"
        child.process.send_signal(signal.SIGINT)
        assert child.finish() == (0, "interrupted\n", "")


def test_ctrl_c_still_works_after_the_last_handler_of_the_loop_is_removed() -> None:
    """asyncio gives up its wake-up descriptor with its last handler."""
    source = """
        import asyncio, signal
        from turboapi.loop import run

        async def main():
            loop = asyncio.get_running_loop()
            loop.add_signal_handler(signal.SIGTERM, print)
            loop.remove_signal_handler(signal.SIGTERM)
            print("ready", flush=True)
            await asyncio.Event().wait()

        try:
            run(main())
        except KeyboardInterrupt:
            print("interrupted")
    """
    with program(source) as child:
        assert child.line() == "ready"
        child.process.send_signal(signal.SIGINT)
        assert child.finish() == (0, "interrupted\n", "")


def test_a_signal_between_two_runs_reaches_its_handler_in_the_next() -> None:
    code, out, err = run("""
        import asyncio, os, signal
        from turboapi.loop import new_event_loop

        loop = new_event_loop()
        woken = asyncio.Event()

        async def add():
            loop.add_signal_handler(signal.SIGUSR1, woken.set)

        loop.run_until_complete(add())
        os.kill(os.getpid(), signal.SIGUSR1)
        loop.run_until_complete(asyncio.wait_for(woken.wait(), 5))
        loop.close()
        print("handled")
    """)
    assert (code, out, err) == (0, "handled\n", "")


def test_no_wakeup_descriptor_outlives_the_loop() -> None:
    code, out, err = run("""
        import asyncio, signal
        from turboapi.loop import new_event_loop, run

        async def plain(): pass

        async def with_handler():
            asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, print)

        async def with_removed_handler():
            loop = asyncio.get_running_loop()
            loop.add_signal_handler(signal.SIGUSR1, print)
            loop.remove_signal_handler(signal.SIGUSR1)

        for main in (plain, with_handler, with_removed_handler):
            run(main())
            print(signal.set_wakeup_fd(-1))
        loop = new_event_loop()
        loop.run_until_complete(with_handler())
        loop.run_until_complete(with_removed_handler())
        loop.close()
        print(signal.set_wakeup_fd(-1))
    """)
    assert (code, out, err) == (0, "-1\n-1\n-1\n-1\n", "")


def test_somebody_elses_wakeup_descriptor_is_left_in_place() -> None:
    code, out, err = run("""
        import asyncio, os, signal, socket
        from turboapi.loop import run

        left, right = socket.socketpair()
        left.setblocking(False)
        signal.set_wakeup_fd(left.fileno())
        signal.signal(signal.SIGUSR1, lambda *_: None)

        async def main():
            await asyncio.sleep(0)
            os.kill(os.getpid(), signal.SIGUSR1)
            assert right.recv(1) == bytes([signal.SIGUSR1])

        with left, right:
            run(main())
            assert signal.set_wakeup_fd(-1) == left.fileno()
    """)
    assert (code, out, err) == (0, "", "")


def test_a_burst_of_signals_loses_no_kind() -> None:
    source = """
        import asyncio, signal
        from turboapi.loop import run

        async def main():
            loop = asyncio.get_running_loop()
            seen = set()
            both = asyncio.Event()

            def note(number):
                seen.add(number)
                if len(seen) == 2:
                    both.set()

            for number in (signal.SIGUSR1, signal.SIGUSR2):
                loop.add_signal_handler(number, note, number)
            print("ready", flush=True)
            await both.wait()

        run(main())
    """
    with program(source) as child:
        assert child.line() == "ready"
        for _ in range(50):
            os.kill(child.process.pid, signal.SIGUSR1)
        os.kill(child.process.pid, signal.SIGUSR2)
        assert child.finish() == (0, "", "")


def test_signal_handlers_are_refused_outside_of_the_main_thread() -> None:
    code, out, err = run("""
        import asyncio, signal, threading
        from turboapi.loop import run

        async def main():
            try:
                asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, print)
            except (RuntimeError, ValueError) as error:
                print(type(error).__name__)

        thread = threading.Thread(target=lambda: run(main()))
        thread.start()
        thread.join()
    """)
    assert code == 0, err
    assert out in ("RuntimeError\n", "ValueError\n")
