"""Rate limits and load shedding of real servers, and their settings."""

from __future__ import annotations

import http.client
import pickle
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from conftest import Serve
from processes import DEADLINE, ServerProcess
from redis_server import running_redis

from turboapi.config import Config
from turboapi.errors import ConfigError
from turboapi.middleware import LoadShedding, RateLimit

APP = """
    from fastapi import FastAPI

    app = FastAPI()

    @app.get("/")
    async def root():
        return {}
"""


def ask(
    server: ServerProcess, path: str = "/", headers: dict[str, str] | None = None
) -> tuple[int, http.client.HTTPMessage]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=DEADLINE)
    try:
        connection.request("GET", path, headers=headers or {})
        response = connection.getresponse()
        response.read()
        return response.status, response.headers
    finally:
        connection.close()


def test_a_rate_limit_on_the_command_line(serve: Serve) -> None:
    server = serve(APP, "--rate-limit", "3/hour").started()
    allowed = [ask(server) for _ in range(3)]
    assert [status for status, _ in allowed] == [200, 200, 200]
    assert [headers["ratelimit"].split(";t=")[0] for _, headers in allowed] == [
        '"default";r=2',
        '"default";r=1',
        '"default";r=0',
    ]
    status, headers = ask(server)
    assert status == 429
    assert headers["ratelimit-policy"] == '"default";q=3;w=3600'
    assert 0 < int(headers["retry-after"]) <= 1200
    assert headers["content-type"] == "text/plain; charset=utf-8"
    # Clients of a trusted proxy have buckets of their own.
    for client in ("192.0.2.1", "192.0.2.2"):
        assert ask(server, headers={"x-forwarded-for": client})[0] == 200
    assert server.stop() in (0, -15)
    assert server.output.count('"GET / HTTP/1.1" 429') == 1


@pytest.mark.parametrize("requests", [200])
def test_requests_at_once_are_counted_exactly(serve: Serve, requests: int) -> None:
    server = serve(APP, "--rate-limit", "60/hour").started()
    with ThreadPoolExecutor(8) as pool:
        statuses = Counter(pool.map(lambda _: ask(server)[0], range(requests)))
    assert statuses == {200: 60, 429: requests - 60}


KEYS = """
    from fastapi import FastAPI
    from starlette.requests import Request
    from turboapi.middleware import RateLimit

    app = FastAPI()

    def by_tenant(scope):
        request = Request(scope)
        if request.url.path == "/broken":
            raise RuntimeError("no tenant")
        return request.query_params.get("tenant")

    app.engine_middleware = [RateLimit(2, 3600, key={key}, exempt=("/health",))]

    @app.get("/{{path:path}}")
    async def root():
        return {{}}
"""


def test_a_function_names_the_bucket(serve: Serve) -> None:
    server = serve(KEYS.format(key="by_tenant")).started()
    paths = ["/?tenant=a"] * 3 + ["/?tenant=b", "/", "/", "/", "/health?tenant=a"]
    assert [ask(server, path)[0] for path in paths] == [200, 200, 429, 200, 200, 200, 200, 200]
    # An error is logged, and the request counted with all others of that kind.
    assert [ask(server, "/broken")[0] for _ in range(3)] == [200, 200, 429]
    server.stop()
    assert server.output.count("Exception in the key function of a rate limit") == 3
    assert server.output.count("RuntimeError: no tenant") == 3


def test_a_header_names_the_bucket(serve: Serve) -> None:
    server = serve(KEYS.format(key='"header:X-API-Key"')).started()
    keys = ["a", "a", "a", "b", None, None, None]
    statuses = [ask(server, headers={"x-api-key": key} if key else {})[0] for key in keys]
    assert statuses == [200, 200, 429, 200, 200, 200, 429]


REDIS = """
    from fastapi import FastAPI
    from turboapi.middleware import RateLimit

    app = FastAPI()
    app.engine_middleware = [RateLimit(100, 3600, redis={url!r}, on_outage={on_outage!r}, policy="shared")]

    @app.get("/")
    async def root():
        return {{}}
"""


@pytest.mark.parametrize(("on_outage", "during"), [("allow", 200), ("refuse", 503)])
def test_two_servers_share_a_redis_until_it_is_gone(
    serve: Serve, tmp_path: Path, on_outage: str, during: int
) -> None:
    with running_redis(tmp_path) as redis:
        source = REDIS.format(url=redis.url, on_outage=on_outage)
        servers = [serve(source).started() for _ in range(2)]
        with ThreadPoolExecutor(8) as pool:
            statuses = Counter(pool.map(lambda number: ask(servers[number % 2])[0], range(300)))
        assert statuses == {200: 100, 429: 200}

        redis.kill()
        with ThreadPoolExecutor(8) as pool:
            statuses = Counter(pool.map(lambda number: ask(servers[number % 2])[0], range(100)))
        assert statuses == {during: 100}

        redis.start()
        for server in servers:
            # Buckets died with the server, so that counting begins anew.
            server.wait_for("answers again after") if _ask_until_counted(server) else None
            server.stop()
            assert server.output.count("the store of the rate limit does not answer") == 1


