import gzip
from typing import Any

import pytest
from conftest import MAX_UPLOAD_BYTES, manage
from support import MODE, Person, in_process_only, live_only

ORIGIN = "https://front.example"


def test_health_and_meta(client: Any) -> None:
    assert client.get("/api/health").json() == {"status": "ok"}
    meta = client.get("/api/meta")
    assert meta.json()["max_upload_bytes"] == MAX_UPLOAD_BYTES


def test_request_id_and_time(client: Any) -> None:
    first, second = client.get("/api/meta"), client.get("/api/meta")
    assert len(first.headers["x-request-id"]) == 32
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    assert first.headers["server-timing"].startswith("app;dur=")
    own = client.get("/api/meta", headers={"X-Request-ID": "trace-42"})
    assert own.headers["x-request-id"] == "trace-42"
    for odd in ("x" * 65, "a b", "a;b"):
        assert client.get("/api/meta", headers={"X-Request-ID": odd}).headers["x-request-id"] != odd


def test_error_shape(client: Any) -> None:
    missing = client.get("/api/nothing", headers={"X-Request-ID": "lost"})
    assert missing.status_code == 404
    assert missing.json() == {"code": "not_found", "detail": "Not Found", "request_id": "lost", "errors": []}


def test_wrong_method(client: Any) -> None:
    refused = client.put("/api/auth/token")
    assert refused.status_code == 405
    assert refused.headers["allow"]
    assert refused.json()["code"] == "method_not_allowed"


def test_cors_preflight(client: Any) -> None:
    headers = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    allowed = client.options("/api/tasks/1", headers=headers)
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == ORIGIN
    assert "PATCH" in allowed.headers["access-control-allow-methods"]
    refused = client.options("/api/tasks/1", headers=headers | {"Origin": "https://evil.example"})
    assert refused.status_code == 400
    assert "access-control-allow-origin" not in refused.headers


def test_cors_on_answers_and_errors(client: Any, ada: Person) -> None:
    for response in (
        client.get("/api/meta", headers={"Origin": ORIGIN}),
        client.get("/api/auth/me", headers={"Origin": ORIGIN}),
        ada.post("/projects", json={}, headers={"Origin": ORIGIN}),
    ):
        assert response.headers["access-control-allow-origin"] == ORIGIN
        assert response.headers["access-control-allow-credentials"] == "true"
        assert "X-Request-ID" in response.headers["access-control-expose-headers"]
    other = client.get("/api/meta", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in other.headers


def test_gzip_of_large_answers_only(client: Any) -> None:
    large = client.get("/openapi.json", headers={"Accept-Encoding": "gzip"})
    assert large.headers["content-encoding"] == "gzip"
    assert "Accept-Encoding" in large.headers["vary"]
    assert large.json()["info"]["title"] == "Taskboard"
    small = client.get("/api/meta", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in small.headers
    plain = client.get("/openapi.json", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.json() == large.json()


def test_gzip_on_the_wire(client: Any) -> None:
    with client.stream("GET", "/openapi.json", headers={"Accept-Encoding": "gzip"}) as response:
        raw = b"".join(response.iter_raw())
    assert gzip.decompress(raw).startswith(b'{"openapi"')


def test_front_page(client: Any) -> None:
    page = client.get("/")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "<title>Taskboard</title>" in page.text
    style = client.get("/app.css")
    assert style.headers["content-type"] == "text/css; charset=utf-8"
    again = client.get("/app.css", headers={"If-None-Match": style.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    head = client.head("/app.css")
    assert (head.status_code, head.content) == (200, b"")
    for path in ("/missing.js", "/../taskboard/main.py", "/%2e%2e/main.py", "/..%2fmain.py"):
        assert client.get(path).status_code == 404, path


def test_docs(client: Any) -> None:
    assert client.get("/docs").status_code == 200
    paths = client.get("/openapi.json").json()["paths"]
    assert "/api/projects/{project_id}/events" in paths


@in_process_only
def test_crash_is_answered_with_the_id(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from taskboard.config import get_settings
    from taskboard.main import app

    def broken() -> None:
        raise RuntimeError("the disk is on fire")

    overrides: dict[Any, Any] = app.dependency_overrides
    monkeypatch.setitem(overrides, get_settings, broken)
    with pytest.raises(RuntimeError, match="on fire"):
        client.get("/api/meta")
    quiet = type(client)(app, raise_server_exceptions=False)
    crashed = quiet.get("/api/meta", headers={"X-Request-ID": "crash-1"})
    assert crashed.status_code == 500
    assert crashed.json()["request_id"] == "crash-1"
    assert "fire" not in crashed.text


def test_commands_may_be_repeated(client: Any, data_dir: Any) -> None:
    assert "up to date" in manage("migrate")
    counts = []
    for _ in range(2):
        assert "ada@example.com" in manage("seed")
        form = {"username": "ada@example.com", "password": "taskboard-demo"}
        token = client.post("/api/auth/token", data=form).json()["access_token"]
        projects = client.get("/api/projects", headers={"Authorization": f"Bearer {token}"}).json()
        counts.append((projects["total"], projects["items"][0]["task_counts"]))
    assert counts[0] == counts[1] == (1, {"todo": 14, "doing": 4, "done": 5})


@live_only
def test_many_requests_on_one_connection(client: Any) -> None:
    assert MODE == "live"
    ids = {client.get("/api/meta").headers["x-request-id"] for _ in range(200)}
    assert len(ids) == 200
