"""`python -m tests.middleware.suite`: Starlette's own tests of the four stock classes against the engine."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "starlette"
VERSION = "1.10.0"
SHA256 = "b8399098d4c1e3522734f7235dc79b1fc967f96cf139c81e0fa30479e0685f9b"
SUITE = CACHE / f"starlette-{VERSION}"
FILES = tuple(
    f"tests/middleware/test_{name}.py" for name in ("cors", "gzip", "https_redirect", "trusted_host")
)
#: Tests that no server can run, by their reason.
LEFT_OUT = {
    "tests/middleware/test_gzip.py::test_gzip_trailers": "no server that we know sends trailers for an app",
    "tests/middleware/test_gzip.py::test_gzip_excluded_content_type_trailers": "the same",
    "tests/middleware/test_https_redirect.py::test_https_redirect_middleware": (
        "expects the address of a server to be testserver"
    ),
}


def prepare() -> None:
    """Download, verify and unpack the distribution unless it is there."""
    if SUITE.exists():
        return
    CACHE.mkdir(parents=True, exist_ok=True)
    download = ["download", "--quiet", "--no-deps", "--no-binary", "starlette", f"starlette=={VERSION}"]
    subprocess.run([sys.executable, "-m", "pip", *download, "--dest", str(CACHE)], check=True)
    archive = CACHE / f"starlette-{VERSION}.tar.gz"
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    if digest != SHA256:
        raise RuntimeError(f"{archive} has sha256 {digest}, expected {SHA256}")
    with tarfile.open(archive) as tar:
        tar.extractall(CACHE, filter="data")


def play(plugin: str, files: Sequence[str], left_out: Iterable[str], *more: str) -> tuple[int, str]:
    """The exit code and the output of Starlette's tests in `files`, with one of our plugins."""
    # The suite's own package is called `tests` as well.
    bridge = CACHE / "path"
    bridge.mkdir(parents=True, exist_ok=True)
    package = bridge / "our_tests"
    if not package.exists():
        package.symlink_to(ROOT / "tests", target_is_directory=True)
    options = [
        "-q",
        "--noconftest",
        "-p",
        f"our_tests.{plugin}",
        "-p",
        "no:cacheprovider",
        "-o",
        "filterwarnings=",
        *(f"--deselect={name}" for name in left_out),
        *more,
    ]
    path = os.pathsep.join(filter(None, (str(bridge), os.environ.get("PYTHONPATH"))))
    completed = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *files],
        cwd=SUITE,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    return completed.returncode, completed.stdout + completed.stderr


def run() -> tuple[int, str, dict[str, int]]:
    """The exit code, the output, and how many requests were answered by whom."""
    code, output = play("middleware.suite_plugin", FILES, LEFT_OUT)
    counts = re.search(r"^answered: \{(.*)\}$", output, re.MULTILINE)
    answered = dict(re.findall(r"'(\w+)': (\d+)", counts[1])) if counts else {}
    return code, output, {name: int(number) for name, number in answered.items()}


def main() -> int:
    """Prints the output of the run."""
    prepare()
    code, output, _ = run()
    print(output)
    return code


if __name__ == "__main__":
    sys.exit(main())
