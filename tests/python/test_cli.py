"""The command line: uvicorn's options and environment variables, and what happens to wrong ones."""

from __future__ import annotations

from typing import Any

import click
import pytest
import uvicorn
import uvicorn.main
from click.testing import CliRunner

from turboapi import __version__
from turboapi.cli import dev, main, run


def parameters(*arguments: str, command: click.Command = run) -> dict[str, Any]:
    """What the command makes of its arguments."""
    with command.make_context("turboapi", list(arguments)) as context:
        return context.params


def error(*arguments: str, env: dict[str, str] | None = None) -> str:
    """The output of a command line that is refused."""
    result = CliRunner(env=env).invoke(main, arguments)
    assert result.exit_code == 2, result.output
    return result.output


def test_every_option_of_uvicorn_is_known() -> None:
    ours = {option for parameter in run.params for option in (*parameter.opts, *parameter.secondary_opts)}
    theirs = {
        option
        for parameter in uvicorn.main.params
        for option in (*parameter.opts, *parameter.secondary_opts)
        if isinstance(parameter, click.Option)
    }
    assert theirs - ours == set()


@pytest.mark.parametrize("parameter", uvicorn.main.params, ids=lambda parameter: str(parameter.name))
def test_defaults_are_those_of_uvicorn(parameter: click.Parameter) -> None:
    [ours] = [candidate for candidate in run.params if candidate.name == parameter.name]
    if isinstance(ours, click.Option) and not ours.hidden:
        context = click.Context(run)
        assert ours.get_default(context) == parameter.get_default(context)


@pytest.mark.parametrize(
    ("environment", "arguments", "port"),
    [
        ({}, [], 8000),
        ({"UVICORN_PORT": "1"}, [], 1),
        ({"UVICORN_PORT": "1", "TURBOAPI_PORT": "2"}, [], 2),
        ({"UVICORN_PORT": "1", "TURBOAPI_PORT": "2"}, ["--port", "3"], 3),
    ],
)
def test_environment_variables(
    environment: dict[str, str], arguments: list[str], port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert parameters("main:app", *arguments)["port"] == port


def test_the_app_can_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UVICORN_APP", "main:app")
    assert parameters()["app"] == "main:app"


def test_flags_and_repeated_options() -> None:
    values = parameters(
        "main:app", "--no-access-log", "--no-proxy-headers", "--header", "X-A:1", "--header", "X-B: 2:3"
    )
    assert values["access_log"] is False
    assert values["proxy_headers"] is False
    assert values["headers"] == [("X-A", "1"), ("X-B", " 2:3")]


@pytest.mark.parametrize("command", [run, dev], ids=["run", "dev"])
def test_the_mode_of_sync_callables(command: click.Command, monkeypatch: pytest.MonkeyPatch) -> None:
    assert parameters("main:app", command=command)["sync_mode"] == "adaptive"
    monkeypatch.setenv("TURBOAPI_SYNC_MODE", "inline")
    assert parameters("main:app", command=command)["sync_mode"] == "inline"
    assert parameters("main:app", "--sync-mode", "threads", command=command)["sync_mode"] == "threads"


@pytest.mark.parametrize("command", [run, dev], ids=["run", "dev"])
def test_route_plans_can_be_switched_off(command: click.Command, monkeypatch: pytest.MonkeyPatch) -> None:
    assert parameters("main:app", command=command)["route_plans"] is True
    assert parameters("main:app", "--no-route-plans", command=command)["route_plans"] is False
    monkeypatch.setenv("TURBOAPI_ROUTE_PLANS", "false")
    assert parameters("main:app", command=command)["route_plans"] is False


def test_dev_is_run_with_reload() -> None:
    assert "workers" not in parameters("main:app", command=dev)
    assert parameters("main:app", "--reload-include", "*.html", command=dev)["reload_includes"] == ("*.html",)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--loop", "uvloop"], "--loop is not available: the server always runs on its own event loop"),
        (["--http", "h11"], "--http is not available"),
        (["--http2"], "--http2 is not available"),
        (["--ssl-keyfile", "key.pem"], "--ssl-keyfile is not available: TLS is not served yet"),
        (["--ws", "wsproto"], "'wsproto' is not one of 'auto', 'none'"),
        (["--header", "X-A"], "'X-A' is not a Name:Value pair"),
        (["--workers", "0"], "workers is 0; it must be at least 1"),
        (["--reload", "--workers", "2"], "workers cannot be combined with reload"),
        (["--reload-dir", "."], "need reload=True"),
        (["--lifespan", "maybe"], "'maybe' is not one of"),
        (["--sync-mode", "fast"], "'fast' is not one of 'adaptive', 'inline', 'threads'"),
    ],
)
def test_an_option_that_cannot_apply_is_an_error(arguments: list[str], message: str) -> None:
    assert message in " ".join(error("run", "main:app", *arguments).split())


def test_an_environment_variable_that_cannot_apply_is_an_error() -> None:
    """A server must not speak plain HTTP where UVICORN_SSL_KEYFILE asks for TLS."""
    output = error("run", "main:app", env={"UVICORN_SSL_KEYFILE": "key.pem"})
    assert "--ssl-keyfile is not available" in output


@pytest.mark.parametrize(
    "arguments", [["--loop", "auto"], ["--http", "auto"], ["--ws-per-message-deflate", "false"]]
)
def test_values_that_ask_for_nothing_are_accepted(arguments: list[str]) -> None:
    assert parameters("main:app", *arguments)["app"] == "main:app"


@pytest.mark.parametrize("arguments", [["--version"], ["run", "--version"], ["dev", "--version"]])
def test_version(arguments: list[str]) -> None:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0
    assert f"Running turboapi {__version__} with CPython" in result.output
