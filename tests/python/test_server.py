"""A single server as a process: start, stop, signals, exit codes, sockets."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
from pathlib import Path

import pytest
from conftest import Launch, Serve
from processes import receive_all, receive_until

APP = """
    import asyncio, gc, os
    from contextlib import asynccontextmanager
    from fastapi import FastAPI, Request
    from fastapi.responses import StreamingResponse

    @asynccontextmanager
    async def lifespan(app):
        print("startup code", flush=True)
        yield {"value": 42}
        print("shutdown code", flush=True)

    app = FastAPI(lifespan=lifespan)

    @app.get("/")
    async def root(request: Request):
        return {"pid": os.getpid(), "value": request.state.value, "frozen": gc.get_freeze_count()}

    @app.get("/wait")
    async def wait():
        print("waiting", flush=True)
        while not os.path.exists("go"):
            await asyncio.sleep(0.01)
        return "finished"

    @app.get("/hang")
    async def hang():
        print("hanging", flush=True)
        await asyncio.Event().wait()

    @app.get("/stream")
    async def stream():
        async def chunks():
            try:
                yield "first\\n"
                await asyncio.Event().wait()
            finally:
                print("stream ended", flush=True)
        return StreamingResponse(chunks())
"""


def test_log_lines_of_a_whole_life(serve: Serve) -> None:
    server = serve(APP).started()
    assert '"value":42' in server.get("/")
    server.wait_for("GET / ")
    assert server.stop() == -signal.SIGTERM
    pid, port = server.process.pid, server.port
    client = rf"127\.0\.0\.1:(?!{port} )\d+"
    lines = [re.sub(client, "CLIENT", line) for line in server.output.splitlines()]
    assert lines == [
        f"INFO:     Started server process [{pid}]",
        "INFO:     Waiting for application startup.",
        "startup code",
        "INFO:     Application startup complete.",
        "INFO:     Route plans: 4 of 4 routes native",
        f"INFO:     TurboAPI running on http://127.0.0.1:{port} (Press CTRL+C to quit)",
        'INFO:     CLIENT - "GET / HTTP/1.1" 200 OK',
        "INFO:     Shutting down",
        "INFO:     Waiting for application shutdown.",
        "shutdown code",
        "INFO:     Application shutdown complete.",
        f"INFO:     Finished server process [{pid}]",
    ]


def test_without_route_plans_nothing_is_compiled(serve: Serve) -> None:
    server = serve(APP, "--no-route-plans").started()
    assert '"value":42' in server.get("/")
    server.stop()
    assert "Route plans" not in server.output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_server_stops_as_uvicorn_does(number: signal.Signals, serve: Serve, launch: Launch) -> None:
    """The exit code tells the caller which signal it was; Ctrl-C is a clean end."""
    ours = serve(APP).started()
    theirs = launch("-m", "uvicorn", "main:app", "--port", "0").started()
    assert ours.stop(number) == theirs.stop(number)
    assert "shutdown code" in ours.output
    assert "Traceback" not in ours.output


def test_running_requests_finish_and_nothing_new_is_accepted(serve: Serve, tmp_path: Path) -> None:
    server = serve(APP).started()
    busy = server.send_request("/wait")
    idle = server.connect()
    server.wait_for("waiting")
    server.send_signal(signal.SIGTERM)
    server.wait_for(r"Waiting for connections to close. \(CTRL\+C to force quit\)")
    assert receive_all(idle) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port))
    (tmp_path / "go").touch()
    answer = receive_all(busy)
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert answer.endswith(b'"finished"')
    assert server.wait() == -signal.SIGTERM
    assert "shutdown code" in server.output


def test_a_second_signal_forces(serve: Serve) -> None:
    server = serve(APP).started()
    connection = server.send_request("/hang")
    server.wait_for("hanging")
    server.send_signal(signal.SIGINT)
    server.wait_for("Waiting for connections to close")
    server.send_signal(signal.SIGINT)
    assert server.wait() == 0
    assert receive_all(connection) == b""
    assert "shutdown code" not in server.output


def test_the_grace_period_ends_what_still_runs(serve: Serve) -> None:
    """DEMANDS A-4: drain first, then http.disconnect to long streams, then the lifespan."""
    server = serve(APP, "--timeout-graceful-shutdown", "0.2").started()
    stream = server.send_request("/stream")
    receive_until(stream, b"first\n")
    hanging = server.send_request("/hang")
    server.wait_for("hanging")
    assert server.stop() == -signal.SIGTERM
    assert not receive_all(stream).endswith(b"0\r\n\r\n"), "the client must see that the stream was cut"
    receive_all(hanging)
    order = [
        "Shutting down",
        "Waiting for connections to close",
        "Cancel 2 running task(s), timeout graceful shutdown exceeded",
        "Waiting for application shutdown.",
        "shutdown code",
        "Finished server process",
    ]
    positions = [server.output.index(line) for line in order]
    assert positions == sorted(positions)
    assert server.output.index("stream ended") < server.output.index("shutdown code")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("raise ValueError('broken module')", "ValueError: broken module"),
        ("import a_missing_dependency", "No module named 'a_missing_dependency'"),
        ("apps = None", 'Attribute "app" not found in module "main". Did you mean "apps"?'),
        ("app = None", "which cannot be called"),
        (
            """
            from contextlib import asynccontextmanager
            from fastapi import FastAPI

            @asynccontextmanager
            async def lifespan(app):
                raise RuntimeError("no database")
                yield

            app = FastAPI(lifespan=lifespan)
            """,
            "RuntimeError: no database",
        ),
    ],
    ids=["module raises", "missing dependency", "attribute", "not callable", "lifespan"],
)
def test_a_failing_start_exits_with_3_and_its_reason(source: str, message: str, serve: Serve) -> None:
    """Trap 17: a start-up failure is an exit code and one clear message."""
    server = serve(source)
    assert server.wait() == 3
    assert message in server.output
    assert "running on" not in server.output


def test_a_port_in_use_exits_with_3(serve: Serve) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = serve(APP, "--port", str(port))
        assert server.wait() == 3
        assert f"cannot bind to 127.0.0.1 port {port}: Address already in use" in server.output
        assert "startup code" not in server.output


SLOW_START = """
    import asyncio, os
    from contextlib import asynccontextmanager
    from fastapi import FastAPI

    @asynccontextmanager
    async def lifespan(app):
        print("starting", flush=True)
        while not os.path.exists("go"):
            await asyncio.sleep(0.01)
        yield
        print("shutdown code", flush=True)

    app = FastAPI(lifespan=lifespan)
