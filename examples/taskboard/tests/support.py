"""What hides the difference between the clients: test clients in the process and a live server."""

import json
import os
import queue
import secrets
import shlex
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

import pytest
from starlette.websockets import WebSocketDisconnect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

EXAMPLE_DIR = Path(__file__).resolve().parent.parent
MODE = os.environ.get("TASKBOARD_CLIENT", "stock")
SERVER = os.environ.get("TASKBOARD_SERVER", "uvicorn")
PASSWORD = "correct horse"
PATIENCE = 30.0
"""Seconds until something that has to happen counts as not happening."""

T = TypeVar("T")

live_only = pytest.mark.skipif(MODE != "live", reason="needs a live server (TASKBOARD_CLIENT=live)")
in_process_only = pytest.mark.skipif(
    MODE == "live", reason="needs the app object (not TASKBOARD_CLIENT=live)"
)


def eventually(look: Callable[[], T]) -> T:
    """Repeat `look` until it returns something true."""
    deadline = time.monotonic() + PATIENCE
    while not (found := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"still {found!r} after {PATIENCE} s")
        time.sleep(0.01)
    return found


SERVER_COMMANDS = {
    "uvicorn": ["-m", "uvicorn", "--timeout-graceful-shutdown", "2"],
    "turboapi": ["-m", "turboapi", "run"],
}


@contextmanager
def running_server(log_path: Path) -> Iterator[str]:
    """Serve the app in a process of its own on a free port; yields the base URL.

    The port is known because the listening socket is made here and inherited. Connections that come
    before the server is ready wait in its backlog.
    """
    command = [*SERVER_COMMANDS[SERVER], *shlex.split(os.environ.get("TASKBOARD_SERVER_OPTIONS", ""))]
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        # Accepted sockets inherit this. uvicorn takes an inherited socket for a Unix one and leaves it out.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        port = listener.getsockname()[1]
        with log_path.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, *command, "--fd", str(listener.fileno()), "taskboard.main:app"],
                cwd=EXAMPLE_DIR,
                env={**os.environ, "PYTHONPATH": str(EXAMPLE_DIR)},
                pass_fds=[listener.fileno()],
                stdout=log,
                stderr=log,
            )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"the server did not stop:\n{log_path.read_text()}") from None


