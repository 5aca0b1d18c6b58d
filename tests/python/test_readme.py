"""The README's programs, as they are printed but for the port."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Launch

README = Path(__file__).resolve().parents[2] / "README.md"
PROGRAMS: list[str] = re.findall(r"^```python\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL)


def program(marker: str) -> str:
    """The one program that contains `marker`, on a port that the system picks."""
    [found] = [text for text in PROGRAMS if marker in text]
    return found.replace("port=8000", "port=0")


@pytest.fixture(autouse=True)
def _app(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(program("app.run("))


def test_app_with_run_method(launch: Launch) -> None:
    assert launch("main.py").started().get("/") == '{"message":"Hello"}'


def test_embedding(launch: Launch, tmp_path: Path) -> None:
    (tmp_path / "embedding.py").write_text(program("turboapi.Server("))
    assert launch("embedding.py").started().get("/") == '{"message":"Hello"}'


def test_test_client(tmp_path: Path) -> None:
    (tmp_path / "test_main.py").write_text(program("TestClient"))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_main.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_every_program_is_run() -> None:
    assert len(PROGRAMS) == 3
