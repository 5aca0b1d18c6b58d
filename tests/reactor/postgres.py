"""A PostgreSQL cluster for one test session."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

START_DEADLINE = 30.0

# Ends the server when its standard input does: a test run that is killed leaves no server behind.
KEEPER = '"$@" & cat; kill -QUIT $!; wait; rm -rf "$0"/*'


@dataclass
class Cluster:
    """A running server; it listens on a Unix socket in `directory` only."""

    directory: Path
    process: subprocess.Popen[bytes]

    @property
    def arguments(self) -> dict[str, str]:
        """Keyword arguments for `asyncpg.connect`."""
        return {"host": str(self.directory), "user": "postgres", "database": "postgres"}

    def stop(self) -> None:
        """Immediate shutdown: nobody needs the data again."""
        self.process.communicate(timeout=START_DEADLINE)
        shutil.rmtree(self.directory, ignore_errors=True)


def find_programs() -> Path | None:
    """Where `initdb` and `postgres` are, if anywhere."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    on_path = shutil.which("initdb")
    places = [*reversed(debian), *([Path(on_path).parent] if on_path else [])]
    return next((place for place in places if (place / "initdb").exists()), None)


def start_cluster() -> Cluster:
    """Make and start a cluster; as root it runs as the user `postgres`, who refuses to be root."""
    programs = find_programs()
    if programs is None:
        pytest.skip("PostgreSQL is NOT INSTALLED: asyncpg was not tested (apt-get install postgresql)")
    user = "postgres" if os.geteuid() == 0 else None
    # A Unix socket's path must fit in 107 bytes: pytest's own directories can be longer.
    directory = Path(tempfile.mkdtemp(prefix="turboapi-pg-"))
    if user is not None:
        account = pwd.getpwnam(user)
        os.chown(directory, account.pw_uid, account.pw_gid)
    data = directory / "data"
    initdb = [str(programs / "initdb"), "-D", str(data)]
    initdb += ["-U", "postgres", "-A", "trust", "-N", "--no-locale", "-E", "UTF8"]
    subprocess.run(initdb, check=True, user=user, cwd=directory, stdout=subprocess.DEVNULL)
    settings = {"listen_addresses": "", "unix_socket_directories": str(directory), "fsync": "off"}
    command = [str(programs / "postgres"), "-D", str(data)]
    command += [f"-c{name}={value}" for name, value in settings.items()]
    process = subprocess.Popen(
        ["sh", "-c", KEEPER, str(directory), *command],
        user=user,
        cwd=directory,
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    cluster = Cluster(directory, process)
    try:
        _await_ready(cluster, programs)
    except BaseException:
        cluster.stop()
        raise
    return cluster


def _await_ready(cluster: Cluster, programs: Path) -> None:
    """PostgreSQL tells readiness only to those who ask."""
    give_up = time.monotonic() + START_DEADLINE
    question = [str(programs / "pg_isready"), "-q", "-h", str(cluster.directory)]
    while time.monotonic() < give_up and cluster.process.poll() is None:
        if subprocess.run(question, check=False).returncode == 0:
            return
        time.sleep(0.02)
    raise RuntimeError(f"PostgreSQL did not start: exit code {cluster.process.poll()}")
