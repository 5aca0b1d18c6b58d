"""`Config`: uvicorn's names and defaults, and errors for what cannot apply."""

from __future__ import annotations

import dataclasses
import inspect
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from logs import LogLines

from turboapi import Config, ConfigError
from turboapi.config import ConfigOptions
from turboapi.errors import UNSUPPORTED_OPTIONS

UVICORN_DEFAULTS = {
    name: parameter.default
    for name, parameter in inspect.signature(uvicorn.Config).parameters.items()
    if parameter.default is not parameter.empty and name != "log_config"
}


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WEB_CONCURRENCY", "FORWARDED_ALLOW_IPS"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("name", sorted(UVICORN_DEFAULTS))
def test_every_option_of_uvicorn_is_known(name: str) -> None:
    """It has the same default, or is refused with a reason."""
    fields = {field.name: field.default for field in dataclasses.fields(Config)}
    if name in UNSUPPORTED_OPTIONS:
        options: dict[str, Any] = {name: "something"}
        with pytest.raises(ConfigError, match=f"^{name}=.* is not available: .*Remove the option"):
            Config("main:app", **options)
    else:
        assert fields[name] == UVICORN_DEFAULTS[name]


def test_functions_that_pass_options_on_know_all_of_them() -> None:
    fields = {field.name for field in dataclasses.fields(Config) if field.init}
    assert set(ConfigOptions.__annotations__) == fields - {"app", "host", "port"}


def test_an_unknown_option_is_an_error() -> None:
    with pytest.raises(TypeError, match="no_such_option"):
        Config("main:app", no_such_option=1)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"port": -1}, "port is -1; it must be at least 0"),
        ({"port": 65536}, "port is 65536; it must be at most 65535"),
        ({"workers": 0}, "workers is 0"),
        ({"threads": 0}, "threads is 0"),
        ({"backlog": 0}, "backlog is 0"),
        ({"limit_concurrency": 0}, "limit_concurrency is 0"),
        ({"timeout_keep_alive": -1}, "timeout_keep_alive is -1"),
        ({"timeout_graceful_shutdown": -0.5}, "timeout_graceful_shutdown is -0.5"),
        ({"lifespan": "maybe"}, "lifespan is 'maybe'; use one of auto, on, off"),
        ({"sync_mode": "fast"}, "sync_mode is 'fast'; use one of adaptive, inline, threads"),
        ({"ws": "wsproto"}, "ws is 'wsproto'; use one of auto, none"),
        ({"interface": "wsgi"}, "a2wsgi"),
        ({"log_level": "loud"}, "log_level is 'loud'; use one of critical"),
        ({"headers": [("", "x")]}, "a pair (name, value)"),
        ({"uds": "x.sock", "fd": 3}, "give one of them"),
        ({"reload": True, "workers": 2}, "workers cannot be combined with reload"),
        ({"threads": 2, "workers": 2}, "threads cannot be combined with workers"),
        ({"threads": 2, "reload": True}, "threads cannot be combined with reload"),
        ({"threads": 2, "limit_max_requests": 9}, "nothing restarts a thread"),
        ({"reload_dirs": ["."]}, "need reload=True"),
        ({"limit_max_requests_jitter": 3}, "needs limit_max_requests"),
        ({"env_file": "no.env"}, "there is no file 'no.env'"),
    ],
)
def test_a_value_that_cannot_apply_is_an_error(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Config("main:app", **options)
    assert message in str(caught.value)


@pytest.mark.parametrize("options", [{"reload": True}, {"workers": 2}])
def test_fresh_processes_need_an_import_string(options: dict[str, Any]) -> None:
    config = Config(object(), **options)
    with pytest.raises(
        ConfigError, match=r'pass it as an import string, for example turboapi.run\("main:app"\)'
    ):
        config.check_import_string()


def test_web_concurrency_is_the_default_of_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", "3")
    assert Config("main:app").workers == 3
    assert Config("main:app", workers=1).workers == 1
    assert Config("main:app", reload=True).workers is None
    assert Config("main:app", threads=2).workers is None
    monkeypatch.setenv("WEB_CONCURRENCY", "many")
    with pytest.raises(ConfigError, match="WEB_CONCURRENCY is 'many'"):
        Config("main:app")


@pytest.mark.parametrize(
    ("environment", "value", "expected"),
    [
        (None, None, ["127.0.0.1", "::1"]),
        ("10.0.0.0/8, 192.168.0.1", None, ["10.0.0.0/8", "192.168.0.1"]),
        ("10.0.0.1", "*", ["*"]),
        (None, ["10.0.0.1", "unix:"], ["10.0.0.1", "unix:"]),
    ],
)
def test_trusted_proxies(
    environment: str | None, value: Any, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if environment is not None:
        monkeypatch.setenv("FORWARDED_ALLOW_IPS", environment)
    assert Config("main:app", forwarded_allow_ips=value).trusted_proxies == expected


def test_headers_are_encoded_and_a_server_header_replaces_ours() -> None:
    config = Config("main:app", headers=[("X-One", " 1"), ("Server", "mine")])
    assert config.encoded_headers == [(b"x-one", b"1"), (b"server", b"mine")]
    assert config.engine_options()["server_header"] is False
    assert Config("main:app").engine_options()["server_header"] is True


def test_an_env_file_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error_log: LogLines) -> None:
    # Setting them first makes monkeypatch take them out again after the test.
    for name in ("FROM_THE_FILE", "WEB_CONCURRENCY"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    path = tmp_path / "settings.env"
    path.write_text("FROM_THE_FILE=yes\nWEB_CONCURRENCY=4\n")
    assert Config("main:app", env_file=path, log_config=None).workers == 4
    assert os.environ["FROM_THE_FILE"] == "yes"
    assert f"INFO Loading environment from '{path}'" in error_log.text


def test_options_can_be_sent_to_another_process() -> None:
    config = Config("main:app", port=1, headers=[("a", "b")], log_level="debug", timeout_keep_alive=2.5)
    copied = Config(**pickle.loads(pickle.dumps(config.options())))
    assert copied == config
