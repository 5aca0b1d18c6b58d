"""`turboapi dev`: what is watched, and real reloads."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from conftest import Serve
from processes import ServerProcess, receive_all, receive_until
from uvicorn.supervisors.watchfilesreload import FileFilter

from turboapi import Config, ConfigError
from turboapi.reload import ReloadFilter

APP = """
    import asyncio, gc, os
    from contextlib import asynccontextmanager
    from fastapi import FastAPI
    from fastapi.responses import StreamingResponse

    print(f"imported by {os.getpid()}", flush=True)

    @asynccontextmanager
    async def lifespan(app):
        yield
        print("shutdown code", flush=True)

    app = FastAPI(lifespan=lifespan)

    @app.get("/")
    async def root():
        return {"version": 1, "frozen": gc.get_freeze_count()}

    @app.get("/stream")
    async def stream():
        async def chunks():
            yield "first\\n"
            await asyncio.Event().wait()
        return StreamingResponse(chunks())
"""


def replace(server: ServerProcess, old: str, new: str) -> None:
    """Change the app's source."""
    path = server.cwd / "main.py"
    edited = path.with_suffix(".edited")
    edited.write_text(path.read_text().replace(old, new))
    # Python knows stale bytecode by whole seconds and size; a person does not edit that fast.
    modified = path.stat().st_mtime + 2
    os.utime(edited, (modified, modified))
    edited.replace(path)


def test_a_change_restarts_the_app_on_the_same_socket(serve: Serve) -> None:
    server = serve(APP, command="dev").started()
    assert server.get() == '{"version":1,"frozen":0}'
    replace(server, '"version": 1', '"version": 2')
    server.wait_for(r"WatchFiles detected changes in 'main.py'. Reloading...")
    server.wait_for("Application startup complete", count=2)
    assert server.get() == '{"version":2,"frozen":0}'
    assert server.stop(signal.SIGINT) == 0
    assert server.output.count("shutdown code") == 2
    pids = [int(pid) for pid in re.findall(r"imported by (\d+)", server.output)]
    assert len(set(pids)) == 2
    assert server.process.pid not in pids, "the parent never imports the app"
    assert f"Started reloader process [{server.process.pid}] using WatchFiles" in server.output
    assert f"Stopping reloader process [{server.process.pid}]" in server.output


def test_open_streams_do_not_hold_up_a_reload(serve: Serve) -> None:
    """DEMANDS A-30: a page with an event stream would keep the old version alive for ever."""
    server = serve(APP, "--reload", command="run").started()
    stream = server.send_request("/stream")
    receive_until(stream, b"first\n")
    replace(server, '"version": 1', '"version": 2')
    server.wait_for("Application startup complete", count=2)
    receive_all(stream)
    assert '"version":2' in server.get()
    assert "ERROR" not in server.output


def test_requests_wait_while_the_app_is_broken(serve: Serve) -> None:
    server = serve(APP, command="dev").started()
    source = (server.cwd / "main.py").read_text()
    replace(server, "import asyncio", "import (")
    server.wait_for("SyntaxError")
    server.wait_for(r"ended \(exit code 3\); it is started again after the next change")
    waiting = server.send_request("/")
    (server.cwd / "main.py").write_text(source)
    assert b"200 OK" in receive_until(waiting, b"}")
    assert server.stop() == -signal.SIGTERM


def test_a_new_module_and_an_ignored_file(serve: Serve) -> None:
    server = serve(
        APP, "--reload-include", "*.html", "--reload-exclude", "ignored.py", command="dev"
    ).started()
    (server.cwd / "ignored.py").write_text("")
    (server.cwd / "page.html").write_text("")
    server.wait_for("detected changes in 'page.html'")
    server.wait_for("Application startup complete", count=2)
    assert "ignored.py" not in server.output


def test_a_startup_that_hangs_does_not_hold_up_a_reload(serve: Serve) -> None:
    hanging = APP.replace(
        "        yield\n", "        print('hangs', flush=True); await asyncio.Event().wait(); yield\n"
    )
    server = serve(hanging, command="dev")
    server.wait_for("hangs")
    replace(server, "await asyncio.Event().wait(); yield", "yield")
    server.wait_for("Application startup complete")
    assert '"version":1' in server.get()


def test_a_second_signal_forces(serve: Serve) -> None:
    server = serve(APP, command="dev").started()
    stream = server.send_request("/stream")
    receive_until(stream, b"first\n")
    server.send_signal_to_group(signal.SIGINT)
    server.wait_for("Waiting for connections to close")
    server.send_signal_to_group(signal.SIGINT)
    assert server.wait() == 0
    assert "in lifespan" not in server.output, "the cancelled lifespan's traceback tells nobody anything"


OPTIONS: list[dict[str, Any]] = [
    {},
    {"reload_includes": ["*.html"]},
    {"reload_includes": [".env"]},
    {"reload_includes": [".*"]},
    {"reload_excludes": ["*.py"]},
    {"reload_excludes": ["test_*"]},
    {"reload_includes": ["*.py", "*.toml"], "reload_excludes": ["b.*"]},
    {"reload_dirs": ["package"]},
    {"reload_dirs": ["package", "package/inner", "other"]},
    {"reload_includes": ["package"]},
    {"reload_dirs": "other"},
]
NAMES = [
    "main.py", "test_main.py", "page.html", "settings.toml", ".env", ".hidden.py", "main.pyc", ".sw.py",
    "~main.py", "package/a.py", "package/inner/b.py", "package/inner/c.html", "other/d.py", "README",
]  # fmt: skip


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with the files of `NAMES`, as the current one."""
    for name in NAMES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_same_files_count_as_in_uvicorn(options: dict[str, Any], tree: Path) -> None:
    ours = ReloadFilter(Config("main:app", reload=True, **options))
    config = uvicorn.Config("main:app", reload=True, **options)
    theirs: Callable[[Path], bool] = FileFilter(config)
    assert sorted(ours.directories) == sorted(config.reload_dirs)
    assert [name for name in NAMES if ours(tree / name)] == [name for name in NAMES if theirs(tree / name)]


@pytest.mark.parametrize("absolute", [True, False])
def test_an_excluded_directory_does_not_count(absolute: bool, tree: Path) -> None:
    """uvicorn compares a relative one with absolute paths, so that it has no effect."""
    name = str(tree / "package") if absolute else "package"
    ours = ReloadFilter(Config("main:app", reload=True, reload_excludes=[name, "other/*"]))
    assert [name for name in NAMES if ours(tree / name)] == ["main.py", "test_main.py"]


def test_an_excluded_directory_is_not_watched(tree: Path) -> None:
    config = Config("main:app", reload=True, reload_dirs=["package", "other"], reload_excludes=["other"])
    assert ReloadFilter(config).directories == [tree / "package"]


def test_a_directory_that_does_not_exist_is_an_error(tree: Path) -> None:
    with pytest.raises(ConfigError, match="there is no directory 'nowhere'"):
        ReloadFilter(Config("main:app", reload=True, reload_dirs=["nowhere"]))
