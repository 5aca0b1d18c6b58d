"""`Server` inside a running program, and `turboapi.run` and `TurboAPI.run` from a script."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
import threading
from typing import Any

import httpx
import pytest
from conftest import Launch
from fastapi import FastAPI, Request
from processes import DEADLINE, wait_until

import turboapi
from turboapi import Config, Server, TurboAPI
from turboapi.loop import run


def make_app() -> FastAPI:
    """An app that shows its state."""
    app = FastAPI()

    @app.get("/")
    async def root(request: Request) -> dict[str, Any]:
        return {"loop": id(asyncio.get_running_loop()), "client": request.client is not None}

    return app


def port(server: Server) -> int:
    """The port a started server listens on."""
    number: int = server.servers[0].sockets[0].getsockname()[1]
    return number


async def started(server: Server, serving: asyncio.Task[None]) -> str:
    """The URL of the server, once it is there."""
    while not server.started:
        assert not serving.done(), serving.exception()
        await asyncio.sleep(0)
    return f"http://127.0.0.1:{port(server)}/"


def test_serve_next_to_other_tasks_on_the_same_loop() -> None:
    async def main() -> None:
        server = Server(Config(make_app(), port=0, log_config=None))
        serving = asyncio.create_task(server.serve())
        url = await started(server, serving)
        async with httpx.AsyncClient() as client:
            answer = (await client.get(url)).json()
        assert answer == {"loop": id(asyncio.get_running_loop()), "client": True}
        server.should_exit = True
        await serving

    run(main())


def test_two_servers_in_one_program() -> None:
    async def main() -> None:
        servers = [Server(Config(make_app(), port=0, log_config=None)) for _ in range(2)]
        tasks = [asyncio.create_task(server.serve()) for server in servers]
        async with httpx.AsyncClient() as client:
            for server, task in zip(servers, tasks, strict=True):
                assert (await client.get(await started(server, task))).status_code == 200
        for server in servers:
            server.should_exit = True
        await asyncio.gather(*tasks)

    run(main())


def test_a_server_on_another_thread_is_stopped_from_this_one() -> None:
    """How test suites run a server; setting the attribute wakes the loop."""
    server = Server(Config(make_app(), port=0, log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_until(lambda: server.started)
    assert httpx.get(f"http://127.0.0.1:{port(server)}/").status_code == 200
    server.should_exit = True
    thread.join(DEADLINE)
    assert not thread.is_alive()


def test_sockets_of_the_caller_are_served_and_closed() -> None:
    async def main() -> None:
        sock = socket.socket()
        sock.bind(("127.0.0.1", 0))
        server = Server(Config(make_app(), log_config=None))
        serving = asyncio.create_task(server.serve(sockets=[sock]))
        async with httpx.AsyncClient() as client:
            assert (await client.get(await started(server, serving))).status_code == 200
        server.should_exit = True
        await serving
        assert sock.fileno() == -1

    run(main())


def test_cancelling_serve_closes_everything_and_runs_the_shutdown() -> None:
    events: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            events.append("shutdown")
            await send({"type": "lifespan.shutdown.complete"})

    async def main() -> None:
        server = Server(Config(app, port=0, log_config=None))
        serving = asyncio.create_task(server.serve())
        await started(server, serving)
        number = port(server)
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", number))

    run(main())
    assert events == ["shutdown"]


def test_another_loop_is_an_error_that_says_what_to_do() -> None:
    server = Server(Config(make_app(), port=0, log_config=None))
    with pytest.raises(RuntimeError, match=r"turboapi\.loop\.run\(main\(\)\) in place of asyncio\.run"):
        asyncio.run(server.serve())


def test_signals_are_handed_back_after_serve() -> None:
    handler = signal.getsignal(signal.SIGTERM)

    async def main() -> None:
        server = Server(Config(make_app(), port=0, log_config=None))
        serving = asyncio.create_task(server.serve())
        await started(server, serving)
        assert signal.getsignal(signal.SIGTERM) == server.handle_exit
        server.should_exit = True
        await serving

    run(main())
    assert signal.getsignal(signal.SIGTERM) == handler


def test_turboapi_is_fastapi_with_a_run_method(launch: Launch) -> None:
    assert issubclass(TurboAPI, FastAPI)
    code = """
from turboapi import TurboAPI
app = TurboAPI(title="Mine")

@app.get("/")
def root() -> str:
    return app.title

app.run(port=0)
print("after run", flush=True)
"""
    server = launch("-c", code).started()
    assert server.get() == '"Mine"'
    assert server.stop(signal.SIGINT) == 0
    assert "after run" in server.output


@pytest.mark.parametrize("options", [{"workers": 2}, {"reload": True}])
def test_an_app_object_cannot_be_given_to_fresh_processes(options: dict[str, Any]) -> None:
    with pytest.raises(turboapi.ConfigError, match="pass it as an import string"):
        TurboAPI().run(**options)


def test_the_package_is_light_to_import() -> None:
    """The parent of workers imports it, too."""
    code = (
        "import sys, turboapi, turboapi.supervisor, turboapi.reload\n"
        "heavy = {'fastapi', 'asyncio', 'turboapi._engine', 'turboapi.server'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=DEADLINE)