def _ask_until_counted(server: ServerProcess) -> bool:
    while "ratelimit" not in ask(server)[1]:
        pass
    return True


SLOW = """
    import asyncio, threading
    from fastapi import FastAPI

    app = FastAPI()
    released = threading.Event()
    waiting = asyncio.Event()

    @app.get("/async")
    async def waits():
        await waiting.wait()
        return {}

    @app.get("/sync")
    def blocks():
        released.wait()
        return {}

    @app.post("/body")
    async def reads(item: dict):
        return item

    @app.get("/")
    async def root():
        return {}

    @app.get("/health")
    async def release():
        released.set()
        waiting.set()
        return {}
"""


@pytest.mark.parametrize("path", ["/async", "/sync"])
def test_planned_routes_count_while_they_wait(serve: Serve, path: str) -> None:
    server = serve(SLOW, "--limit-in-flight", "2").started()
    waiting = [server.send_request(path) for _ in range(2)]
    while ask(server)[0] == 200:
        # They are on their way.
        pass
    status, headers = ask(server)
    assert (status, headers["retry-after"]) == (503, "1")
    assert ask(server, "/health")[0] == 200
    for connection in waiting:
        assert connection.recv(15) == b"HTTP/1.1 200 OK"
    assert ask(server)[0] == 200


def test_a_body_on_its_way_takes_no_place(serve: Serve) -> None:
    """Whoever sends slowly could otherwise take all places."""
    server = serve(SLOW, "--limit-in-flight", "1").started()
    slow = server.connect()
    head = b"POST /body HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n"
    slow.sendall(head + b"{")
    assert [ask(server)[0] for _ in range(3)] == [200, 200, 200]
    slow.sendall(b"}")
    assert slow.recv(15) == b"HTTP/1.1 200 OK"


def test_no_limit(serve: Serve) -> None:
    server = serve(SLOW, "--limit-in-flight", "0").started()
    waiting = [server.send_request("/async") for _ in range(600)]
    assert ask(server)[0] == 200
    assert ask(server, "/health")[0] == 200
    for connection in waiting:
        assert connection.recv(15) == b"HTTP/1.1 200 OK"


def test_by_default_512_may_wait(serve: Serve) -> None:
    server = serve(SLOW).started()
    waiting = [server.send_request("/async") for _ in range(512)]
    while ask(server)[0] == 200:
        pass
    assert ask(server, "/health")[0] == 200
    for connection in waiting:
        assert connection.recv(15) == b"HTTP/1.1 200 OK"


@pytest.mark.parametrize(
    ("rate", "limit", "window"),
    [("100/minute", 100, 60.0), ("5/s", 5, 1.0), ("1000 / 2 h", 1000, 7200.0), ("1/day", 1, 86400.0)],
)
def test_rates(rate: str, limit: int, window: float) -> None:
    parsed = RateLimit.parse(rate)
    assert (parsed.limit, parsed.window) == (limit, window)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rate_limit": "many"}, "The rate limit 'many' is not of the form '100/minute'."),
        ({"rate_limit": "0/s"}, "RateLimit: limit is 0"),
        ({"rate_limit_redis": "redis://x"}, "rate_limit_redis needs rate_limit."),
        ({"rate_limit": "1/s", "rate_limit_redis": "localhost"}, "redis must be a URL"),
        ({"rate_limit": "1/s", "middleware": [RateLimit(1)]}, "the same setting"),
        ({"limit_in_flight": -1}, "limit_in_flight is -1"),
        ({"metrics_port": 70000}, "Metrics: port is 70000"),
        ({"metrics_path": "metrics"}, "Metrics: path is 'metrics'"),
    ],
)
def test_settings_that_cannot_apply(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message.replace(".", r"\.")):
        Config("main:app", **settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"window": 0},
        {"window": float("inf")},
        {"burst": 0},
        {"limit": 10_000_000, "window": 1},
        {"window": 400 * 86400.0, "limit": 1},
        {"key": "user"},
        {"key": 3},
        {"policy": "a b"},
        {"exempt": "/health"},
        {"fields": "draft-1"},
        {"on_outage": "panic"},
        {"redis_timeout": -1},
    ],
)
def test_rate_limits_that_cannot_be(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="RateLimit: "):
        RateLimit(**{"limit": 1, **settings})


def test_settings_go_to_other_processes_without_their_buckets() -> None:
    layer = RateLimit(5, exempt=("/health",))
    buckets = layer.settings()["buckets"]
    assert layer.settings()["buckets"] is buckets
    copy = pickle.loads(pickle.dumps(layer))
    assert copy == layer
    assert copy.settings()["buckets"] is not buckets


def test_load_shedding_as_a_layer() -> None:
    config = Config("main:app", middleware=[LoadShedding(7, exempt=("/up",), retry_after=3)])
    options = config.engine_options()
    assert options["load_shedding"] == (7, ["/up"], 3)
    assert options["layers"] == {}
