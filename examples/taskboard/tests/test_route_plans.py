"""Every route that answers JSON runs from a plan of TurboAPI's."""

import pytest

from taskboard.main import app

explain = pytest.importorskip("turboapi.plans.explain").explain


def test_only_sockets_and_files_are_left_to_fastapi() -> None:
    routes = explain(app)["routes"]
    left = {(route["path"], route["reason"]) for route in routes if route["tier"] == "asgi"}
    documentation = {(route["path"], "a plain Starlette route") for route in routes if route["documentation"]}
    assert left - documentation == {
        ("/", "a mounted application"),
        ("/api/projects/{project_id}/room", "a WebSocket"),
    }
