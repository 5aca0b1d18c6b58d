"""What a run needs: FastAPI's source distribution and a virtual environment, both below ``.cache/``."""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "conformance"
REQUIREMENTS = ROOT / "requirements" / "conformance.txt"


@dataclass(frozen=True)
class Environment:
    """Paths of a prepared environment."""

    python: Path
    suite: Path


def prepare(version: str, sha256: str) -> Environment:
    """Download, verify and install what is not there yet.

    Raises `RuntimeError` if the distribution is not the one of `sha256`, or the requirements pin another
    version.
    """
    if f"fastapi=={version}" not in REQUIREMENTS.read_text().splitlines():
        raise RuntimeError(f"{REQUIREMENTS} does not pin fastapi=={version}, which the expectations are for")
    return Environment(python=_venv(), suite=_suite(version, sha256))


def _suite(version: str, sha256: str) -> Path:
    directory = CACHE / f"fastapi-{version}"
    if directory.exists():
        return directory
    archive = CACHE / f"fastapi-{version}.tar.gz"
    if not archive.exists():
        download = ["download", "--quiet", "--no-deps", "--no-binary", "fastapi", f"fastapi=={version}"]
        _run([sys.executable, "-m", "pip", *download, "--dest", str(CACHE)])
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    if digest != sha256:
        raise RuntimeError(f"{archive} has sha256 {digest}, expected {sha256}")
    unpacked = CACHE / "unpack"
    shutil.rmtree(unpacked, ignore_errors=True)
    with tarfile.open(archive) as tar:
        tar.extractall(unpacked, filter="data")
    (unpacked / directory.name).rename(directory)
    return directory


def _venv() -> Path:
    """An environment of its own: the suite needs telemetry and type checkers that no app of ours should
    see."""
    tag = hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()[:12]
    directory = CACHE / f"venv-{tag}"
    python = directory / "bin" / "python"
    complete = directory / "complete"
    if not complete.exists():
        shutil.rmtree(directory, ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(directory)])
        _run([str(python), "-m", "pip", "install", "--quiet", "--requirement", str(REQUIREMENTS)])
        complete.touch()
    _link_turboapi(directory)
    return python


def _link_turboapi(venv: Path) -> None:
    """Make the `turboapi` of the running interpreter importable, behind everything that the suite pins."""
    spec = importlib.util.find_spec("turboapi")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("turboapi is not importable here; install it first (make build)")
    home = Path(next(iter(spec.submodule_search_locations))).resolve().parent
    for site_packages in venv.glob("lib/python*/site-packages"):
        (site_packages / "turboapi-under-test.pth").write_text(f"{home}\n")


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True)
