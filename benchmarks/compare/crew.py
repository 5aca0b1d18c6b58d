"""The servers of a group: started one after the other, alive at the same time."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.compare import memory
from benchmarks.compare.contender import SHARED, Contender
from benchmarks.compare.groups import Group
from benchmarks.servers import BINARIES, Running, free_port, serving

SERVER_CORE, CLIENT_CORE = 0, 1
PATIENCE_SECONDS = 3.0
"""For a server to end before it is killed; some wait for their idle connections much longer."""
READY = {"basic": "/json", "techempower": "/json", "stack": "/stack", "arena": "/pipeline"}
"""What is asked first, to see that a server answers."""


@dataclass(frozen=True)
class Site:
    """Where servers run."""

    pythons: Mapping[str, Path]
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Crew:
    """Who has started, and why the others have not."""

    running: dict[str, Running]
    facts: dict[str, dict[str, Any]]
    """Start-up and memory when idle."""
    failed: dict[str, str]


@contextlib.contextmanager
def started(group: Group, order: Sequence[Contender], site: Site) -> Iterator[Crew]:
    """Runs the servers until the block ends."""
    crew = Crew({}, {}, {})
    cores = {SERVER_CORE, CLIENT_CORE} if group.shares_cores else {SERVER_CORE}
    with contextlib.ExitStack() as stack:
        for contender in order:
            port = free_port()
            began = time.perf_counter()
            try:
                process = stack.enter_context(
                    serving(
                        contender.name,
                        _command(contender, group, site, port),
                        port,
                        cores=cores,
                        cwd=contender.folder(),
                        env=_environment(contender, group, site, port),
                        patience=PATIENCE_SECONDS,
                    )
                )
                memory.ask(port, READY[group.suite])
            except (RuntimeError, OSError) as error:
                crew.failed[contender.name] = str(error)[-600:]
                continue
            crew.facts[contender.name] = {"startup_s": time.perf_counter() - began}
            if group.shows_memory:
                crew.facts[contender.name]["idle_bytes"] = process.pss()
            crew.running[contender.name] = process
        try:
            yield crew
        finally:
            # All at once: each may take its whole patience.
            for process in crew.running.values():
                with contextlib.suppress(OSError):
                    os.kill(process.pid, signal.SIGTERM)


def _places(contender: Contender, group: Group, site: Site, port: int) -> dict[str, str]:
    python = site.pythons.get(contender.name, Path(sys.executable))
    return {
        "python": str(python),
        "bin": str(python.parent),
        "binaries": str(BINARIES.resolve()),
        "module": group.suite,
        "port": str(port),
        "workers": str(group.workers),
    }


def _command(contender: Contender, group: Group, site: Site, port: int) -> list[str]:
    parts = (*contender.command, *(contender.workers if group.workers > 1 else ()))
    return [part.format(**_places(contender, group, site, port)) for part in parts]


def _environment(contender: Contender, group: Group, site: Site, port: int) -> dict[str, str]:
    places = _places(contender, group, site, port)
    own = {name: value.format(**places) for name, value in contender.env.items()}
    return {"PYTHONPATH": str(SHARED), "PYTHONDONTWRITEBYTECODE": "", **site.environment, **own}
