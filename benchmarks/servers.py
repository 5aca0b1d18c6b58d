"""Starts servers pinned to one core and reads what they cost from ``/proc``."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_GIVEN = os.environ.get("TURBO_BENCH_BINARIES")
BINARIES = Path(_GIVEN or Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release")
"""Where the Rust programs are; those that the environment names are taken as they are."""
TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
START_SECONDS = 30.0


@dataclass(frozen=True)
class Server:
    """A server: the packages whose versions matter and its command line.

    The options are what the server's own documentation recommends for one process under load, with access
    logs off everywhere. ``{python}``, ``{binaries}``, ``{app}`` and ``{port}`` are filled in.
    """

    name: str
    packages: tuple[str, ...]
    command: tuple[str, ...]
    for_idle: tuple[str, ...]
    """Options under which 10,000 connections may be idle for ten minutes."""
    constant: bool = False
    """It serves one constant answer and no app: the limit for the others."""

    def missing(self) -> str | None:
        """The package that is not installed."""
        return next((package for package in self.packages if find_spec(package) is None), None)

    def versions(self) -> dict[str, str]:
        """Installed versions, for the record."""
        return {package: _version(package) for package in self.packages}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "from the source tree"


SERVERS = {
    server.name: server
    for server in (
        Server(
            "turboapi",
            ("turboapi",),
            (
                *("{python}", "-m", "turboapi", "run", "{app}", "--port", "{port}"),
                "--no-access-log",
                "--log-level",
                "warning",
            ),
            ("--timeout-keep-alive", "600"),
        ),
        Server(
            "uvicorn",
            ("uvicorn", "uvloop", "httptools"),
            (
                *(
                    "{python}",
                    "-m",
                    "uvicorn",
                    "{app}",
                    "--port",
                    "{port}",
                    "--loop",
                    "uvloop",
                    "--http",
                    "httptools",
                ),
                *("--no-access-log", "--log-level", "warning"),
            ),
            ("--timeout-keep-alive", "600"),
        ),
        Server(
            "granian",
            ("granian", "uvloop"),
            (
                *(
                    "{python}",
                    "-m",
                    "granian",
                    "{app}",
                    "--port",
                    "{port}",
                    "--interface",
                    "asgi",
                    "--loop",
                    "uvloop",
                ),
                *("--workers", "1", "--no-access-log", "--log-level", "warning"),
            ),
            ("--backpressure", "20000"),
        ),
        Server("turbo-http", (), ("{binaries}/turbo-constant", "127.0.0.1:{port}"), (), constant=True),
    )
}
ASGI_SERVERS = [server.name for server in SERVERS.values() if not server.constant]


@dataclass(frozen=True)
class Running:
    """A server that accepts connections."""

    pid: int
    port: int
    log: Path

    def tree(self) -> list[int]:
        """The process and all its descendants."""
        children: dict[int, list[int]] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    children.setdefault(int(_stat(int(entry.name))[1]), []).append(int(entry.name))
        found = [self.pid]
        for pid in found:
            found.extend(children.get(pid, ()))
        return found

    def cpu_seconds(self) -> float:
        """User and system time of the whole tree; children that ended are in their parents' numbers."""
        return sum(int(ticks) for pid in self.tree() for ticks in _stat(pid)[11:15]) / TICK

    def rss(self) -> int:
        """Resident bytes of the whole tree."""
        return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self.tree()) * PAGE

    def pss(self) -> int:
        """Proportional bytes of the whole tree: what processes share counts once."""
        total = 0
        for pid in self.tree():
            with contextlib.suppress(OSError):
                lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
                total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        return total * 1024

    def descriptors(self) -> int:
        """Open file descriptors of the whole tree."""
        return sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in self.tree())


def _stat(pid: int) -> list[str]:
    # The process name, in parentheses, may hold spaces; the fields after it are numbers.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def build() -> None:
    """Builds the load generator and the Rust reference into `BINARIES`."""
    if _GIVEN:
        return
    subprocess.run(
        ["cargo", "build", "--quiet", "--release", "--locked", "-p", "turbo-bench", "--bins"],
        cwd=ROOT,
        check=True,
    )


@contextlib.contextmanager
def running(
    server: Server,
    app: str,
    *,
    core: int | None = 0,
    extra: tuple[str, ...] = (),
    env: Mapping[str, str] | None = None,
) -> Iterator[Running]:
    """Serves ``app`` from a process of its own on a free port, and stops it."""
    port = free_port()
    places = {"python": sys.executable, "binaries": BINARIES, "app": app, "port": port}
    command = [part.format(**places) for part in (*server.command, *extra)]
    cores = None if core is None else {core}
    with serving(server.name, command, port, cores=cores, env=env) as process:
        yield process


def free_port() -> int:
    """A port on which nobody listens at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def serving(
    name: str,
    command: Sequence[str],
    port: int,
    *,
    cores: set[int] | None,
    cwd: Path = ROOT,
    env: Mapping[str, str] | None = None,
    patience: float = 20.0,
) -> Iterator[Running]:
    """Runs a command until the block ends; the block begins when ``port`` accepts connections.

    The process has ``patience`` seconds to end by itself.
    """

    def pin() -> None:
        if cores is not None:
            os.sched_setaffinity(0, cores)

    with tempfile.NamedTemporaryFile(prefix=f"{name}-", suffix=".log") as log:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=os.environ | (env or {}),
            stdout=log,
            stderr=subprocess.STDOUT,
            preexec_fn=pin,
        )
        started = Running(process.pid, port, Path(log.name))
        try:
            _wait_until_accepting(process, port, started.log)
            yield started
        finally:
            # Some servers leave their workers behind when they are killed.
            family = started.tree()
            process.terminate()
            try:
                process.wait(timeout=patience)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            for pid in family[1:]:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)


def _wait_until_accepting(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise RuntimeError(f"the server did not start:\n{log.read_text()}")


def raise_descriptor_limit(wanted: int) -> None:
    """Lifts the soft limit on open files for this process and its children."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        if hard != resource.RLIM_INFINITY and hard < wanted:
            raise RuntimeError(f"at most {hard} open files are allowed; {wanted} are needed")
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
