"""The page of the metrics, read by Prometheus' own client."""

from __future__ import annotations

import http.client
import re
from collections.abc import Iterable

import pytest
from conftest import Serve
from processes import DEADLINE, ServerProcess, wait_until
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_prometheus

APP = """
    from fastapi import APIRouter, FastAPI
    from fastapi.responses import StreamingResponse

    app = FastAPI()
    router = APIRouter()

    @app.get("/items/{item_id:int}")
    async def item(item_id: int):
        return {"id": item_id}

    @router.get("/{name}")
    def user(name: str):
        return name

    @app.post("/echo")
    async def echo(value: dict):
        return value

    @app.get("/stream")
    async def stream():
        return StreamingResponse(iter(["abc", "def"]))

    app.include_router(router, prefix="/users")
    inner = FastAPI()

    @inner.get("/inner/{x}")
    async def mounted(x: int):
        return x

    app.mount("/mounted", inner)
"""


class Page:
    """Metrics by name and labels."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self.families = list(families)
        self.samples = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in self.families
            for sample in family.samples
        }

    def __call__(self, name: str, **labels: str) -> float:
        return self.samples[name, frozenset(labels.items())]


def read(port: int, path: str = "/metrics", accept: str = "text/plain") -> Page:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
    try:
        connection.request("GET", path, headers={"accept": accept})
        response = connection.getresponse()
        text = response.read().decode()
        assert response.status == 200
        content_type = response.headers["content-type"]
    finally:
        connection.close()
    if content_type.startswith("application/openmetrics-text"):
        return Page(parse_openmetrics(text))  # type: ignore[no-untyped-call]
    assert content_type == "text/plain; version=0.0.4; charset=utf-8"
    return Page(parse_prometheus(text))


def side_port(server: ServerProcess, count: int = 1) -> int:
    return int(server.wait_for(r"Metrics at http://127\.0\.0\.1:(\d+)/metrics", count=count)[1])


REQUESTS = [
    ("GET", "/items/1"),
    ("GET", "/items/2"),
    ("GET", "/items/x"),
    ("GET", "/users/ann"),
    ("GET", "/stream"),
    ("GET", "/mounted/inner/3"),
    ("GET", "/nowhere/1"),
    ("GET", "/nowhere/2"),
    ("POST", "/items/1"),
]


@pytest.mark.parametrize("accept", ["text/plain", "application/openmetrics-text; version=1.0.0"])
@pytest.mark.parametrize("plans", [True, False])
def test_requests_by_route(serve: Serve, accept: str, plans: bool) -> None:
    arguments = ["--metrics-path", "/metrics"] + ([] if plans else ["--no-route-plans"])
    server = serve(APP, *arguments).started()
    for method, path in REQUESTS:
        server.request(method, path)
    page = read(server.port, accept=accept)

    def count(route: str, status: str = "2xx", method: str = "GET") -> float:
        return page("http_requests_total", method=method, route=route, status=status)

    assert count("/items/{item_id}") == 2
    assert count("/users/{name}") == 1
    assert count("/stream") == 1
    assert count("/inner/{x}") == 1
    assert count("unmatched", "4xx") == 3
    assert count("/items/{item_id}", "4xx", "POST") == 1
    assert page("http_request_duration_seconds_count", method="GET", route="/items/{item_id}") == 2
    assert page("http_request_duration_seconds_sum", method="GET", route="/items/{item_id}") > 0
    assert page("http_requests_in_flight") == 0
    assert page("turboapi_connections") >= 1
    assert page("turboapi_requests_shed_total") == 0
    assert page("process_resident_memory_bytes") > 1_000_000
    assert page("process_cpu_seconds_total") > 0
    assert page("turboapi_event_loop_lag_seconds") >= 0
    assert page("python_gc_collections_total", generation="0") >= 0
    if plans:
        assert page("turboapi_plan_requests_total", tier="native") == 4
        assert page("turboapi_plan_routes", tier="native") >= 2
        assert page("turboapi_sync_calls_total", place="threads") == 1


def test_bytes_in_and_out(serve: Serve) -> None:
    server = serve(APP, "--metrics-path", "/metrics").started()
    body = b'{"a":"' + b"x" * 1000 + b'"}'
    connection = server.connect()
    connection.sendall(
        b"POST /echo HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    )
    while connection.recv(65536):
        pass
    server.request("GET", "/stream")
    page = read(server.port)
    assert page("http_request_body_bytes_total") == len(body)
    assert page("http_response_body_bytes_total") == len(body) + len("abcdef")


def test_a_port_of_its_own(serve: Serve) -> None:
    server = serve(APP, "--metrics-port", "0").started()
    server.request("GET", "/items/1")
    port = side_port(server)
    assert port != server.port
    page = read(port)
    assert page("http_requests_total", method="GET", route="/items/{item_id}", status="2xx") == 1
    # Not on the app's own address, and the scrape is no request of the app's.
    assert server.request("GET", "/metrics")[0] == 404
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
    for method, path, status in [("GET", "/", 404), ("POST", "/metrics", 405), ("HEAD", "/metrics", 200)]:
        connection.request(method, path)
        response = connection.getresponse()
        response.read()
        assert response.status == status
    connection.close()
    assert read(port)("http_requests_in_flight") == 0
    server.stop()
    assert re.search(r"GET /metrics[^\n]*200", server.output) is None


def test_each_worker_answers_for_itself(serve: Serve) -> None:
    server = serve(APP, "--metrics-port", "0", "--workers", "2").started()
    ports = [side_port(server, count) for count in (1, 2)]
    server.wait_for("Application startup complete", count=2)
    for _ in range(20):
        server.request("GET", "/items/1")

    def served() -> float:
        label = {"method": "GET", "route": "/items/{item_id}", "status": "2xx"}
        pages = [read(port) for port in ports]
        return sum(page.samples.get(("http_requests_total", frozenset(label.items())), 0) for page in pages)

    wait_until(lambda: served() == 20)