def events_of(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    """Parse a Server-Sent Events stream; comments and retry hints are left out."""
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        else:
            if "data" in fields:
                yield {
                    "id": fields.get("id"),
                    "event": fields.get("event"),
                    "data": json.loads(fields["data"]),
                }
            fields = {}


class Listener:
    """Reads an event stream in a thread; the stream has to end by itself, by a limit or a lost right."""

    def __init__(self, client: Any, url: str, **request: Any) -> None:
        self._events: queue.Queue[dict[str, Any] | BaseException | None] = queue.Queue()
        self._thread = threading.Thread(target=self._read, args=(client, url, request), daemon=True)
        self._thread.start()

    def _read(self, client: Any, url: str, request: dict[str, Any]) -> None:
        try:
            with client.stream("GET", url, **request) as response:
                if response.status_code != 200:
                    raise AssertionError(f"{response.status_code} {response.read()!r}")
                for event in events_of(response.iter_lines()):
                    self._events.put(event)
            self._events.put(None)
        except BaseException as exc:
            self._events.put(exc)

    def next(self) -> dict[str, Any] | None:
        """The next event, or `None` at the end of the stream."""
        event = self._events.get(timeout=PATIENCE)
        if isinstance(event, BaseException):
            raise event
        return event

    def collect(self) -> list[dict[str, Any]]:
        """The remaining events, once the stream has ended."""
        events = list(iter(self.next, None))
        self._thread.join(PATIENCE)
        return events


class RoomRefused(Exception):
    """The server did not accept the WebSocket."""


class RoomClosed(Exception):
    """The server ended the WebSocket; `code` is the close code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Room:
    """A WebSocket to a chat room, through whatever client is in use."""

    def __init__(self, client: Any, path: str, headers: dict[str, str] | None = None) -> None:
        self._live = MODE == "live"
        if self._live:
            url = str(client.base_url).rstrip("/").replace("http", "ws", 1) + path
            try:
                self._connection = connect(url, additional_headers=headers or {}, proxy=None)
                self._socket: Any = self._connection.__enter__()
            except InvalidStatus as exc:
                assert exc.response.status_code == 403
                raise RoomRefused from None
        else:
            self._socket = client.websocket_connect(path, headers=headers or {})
            try:
                self._socket.__enter__()
            except WebSocketDisconnect as exc:
                assert exc.code == 1008
                raise RoomRefused from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._live:
            self._connection.__exit__(None, None, None)
        else:
            self._socket.__exit__(None, None, None)

    def say(self, text: str) -> None:
        self.send({"type": "say", "text": text})

    def send(self, frame: object) -> None:
        self.send_text(json.dumps(frame))

    def send_text(self, text: str) -> None:
        self._socket.send(text) if self._live else self._socket.send_text(text)

    def send_bytes(self, data: bytes) -> None:
        self._socket.send(data) if self._live else self._socket.send_bytes(data)

    def receive(self) -> dict[str, Any]:
        """The next event; raises `RoomClosed`."""
        try:
            text = self._socket.recv(PATIENCE) if self._live else self._socket.receive_text()
        except WebSocketDisconnect as exc:
            raise RoomClosed(exc.code) from None
        except ConnectionClosed as exc:
            raise RoomClosed(exc.rcvd.code if exc.rcvd else 1006) from None
        event = json.loads(text)
        assert isinstance(event, dict)
        return event

    def receive_until(
        self, kind: str, fits: Callable[[dict[str, Any]], bool] = lambda _: True
    ) -> dict[str, Any]:
        """Skip events until one of this type fits."""
        while True:
            event = self.receive()
            if event["type"] == kind and fits(event):
                return event

    def receive_text_of_message(self) -> str:
        return str(self.receive_until("message")["message"]["text"])


@dataclass
class Person:
    """A registered user and the calls a test makes as them."""

    client: Any
    id: int
    name: str
    email: str
    headers: dict[str, str]

    def call(self, method: str, path: str, **request: Any) -> Any:
        headers = {**self.headers, **request.pop("headers", {})}
        return self.client.request(method, f"/api{path}", headers=headers, **request)

    def get(self, path: str, **request: Any) -> Any:
        return self.call("GET", path, **request)

    def post(self, path: str, **request: Any) -> Any:
        return self.call("POST", path, **request)

    def patch(self, path: str, **request: Any) -> Any:
        return self.call("PATCH", path, **request)

    def delete(self, path: str, **request: Any) -> Any:
        return self.call("DELETE", path, **request)

    def project(self, name: str = "Garden", members: tuple["Person", ...] = ()) -> int:
        """Create a project and return its id."""
        created = self.post("/projects", json={"name": name})
        assert created.status_code == 201, created.text
        project_id = int(created.json()["id"])
        for member in members:
            assert (
                self.post(f"/projects/{project_id}/members", json={"email": member.email}).status_code == 201
            )
        return project_id

    def task(self, project_id: int, title: str = "Plant a tree", **fields: Any) -> int:
        """Create a task and return its id."""
        created = self.post(f"/projects/{project_id}/tasks", json={"title": title, **fields})
        assert created.status_code == 201, created.text
        return int(created.json()["id"])

    def ticket(self) -> str:
        return str(self.post("/auth/ticket").json()["ticket"])

    def enter(self, project_id: int) -> Room:
        return Room(self.client, f"/api/projects/{project_id}/room?ticket={self.ticket()}")

    def listen(self, project_id: int, **params: int) -> Listener:
        return Listener(
            self.client, f"/api/projects/{project_id}/events", params=params, headers=self.headers
        )


def register(client: Any, name: str) -> Person:
    """Make a new user and log them in."""
    email = f"{name.split()[0].lower()}.{secrets.token_hex(6)}@example.com"
    created = client.post("/api/auth/register", json={"email": email, "name": name, "password": PASSWORD})
    assert created.status_code == 201, created.text
    token = client.post("/api/auth/token", data={"username": email, "password": PASSWORD}).json()
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    return Person(client, int(created.json()["id"]), name, email, headers)
