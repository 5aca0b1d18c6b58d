"""Writes the pinned requirements: what pip resolves for each ``.in`` file in a fresh environment."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent


def resolve(*sources: Path) -> list[str]:
    """All packages, direct and transitive, as ``name==version`` lines."""
    with tempfile.TemporaryDirectory() as directory:
        venv.create(directory, with_pip=True)
        pip = [str(Path(directory, "bin", "python")), "-m", "pip", "--disable-pip-version-check"]
        options = [argument for source in sources for argument in ("-r", str(source))]
        subprocess.run([*pip, "install", "--quiet", *options], check=True)
        frozen = subprocess.run([*pip, "freeze"], check=True, capture_output=True, text=True).stdout
    return frozen.splitlines()


def write(name: str, lines: list[str]) -> None:
    """One ``.txt`` file with its origin as a heading."""
    header = (
        f"# Written by `make lock` from {name}.in; Python {sys.version_info.major}.{sys.version_info.minor}."
    )
    (HERE / f"{name}.txt").write_text("\n".join([header, *lines]) + "\n")


def main() -> None:
    """``bench.txt`` holds only what ``dev.txt`` does not."""
    dev = resolve(HERE / "dev.in")
    write("dev", dev)
    both = resolve(HERE / "dev.txt", HERE / "bench.in")
    write("bench", [line for line in both if line not in dev])
    write("conformance", resolve(HERE / "conformance.in"))


if __name__ == "__main__":
    main()
