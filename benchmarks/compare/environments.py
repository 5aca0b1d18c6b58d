"""An environment for each contender, made when it is first needed, at pinned versions from the registry."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path

from benchmarks.compare.contender import Contender
from benchmarks.servers import ROOT

CACHE = ROOT / ".cache" / "bench-envs"
INSTALL_SECONDS = 600
LONGEST_REASON = 300


class Unavailable(Exception):
    """It cannot take part; the message says why."""


def python_of(contender: Contender) -> Path:
    """The interpreter of the contender's environment, which is made if it is not there.

    Raises `Unavailable` with the installer's reason.
    """
    if contender.own or not contender.requirements:
        for module in contender.needs:
            if find_spec(module) is None:
                raise Unavailable(f"{module} is not installed")
        return Path(sys.executable)
    digest = hashlib.sha256("\n".join([*contender.requirements, *contender.optional]).encode()).hexdigest()[
        :8
    ]
    tag = f"{sys.implementation.cache_tag}{'t' if sysconfig.get_config_var('Py_GIL_DISABLED') else ''}"
    directory = CACHE / f"{contender.name}-{tag}-{digest}"
    python = directory / "bin" / "python"
    if (directory / "ready").exists():
        return python
    refused = directory / "refused"
    if refused.exists():
        raise Unavailable(refused.read_text())
    print(f"making an environment for {contender.name}", flush=True)
    _run([sys.executable, "-m", "venv", "--clear", str(directory)])
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    install.append("--only-binary=:all:")
    try:
        _run([*install, *contender.requirements])
    except Unavailable as reason:
        refused.write_text(str(reason))
        raise
    for line in contender.optional:
        with contextlib.suppress(Unavailable):
            _run([*install, line])
    (directory / "ready").touch()
    return python


def _run(command: list[str]) -> None:
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=INSTALL_SECONDS,
        check=False,
        env=os.environ | {"VIRTUAL_ENV": ""},
    )
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise Unavailable("does not install: " + " ".join(errors or [done.stderr])[:LONGEST_REASON])


def versions_of(contender: Contender, python: Path) -> dict[str, str]:
    """Installed versions of the packages that matter."""
    if not contender.versions:
        return {}
    program = (
        "import importlib.metadata as m, json, sys;"
        "print(json.dumps({name: m.version(name) for name in sys.argv[1:]}))"
    )
    done = subprocess.run(
        [str(python), "-c", program, *contender.versions], capture_output=True, text=True, check=True
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found
