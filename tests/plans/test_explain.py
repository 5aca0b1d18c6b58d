"""`turboapi explain`: what it says of each route, as text and as JSON, and its exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from click.testing import CliRunner
from fastapi import APIRouter, Depends, FastAPI, Form, Request, WebSocket
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute
from pydantic import AfterValidator, BaseModel
from starlette.middleware.base import BaseHTTPMiddleware

from turboapi import sync_mode
from turboapi.cli import main
from turboapi.plans.explain import Explanation, RouteExplanation, explain, summary_line
from turboapi.plans.explain_text import explanation_text


class Item(BaseModel):
    name: str


def check(value: str) -> str:
    return value


def session() -> Iterator[int]:
    yield 1


def page(size: int = 10) -> int:
    return size


def sleepy() -> None:
    time.sleep(0)


@sync_mode("inline")
def quick() -> None: ...


class OwnRoute(APIRoute):
    def get_route_handler(self) -> Callable[[Request], Any]:
        return super().get_route_handler()


def make_app() -> FastAPI:
    app = FastAPI()

    @app.get("/items/{number}", dependencies=[Depends(sleepy), Depends(quick)])
    def read(number: int, tags: str | None = None, size: int = Depends(page)) -> dict[str, int]:
        return {"size": size}

    @app.post("/items")
    async def create(item: Item, one: int = Depends(session)) -> Item:
        return item

    @app.post("/checked")
    async def checked(name: Annotated[str, AfterValidator(check)]) -> None: ...

    @app.get("/stream", response_class=StreamingResponse)
    async def stream() -> AsyncIterator[str]:
        yield "text"

    @app.post("/form")
    async def form(name: Annotated[str, Form()]) -> None: ...

    router = APIRouter(prefix="/own", route_class=OwnRoute)

    @router.get("/route")
    async def own() -> None: ...

    @router.websocket("/socket")
    async def socket(socket: WebSocket) -> None: ...

    app.include_router(router)
    app.mount("/sub", FastAPI())
    return app


def route(explanation: Explanation, path: str, method: str = "GET") -> RouteExplanation:
    [found] = [
        one
        for one in explanation["routes"]
        if one["path"] == path and (one["methods"] is None or method in one["methods"])
    ]
    return found


def test_a_native_route_says_where_each_callable_runs() -> None:
    found = route(explain(make_app()), "/items/{number}")
    assert (found["tier"], found["reason"]) == ("native", None)
    calls = [(one["role"], one["name"].rpartition(".")[2], one["mode"]) for one in found["calls"]]
    assert calls == [
        ("dependency", "sleepy", "threads"),
        ("dependency", "quick", "inline"),
        ("dependency", "page", "adaptive"),
        ("endpoint", "read", "adaptive"),
    ]
    reasons = [one["mode_reason"] for one in found["calls"]]
    assert reasons == ["calls time.sleep, which blocks", 'is marked with sync_mode("inline")', None, None]
    assert [(one["name"], one["location"], one["how"]) for one in found["parameters"]] == [
        ("size", "query", "native"),
        ("number", "path", "native"),
        ("tags", "query", "native"),
    ]


def test_a_route_that_is_not_native_says_why() -> None:
    explanation = explain(make_app())
    tiers = {one["path"]: (one["tier"], one["reason"]) for one in explanation["routes"]}
    assert tiers["/items"][0] == "python"
    assert "session uses yield" in (tiers["/items"][1] or "")
    assert tiers["/checked"] == ("python", "query parameter 'name' runs user code while validating (check)")
    assert tiers["/stream"] == ("python", "it is a generator and streams")
    assert tiers["/form"] == ("python", "its body is a form")
    assert tiers["/own/route"][0] == "asgi"
    assert "OwnRoute" in (tiers["/own/route"][1] or "")
    assert tiers["/own/socket"] == ("asgi", "a WebSocket")
    assert tiers["/sub"] == ("asgi", "a mounted application")
    assert [call["kind"] for call in route(explanation, "/items", "POST")["calls"]] == ["gen", "async"]


def test_the_summary_leaves_the_documentation_pages_out() -> None:
    explanation = explain(make_app())
    documentation = [one["path"] for one in explanation["routes"] if one["documentation"]]
    assert documentation == ["/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc"]
    assert explanation["summary"] == {"routes": 8, "native": 1, "python": 4, "asgi": 3}
    assert summary_line(explanation) == "1 of 8 routes native, 4 python, 3 asgi"


def test_the_summary_of_an_app_without_exceptions_is_short() -> None:
    app = FastAPI()

    @app.get("/")
    async def root() -> None: ...

    assert summary_line(explain(app)) == "1 of 1 route native"


def test_middleware_is_named() -> None:
    app = make_app()
    assert explain(app)["middleware"] == {"classes": [], "direct": True, "layers": []}
    app = make_app()
    app.add_middleware(BaseHTTPMiddleware, dispatch=lambda request, call_next: call_next(request))
    explanation = explain(app)
    assert explanation["middleware"] == {
        "classes": ["starlette.middleware.base.BaseHTTPMiddleware"],
        "direct": False,
        "layers": [
            {
                "name": "starlette.middleware.base.BaseHTTPMiddleware"
                f"({__name__}.test_middleware_is_named.<locals>.<lambda>)",
                "runs": "python",
                "reason": "dispatch without a task group",
            }
        ],
    }
    assert "requests go through it, plans run behind it" in explanation_text(explanation)


def test_plans_that_are_off_say_why() -> None:
    class Own(FastAPI):
        async def __call__(self, *arguments: Any) -> None:
            await super().__call__(*arguments)

    explanation = explain(Own())
    assert (explanation["plans"], explanation["reason"]) == ("off", "Own overrides how FastAPI is called")
    assert explanation_text(explanation) == "no route plans: Own overrides how FastAPI is called"
    assert explanation["routes"] == []


def test_the_table_shows_reasons_and_verbosely_everything() -> None:
    explanation = explain(make_app())
    text = explanation_text(explanation)
    assert "why: dependency session uses yield" in text
    assert "calls time.sleep, which blocks" in text
    assert "page (" not in text
    verbose = explanation_text(explanation, verbose=True)
    assert "page (sync, adaptive)" in verbose
    assert "takes item (body, by its validator)" in verbose


APP = "from fastapi import FastAPI\napp = FastAPI()\n@app.get('/')\ndef root(): ...\n"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "explained.py").write_text(
        APP + "class Own(FastAPI):\n    async def __call__(self, *a): ...\n"
    )
    return tmp_path


def run(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "turboapi", "explain", "--app-dir", str(directory), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_command_prints_the_table(directory: Path) -> None:
    result = run(directory, "explained:app")
    assert result.returncode == 0
    assert result.stdout.splitlines()[0].split() == ["METHODS", "PATH", "ENDPOINT", "TIER"]
    assert "1 of 1 route native" in result.stdout


def test_the_command_prints_json(directory: Path) -> None:
    result = run(directory, "explained:app", "--json", "--sync-mode", "threads")
    explanation = json.loads(result.stdout)
    assert list(explanation) == [
        *("plans", "reason", "sync_mode", "summary", "middleware", "routes", "engine_layers")
    ]
    assert explanation["sync_mode"] == "threads"
    assert list(explanation["routes"][-1]) == [
        *("methods", "path", "endpoint", "tier", "reason", "calls", "parameters", "documentation")
    ]


@pytest.mark.parametrize(
    ("target", "code", "message"),
    [
        ("explained:Own()", 3, "not found"),
        ("explained:nothing", 3, 'Attribute "nothing" not found'),
        ("explained:FastAPI.__doc__", 3, "cannot be called"),
        ("explained:Own.__call__", 1, "not a FastAPI application"),
    ],
)
def test_exit_codes(directory: Path, target: str, code: int, message: str) -> None:
    result = run(directory, target)
    assert result.returncode == code, result.stderr
    assert message in result.stderr


def test_an_app_without_plans_ends_with_exit_code_1(directory: Path) -> None:
    result = run(directory, "--factory", "explained:Own")
    assert result.returncode == 1
    assert "no route plans: Own overrides how FastAPI is called" in result.stdout


def test_usage() -> None:
    assert CliRunner().invoke(main, ["explain"]).exit_code == 2
    assert "--json" in CliRunner().invoke(main, ["explain", "--help"]).output
