"""Loading an app: factories, ASGI versions, failures."""

from __future__ import annotations

import asyncio
import functools
from typing import Any

import pytest
from fastapi import FastAPI
from logs import LogLines

from turboapi.apps import load_app


async def asgi3(scope: Any, receive: Any, send: Any) -> None:
    """An ASGI 3 function."""


class Asgi2:
    """An ASGI 2 class: made per connection, then awaited with receive and send."""

    def __init__(self, scope: dict[str, Any]) -> None:
        self.scope = scope

    async def __call__(self, receive: Any, send: Any) -> None:
        await send({"type": "seen", "scope": self.scope})


def factory() -> FastAPI:
    """A factory."""
    return FastAPI(title="made")


def failing_factory() -> FastAPI:
    """A factory that raises what uvicorn takes for a wrong signature."""
    raise TypeError("inside the factory")


@pytest.mark.parametrize(
    "app",
    [
        asgi3,
        FastAPI(),
        FastAPI().router,
        functools.partial(asgi3),
        functools.partial(lambda extra, scope, receive, send: None, 1),
        lambda *arguments: None,
    ],
    ids=["function", "fastapi", "router", "partial", "partial with argument", "variadic"],
)
def test_asgi_3_apps_are_served_as_they_are(app: Any) -> None:
    assert load_app(app) is app


@pytest.mark.parametrize("interface", ["auto", "asgi2"])
def test_asgi_2_apps_are_adapted(interface: Any) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    app = load_app(Asgi2, interface=interface)
    asyncio.run(app({"type": "http"}, None, send))  # type: ignore[arg-type]
    assert sent == [{"type": "seen", "scope": {"type": "http"}}]


def test_a_factory_is_called() -> None:
    app: Any = load_app(factory, factory=True)
    assert app.title == "made"


def test_a_factory_is_recognised_with_a_warning(error_log: LogLines) -> None:
    app: Any = load_app(factory)
    assert app.title == "made"
    assert "WARNING ASGI app factory detected" in error_log.text


@pytest.mark.parametrize(
    ("target", "options", "message"),
    [
        ("nowhere:app", {}, 'Could not import module "nowhere"'),
        (42, {}, "a 'int' object, which cannot be called"),
        (asgi3, {"factory": True}, "'asgi3' needs arguments"),
        (failing_factory, {"factory": True}, "inside the factory"),
        (failing_factory, {}, "inside the factory"),
        (lambda: 42, {"factory": True}, "it returned a 'int' object, not an ASGI app"),
    ],
)
def test_a_failure_is_logged_and_exits_with_3(
    target: Any, options: dict[str, Any], message: str, error_log: LogLines
) -> None:
    with pytest.raises(SystemExit) as caught:
        load_app(target, **options)
    assert caught.value.code == 3
    assert message in error_log.text
