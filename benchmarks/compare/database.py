"""A PostgreSQL cluster of the benchmark's own, in a temporary directory, with the tables filled."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.compare.apps.shared.catalogue import TABLE, item

START_SECONDS = 30.0
ROWS = 10_000
FORTUNES = (
    "fortune: No such file or directory",
    "A computer scientist is someone who fixes things that aren't broken.",
    "After enough decimal places, nobody gives a damn.",
    "A bad random number generator: 1, 1, 1, 1, 1, 4.33e+67, 1, 1, 1",
    "A computer program does what you tell it to do, not what you want it to do.",
    "Emacs is a nice operating system, but I prefer UNIX. — Tom Christaensen",
    "Any program that runs right is obsolete.",
    "A list is only as strong as its weakest link. — Donald Knuth",
    "Feature: A bug with seniority.",
    "Computers make very fast, very accurate mistakes.",
    '<script>alert("This should not be displayed in a browser alert box.");</script>',
    "フレームワークのベンチマーク",
)
"""The rows of the table of the TechEmpower tests, whose rules give them."""

# Ends the server when its standard input does: a run that is killed leaves no server behind.
KEEPER = '"$@" & cat; kill -INT $!; wait'


@dataclass(frozen=True)
class Database:
    """A running cluster that listens on a Unix socket only."""

    directory: Path
    programs: Path
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """What the applications connect to."""
        return f"postgresql://postgres@/bench?host={self.directory}"

    @property
    def version(self) -> str:
        """Of the server."""
        return self._psql("postgres", "SHOW server_version").strip()

    def reset(self) -> None:
        """Everything as it was when the tables had just been filled."""
        self._psql("postgres", "DROP DATABASE IF EXISTS bench WITH (FORCE)")
        self._psql("postgres", "CREATE DATABASE bench TEMPLATE filled STRATEGY file_copy")

    def restore_worlds(self) -> None:
        """The table that the updates change, as it was."""
        self._psql("bench", f"UPDATE world SET randomnumber = id * 7919 % {ROWS} + 1")

    def changed_worlds(self) -> int:
        """Rows whose number is no longer the first one: what the updates have really done."""
        return int(
            self._psql("bench", f"SELECT count(*) FROM world WHERE randomnumber <> id * 7919 % {ROWS} + 1")
        )

    def _psql(self, database: str, command: str, data: str | None = None) -> str:
        done = subprocess.run(
            [
                *(str(self.programs / "psql"), "-qtAX", "-v", "ON_ERROR_STOP=1", "-U", "postgres"),
                *("-h", str(self.directory), "-d", database, "-c", command),
            ],
            input=data,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{command}: {done.stderr}")
        return done.stdout

    def _fill(self) -> None:
        self._psql("postgres", "CREATE DATABASE filled")
        self._psql("filled", "CREATE TABLE world (id integer PRIMARY KEY, randomnumber integer NOT NULL)")
        self._psql("filled", "CREATE TABLE fortune (id integer PRIMARY KEY, message text NOT NULL)")
        self._psql(
            "filled",
            "CREATE TABLE items (id integer PRIMARY KEY, name text NOT NULL, category text NOT NULL,"
            " price integer NOT NULL, quantity integer NOT NULL, active boolean NOT NULL,"
            " tags jsonb NOT NULL, rating_score integer NOT NULL, rating_count integer NOT NULL)",
        )
        # The load generator knows this rule: it checks every row that is read.
        self._psql(
            "filled",
            f"INSERT INTO world SELECT id, id * 7919 % {ROWS} + 1 FROM generate_series(1, {ROWS}) id",
        )
        rows = "".join(f"{number}\t{text}\n" for number, text in enumerate(FORTUNES, 1))
        self._psql("filled", "COPY fortune FROM STDIN", rows)
        self._psql("filled", "COPY items FROM STDIN", "".join(_items()))
        self._psql("filled", "VACUUM (ANALYZE, FREEZE)")


def _items() -> Iterator[str]:
    for number in range(1, TABLE + 1):
        row = item(number)
        rating = row.pop("rating")
        row["tags"] = json.dumps(row["tags"])
        row["active"] = "t" if row["active"] else "f"
        yield "\t".join(str(value) for value in (*row.values(), rating["score"], rating["count"])) + "\n"


def find_programs() -> Path | None:
    """Where `initdb` and `postgres` are, if anywhere."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    on_path = shutil.which("initdb")
    places = [*reversed(debian), *([Path(on_path).resolve().parent] if on_path else [])]
    return next((place for place in places if (place / "initdb").exists()), None)


@contextlib.contextmanager
def database(cores: set[int]) -> Iterator[Database]:
    """A filled cluster on these cores. As root it runs as the user ``postgres``: PostgreSQL refuses root.

    Raises `FileNotFoundError` if PostgreSQL is not installed.
    """
    programs = find_programs()
    if programs is None:
        raise FileNotFoundError("PostgreSQL is not installed (make system-deps)")
    user = "postgres" if os.geteuid() == 0 else None
    # A Unix socket's path must fit in 107 bytes.
    directory = Path(tempfile.mkdtemp(prefix="turboapi-bench-"))
    process = None
    try:
        if user is not None:
            account = pwd.getpwnam(user)
            os.chown(directory, account.pw_uid, account.pw_gid)
            directory.chmod(0o755)
        data = directory / "data"
        initdb = [str(programs / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "-N"]
        initdb += ["--no-locale", "-E", "UTF8"]
        subprocess.run(initdb, check=True, user=user, cwd=directory, stdout=subprocess.DEVNULL)
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(directory),
            # All servers are there at the same time, some with three pools of sixteen.
            "max_connections": "600",
            "shared_buffers": "256MB",
            # The disk is not what is compared.
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "autovacuum": "off",
            "jit": "off",
        }
        command = [str(programs / "postgres"), "-D", str(data)]
        command += [f"-c{name}={value}" for name, value in settings.items()]
        process = subprocess.Popen(
            ["sh", "-c", KEEPER, "keeper", *command],
            user=user,
            cwd=directory,
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            preexec_fn=lambda: os.sched_setaffinity(0, cores),
        )
        _await_ready(process, programs, directory)
        cluster = Database(directory, programs, process)
        cluster._fill()
        yield cluster
    finally:
        if process is not None:
            process.communicate(timeout=START_SECONDS)
        shutil.rmtree(directory, ignore_errors=True)


def _await_ready(process: subprocess.Popen[bytes], programs: Path, directory: Path) -> None:
    """PostgreSQL tells readiness only to those who ask."""
    give_up = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up and process.poll() is None:
        question = [str(programs / "pg_isready"), "-q", "-h", str(directory)]
        if subprocess.run(question, check=False).returncode == 0:
            return
        time.sleep(0.05)
    raise RuntimeError(f"PostgreSQL did not start: exit code {process.poll()}")