"""


def test_a_stop_during_startup_still_runs_the_shutdown(serve: Serve, tmp_path: Path) -> None:
    """Trap 17, uvicorn#2812: what start-up code opened is closed."""
    server = serve(SLOW_START)
    server.wait_for("starting")
    server.send_signal(signal.SIGTERM)
    (tmp_path / "go").touch()
    assert server.wait() == -signal.SIGTERM
    assert "shutdown code" in server.output
    assert "running on" not in server.output


def test_a_second_signal_during_startup_ends_it(serve: Serve) -> None:
    server = serve(SLOW_START)
    server.wait_for("starting")
    server.send_signal(signal.SIGTERM)
    server.send_signal(signal.SIGINT)
    server.wait()
    assert "Stopped before the application had started." in server.output


def test_a_second_signal_ends_a_shutdown_that_hangs(serve: Serve) -> None:
    server = serve(
        APP.replace('print("shutdown code", flush=True)', "await asyncio.Event().wait()")
    ).started()
    server.send_signal(signal.SIGINT)
    server.wait_for("Waiting for application shutdown.")
    server.send_signal(signal.SIGINT)
    assert server.wait() == 0
    assert "Traceback" not in server.output


def test_max_requests_ends_the_process(serve: Serve) -> None:
    server = serve(APP, "--limit-max-requests", "2").started()
    for _ in range(2):
        server.get("/")
    assert server.wait() == 0
    assert "Maximum request limit of 2 exceeded. Terminating process." in server.output
    assert "shutdown code" in server.output


def test_the_garbage_collector_is_frozen_after_startup(serve: Serve) -> None:
    """DEMANDS A-13: collections must not walk what the imports made."""
    server = serve(APP).started()
    assert int(re.findall(r'"frozen":(\d+)', server.get("/"))[0]) > 10_000


