"""The engine's layers as users ask for them: settings, options, flags, an attribute of the app."""

from __future__ import annotations

import dataclasses
import json
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from processes import ServerProcess

from turboapi import Config, ConfigError, TurboAPI, middleware
from turboapi.cli import main, run
from turboapi.middleware import (
    BodyLimit,
    Compression,
    EngineLayer,
    LoadShedding,
    Metrics,
    RateLimit,
    RequestId,
    SecurityHeaders,
    Timeout,
)
from turboapi.middleware.layers import ORDER, combined


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Not called."""


def configured(*layers: EngineLayer, app: Any = app, **options: Any) -> dict[str, Any]:
    """What the engine gets."""
    config = Config(app, middleware=list(layers), log_config=None, **options)
    config.load()
    result: dict[str, Any] = config.engine_options()["layers"]
    return result


def test_without_layers_the_engine_gets_none() -> None:
    assert configured() == {}


def test_layers_come_in_their_order_whatever_the_users_is() -> None:
    layers = [
        LoadShedding(),
        Compression(),
        BodyLimit(1),
        Timeout(1),
        RateLimit(1),
        SecurityHeaders(),
        Metrics("/metrics"),
        RequestId(),
    ]
    # Load shedding is the server's own, and not in front of it.
    assert list(configured(*layers)) == [kind.name for kind in ORDER if kind is not LoadShedding]
    assert combined(layers) == layers[::-1]


def test_settings_of_every_layer() -> None:
    assert configured(RequestId("X-Trace", accept_incoming=False)) == {
        "request_id": {"header": "X-Trace", "accept_incoming": False}
    }
    assert configured(Timeout(30, status=504)) == {"timeout": {"seconds": 30.0, "status": 504}}
    assert configured(Compression(("zstd", "gzip"), content_types=("text/*",))) == {
        "compression": {
            "codings": ["zstd", "gzip"],
            "minimum_size": 500,
            "gzip_level": 4,
            "content_types": ["text/*"],
        }
    }
    safe = SecurityHeaders(
        frame_options=None,
        referrer_policy="no-referrer",
        content_security_policy="default-src 'self'",
        hsts_max_age=300,
        hsts_include_subdomains=True,
        hsts_preload=True,
    )
    assert configured(safe) == {
        "security_headers": {
            "headers": [
                ("x-content-type-options", "nosniff"),
                ("referrer-policy", "no-referrer"),
                ("content-security-policy", "default-src 'self'"),
                ("strict-transport-security", "max-age=300; includeSubDomains; preload"),
            ]
        }
    }


def test_settings_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        BodyLimit(1).limit = 2  # type: ignore[misc]


loose: Any = middleware
anyhow: Any = configured
loose_config: Any = Config
"""The same without types, which would find most of what follows."""


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: loose.RequestId(""), "header is ''; it must be the name of a header"),
        (lambda: loose.RequestId("x id"), "must be the name of a header"),
        (lambda: loose.BodyLimit(-1), "limit is -1; it must be a whole number, from 0"),
        (lambda: loose.BodyLimit(1.5), "must be a whole number"),
        (lambda: loose.BodyLimit(True), "must be a whole number"),
        (lambda: loose.Timeout(0), "seconds is 0; it must be a number above zero"),
        (lambda: loose.Timeout(float("inf")), "must be a number above zero"),
        (lambda: loose.Timeout("5"), "must be a number above zero"),
        (lambda: loose.Timeout(1, status=500), "status is 500; use one of 503, 504"),
        (lambda: loose.SecurityHeaders(frame_options="ALLOW"), "use one of 'DENY', 'SAMEORIGIN', None"),
        (lambda: loose.SecurityHeaders(referrer_policy="never"), "referrer_policy is 'never'; use one of"),
        (lambda: loose.SecurityHeaders(content_security_policy="a\nb"), "must be the value of a header"),
        (lambda: loose.SecurityHeaders(hsts_max_age=-1), "hsts_max_age is -1"),
        (lambda: loose.SecurityHeaders(hsts_preload=True), "need hsts_max_age"),
        (lambda: loose.SecurityHeaders(False, None, None), "no header is left; remove the layer"),
        (lambda: loose.Compression(("deflate",)), "codings has 'deflate'; use gzip, br, zstd"),
        (lambda: loose.Compression("gzip"), r"must be a tuple such as \('gzip', 'br'\)"),
        (lambda: loose.Compression(()), "codings is"),
        (lambda: loose.Compression(gzip_level=10), "gzip_level is 10; it must be a whole number"),
        (lambda: loose.Compression(minimum_size=-1), "minimum_size is -1"),
        (lambda: loose.Compression(content_types="text/*"), "content_types is 'text"),
        (lambda: anyhow("gzip"), "middleware has 'gzip', which is no layer of the engine"),
        (lambda: anyhow(RequestId), r"the class RequestId; make an instance: RequestId\(...\)"),
        (lambda: configured(RequestId(), RequestId("x-a")), "RequestId twice; give it once"),
        (lambda: loose_config(app, middleware=RequestId()), "must be a list of layers"),
        (lambda: configured(BodyLimit(1), limit_request_body=2), "limit_request_body and BodyLimit in"),
        (lambda: configured(Timeout(1), timeout_request=2), "timeout_request and Timeout in middleware"),
        (lambda: configured(RequestId(), request_id=True), "request_id and RequestId in middleware"),
        (lambda: configured(limit_request_body=-1), "limit_request_body is -1; it must be at least 0"),
        (lambda: configured(timeout_request=0), "seconds is 0; it must be a number above zero"),
    ],
)  # fmt: skip
def test_what_cannot_apply_says_what_to_do(make: Any, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        make()


def test_options_are_short_for_layers() -> None:
    short = configured(limit_request_body=5, timeout_request=2, request_id=True)
    assert short == configured(BodyLimit(5), Timeout(2), RequestId())


def test_an_app_brings_layers_and_the_configuration_has_the_last_word() -> None:
    own = TurboAPI()
    assert own.engine_middleware == ()
    own.engine_middleware = [BodyLimit(1), RequestId()]
    assert configured(app=own) == configured(BodyLimit(1), RequestId())
    assert configured(Timeout(1), app=own, limit_request_body=2) == configured(
        Timeout(1), BodyLimit(2), RequestId()
    )


def test_an_app_with_a_wrong_attribute_does_not_start(caplog: pytest.LogCaptureFixture) -> None:
    own = TurboAPI()
    own.engine_middleware = ["gzip"]  # type: ignore[list-item]
    with pytest.raises(SystemExit) as failure:
        configured(app=own)
    assert failure.value.code == 3
    assert "engine_middleware has 'gzip', which is no layer of the engine" in caplog.text


def test_a_configuration_can_be_made_again_from_its_options() -> None:
    """As workers and the reloader do."""
    config = Config("main:app", middleware=[BodyLimit(1)], timeout_request=1, log_config=None)
    again = Config(**config.options())
    assert again.layers == config.layers == [Timeout(1), BodyLimit(1)]


def test_flags_and_environment_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURBOAPI_LIMIT_REQUEST_BODY", "10")
    arguments = ["main:app", "--timeout-request", "2.5", "--request-id", "--forwarded-port"]
    with run.make_context("turboapi", arguments) as context:
        values = context.params
    assert values["limit_request_body"] == 10
    assert values["timeout_request"] == 2.5
    assert values["request_id"] is True
    assert values["forwarded_port"] is True


APP = """
from turboapi import TurboAPI
from turboapi.middleware import BodyLimit, RequestId

