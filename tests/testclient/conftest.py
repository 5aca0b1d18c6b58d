"""Every test runs with Starlette's client and with ours, and has to pass with both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import starlette.testclient

import turboapi.testclient

ClientFactory = Callable[..., starlette.testclient.TestClient]


@pytest.fixture(params=["stock", "turboapi"])
def make_client(request: pytest.FixtureRequest) -> ClientFactory:
    """The `TestClient` class under test."""
    clients: dict[str, Any] = {
        "stock": starlette.testclient.TestClient,
        "turboapi": turboapi.testclient.TestClient,
    }
    factory: ClientFactory = clients[request.param]
    return factory