def test_a_unix_socket(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "app.sock"
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(path))
    stale.close()
    server = serve(APP, "--uds", str(path)).started()
    server.wait_for(f"running on unix socket {re.escape(str(path))} ")
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as client:
        client.connect(str(path))
        client.sendall(b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
        assert receive_all(client).startswith(b"HTTP/1.1 200 OK")
    other = serve(APP, "--uds", str(path))
    assert other.wait() == 3
    assert "is being served" in other.output
    assert server.stop() == -signal.SIGTERM
    assert not path.exists()


def test_an_inherited_socket(launch: Launch, serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("async def app(scope, receive, send): ...\n")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        fd = listener.fileno()
        port = listener.getsockname()[1]
        server = launch("-m", "turboapi", "run", "main:app", "--fd", str(fd), pass_fds=[fd])
        server.wait_for(rf"running on socket \('127.0.0.1', {port}\)")
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
            assert b"500 Internal Server Error" in receive_all(client)


def test_what_the_app_printed_is_not_lost_with_sigterm(serve: Serve) -> None:
    """The signal that is raised again ends the process without Python's own clean-up."""
    server = serve(
        APP.replace('("shutdown code", flush=True)', '("shutdown code")'), env={"PYTHONUNBUFFERED": ""}
    )
    assert server.started().stop() == -signal.SIGTERM
    assert "shutdown code" in server.output


def test_quiet(serve: Serve) -> None:
    server = serve(APP, "--no-access-log", "--log-level", "warning", "--fd", "-1")
    assert server.wait() == 3
    assert "INFO" not in server.output


def test_factory_app_dir_env_file_and_headers(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "service.py").write_text(
        "import os\n"
        "def create():\n"
        "    async def app(scope, receive, send):\n"
        "        await send({'type': 'http.response.start', 'status': 200, 'headers': []})\n"
        "        await send({'type': 'http.response.body', 'body': os.environ['GREETING'].encode()})\n"
        "    return app\n"
    )
    (tmp_path / ".env").write_text("GREETING=hello\n")
    options = [
        "--factory",
        "--app-dir",
        "inner",
        "--env-file",
        ".env",
        "--header",
        "X-Extra: 1",
        "--no-date-header",
    ]
    server = serve(
        "", *options, "--no-date-header", "--no-server-header", "--lifespan", "off", target="service:create"
    )
    server.wait_for("running on")
    with contextlib.closing(server.connect()) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
        head, _, body = receive_all(client).partition(b"\r\n\r\n")
    assert b"\r\nx-extra: 1" in head
    assert b"\r\ndate:" not in head
    assert b"\r\nserver:" not in head
    assert b"hello" in body


def test_log_config_and_colors(serve: Serve, tmp_path: Path) -> None:
    server = serve(APP, "--use-colors").started()
    assert "\033[32mINFO\033[0m:     Started server process [\033[36m" in server.output
    server.kill()
    (tmp_path / "log.json").write_text(
        '{"version": 1, "disable_existing_loggers": false,'
        '"formatters": {"f": {"format": "mine %(name)s %(message)s"}},'
        '"handlers": {"h": {"class": "logging.StreamHandler", "formatter": "f"}},'
        '"root": {"handlers": ["h"], "level": "INFO"}}'
    )
    server = serve(APP, "--log-config", "log.json").started()
    server.get("/")
    server.wait_for(r'mine uvicorn.access 127.0.0.1:\d+ - "GET / HTTP/1.1" 200')


def test_the_access_log_is_complete_when_the_process_ends(serve: Serve) -> None:
    server = serve(APP).started()
    with contextlib.closing(server.connect()) as client:
        for _ in range(200):
            client.sendall(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
            receive_until(client, b"}")
    assert server.stop() == -signal.SIGTERM
    assert server.output.count('"GET / HTTP/1.1" 200 OK') == 200


def test_a_websocket_is_closed_with_1012_at_once(serve: Serve) -> None:
    """Trap 9: uvicorn closes WebSockets when the shutdown begins; they would never end by themselves."""
    source = """
        from fastapi import FastAPI, WebSocket

        app = FastAPI()

        @app.websocket("/ws")
        async def ws(socket: WebSocket):
            await socket.accept()
            message = await socket.receive()
            print("received", message, flush=True)
    """
    server = serve(source).started()
    client = server.connect()
    client.sendall(
        b"GET /ws HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    assert b"101 Switching Protocols" in receive_until(client, b"\r\n\r\n")
    server.send_signal(signal.SIGTERM)
    frame = receive_all(client)
    assert frame[0] == 0x88, "a close frame"
    assert int.from_bytes(frame[2:4], "big") == 1012
    assert server.wait() == -signal.SIGTERM
    assert "'type': 'websocket.disconnect', 'code': 1012" in server.output


def test_a_slow_import_can_be_interrupted(serve: Serve) -> None:
    server = serve("print('importing', flush=True)\nimport time\nwhile True: time.sleep(0.01)")
    server.wait_for("importing")
    assert server.stop(signal.SIGINT) == 0
    assert "Traceback" not in server.output


def test_nothing_is_left_listening_for_children(serve: Serve) -> None:
    """Descriptors of the server are not inherited by programs the app starts."""
    source = """
        import subprocess, sys
        async def app(scope, receive, send):
            if scope["type"] != "http":
                raise NotImplementedError
            code = "import os; print(sorted(map(int, os.listdir('/proc/self/fd'))))"
            listed = subprocess.run([sys.executable, "-c", code], capture_output=True, close_fds=False).stdout
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": listed})
    """
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("needs /proc")
    server = serve(source)
    server.wait_for("running on")
    assert server.get("/").strip() == "[0, 1, 2, 3]"