app = TurboAPI()
app.engine_middleware = [RequestId(), BodyLimit(10)]

@app.post("/")
async def read(body: dict[str, int]) -> dict[str, int]:
    return body
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_a_command_line_serves_the_layers_of_the_app(tmp_path: Path, workers: int) -> None:
    (tmp_path / "main.py").write_text(APP)
    arguments = ["-m", "turboapi", "run", "main:app", "--port", "0", "--workers", str(workers)]
    server = ServerProcess(arguments, tmp_path)
    try:
        server.started()
        with server.connect() as connection:
            connection.sendall(
                b"POST / HTTP/1.1\r\nHost: test\r\nX-Request-ID: r-1\r\nContent-Length: 11\r\n\r\n12345678901"
            )
            response = b"".join(iter(lambda: connection.recv(4096), b""))
        assert response.startswith(b"HTTP/1.1 413 ")
        assert b"\r\nx-request-id: r-1\r\n" in response
        server.wait_for(rf'"POST / HTTP/1.1" 413 {HTTPStatus(413).phrase} r-1\n')
        server.stop()
    finally:
        server.kill()


def test_explain_lists_the_layers_of_the_app(tmp_path: Path) -> None:
    (tmp_path / "layered.py").write_text(APP)
    arguments = ["explain", "layered:app", "--app-dir", str(tmp_path)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert "engine layers: request id > body limit; every request goes through them first" in result.output
    result = CliRunner().invoke(main, [*arguments, "--json"])
    assert json.loads(result.output)["engine_layers"] == ["request id", "body limit"]
