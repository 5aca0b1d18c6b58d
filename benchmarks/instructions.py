"""Instructions a request costs, counted by callgrind; needs valgrind.

    python -m benchmarks.instructions [--row async] [--server turboapi] [--requests 500] [-- OPTIONS]

Counts do not depend on what else the machine does, so two builds can be told apart by a percent. Requests go
one after the other over one connection: warm-up first, then twice ``--requests`` and ``--requests``; the
difference divided by ``--requests`` is the figure, so that what starting and stopping the count costs cancels
out. The kernel's part is not seen. Under callgrind everything is fifty times slower and `def` handlers never
look quick: add ``-- --sync-mode inline``. Release builds have line tables, which name the functions.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.bridge_cost import CASES
from benchmarks.load import Request
from benchmarks.plan_cost import RIVALS
from benchmarks.plan_rows import ROWS
from benchmarks.servers import BINARIES, ROOT, Server, build

REQUESTS = {"raw": CASES[0], **{row.key: row.request for row in ROWS}}
"""By row: a callable of nothing but ASGI, which shows what scope and messages cost, and the cost table's."""
WARM_UP = 400
START_SECONDS = 120.0


class Client:
    """One keep-alive connection."""

    def __init__(self, port: int, request: Request) -> None:
        self._request = request
        self._bytes = request.encode()
        self._stream = socket.create_connection(("127.0.0.1", port), timeout=60)

    def send(self, count: int) -> None:
        """Sends the request `count` times; raises unless every body is right."""
        for _ in range(count):
            self._stream.sendall(self._bytes)
            answer = b""
            while not answer.endswith(self._request.expected):
                received = self._stream.recv(1 << 20)
                if not received:
                    raise RuntimeError(f"the connection was closed after {answer!r}")
                answer += received
            if not answer.startswith(f"HTTP/1.1 {self._request.status} ".encode()):
                raise RuntimeError(f"not the right answer: {answer!r}")


def _control(pid: int, *arguments: str) -> None:
    subprocess.run(["callgrind_control", *arguments, str(pid)], check=True, capture_output=True)


def _connect(process: subprocess.Popen[bytes], port: int, request: Request) -> Client:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            return Client(port, request)
        except ConnectionRefusedError:
            time.sleep(0.1)
    raise RuntimeError("the server did not start")


def count(
    server: Server,
    request: Request,
    requests: int,
    extra: Sequence[str],
    directory: Path,
    environment: Mapping[str, str] | None = None,
) -> tuple[float, Path]:
    """Instructions a request, and callgrind's file of the last `requests` requests.

    `environment` is added to that of this process.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    answer = directory / "answer"
    answer.write_bytes(request.expected)
    places = {"python": sys.executable, "binaries": BINARIES, "app": request.app, "port": port}
    command = [
        *("valgrind", "--tool=callgrind", "--instr-atstart=no", "--separate-threads=no"),
        f"--callgrind-out-file={directory / 'out'}",
        *(part.format(**places) for part in server.command),
        *([str(answer), str(request.status)] if server.constant else server.for_idle),
        *extra,
    ]
    with open(directory / "log", "wb") as log:
        # A hash seed of its own would give every process other dictionaries.
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=log,
            stderr=log,
            env=os.environ | {"PYTHONHASHSEED": "0"} | dict(environment or {}),
        )
        try:
            client = _connect(process, port, request)
            client.send(WARM_UP)
            for share in (2, 1):
                _control(process.pid, "--instr=on")
                client.send(requests * share)
                _control(process.pid, "--instr=off")
                _control(process.pid, "--dump")
        finally:
            process.terminate()
            process.wait()
    twice, once = (directory / f"out.{number}" for number in (1, 2))
    return (total(twice) - total(once)) / requests, once


def total(dump: Path) -> int:
    """Instructions in a file of callgrind."""
    found = re.search(r"^totals: (\d+)", dump.read_text(), re.MULTILINE)
    if found is None:
        raise RuntimeError(f"callgrind wrote no total into {dump}")
    return int(found[1])


def _functions(dump: Path, requests: int, limit: int, *, inclusive: bool) -> list[str]:
    """The functions that cost most, by themselves or with what they call: instructions a request and name."""
    mode = f"--inclusive={'yes' if inclusive else 'no'}"
    printed = subprocess.run(
        ["callgrind_annotate", "--show-percs=no", "--auto=no", "--threshold=100", mode, str(dump)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    functions: Counter[str] = Counter()
    for total, name in re.findall(r"^ *([\d,]+)  (\S+?:.*)$", printed, re.MULTILINE):
        functions[_short(name)] += int(total.replace(",", ""))
    return [f"{total / requests:10.1f}  {name}" for name, total in functions.most_common(limit)]


def _short(name: str) -> str:
    """The function alone: what was inlined from other files and calls of itself are its own."""
    function = re.sub(r"( \[[^]]*\])?$", "", name)
    # The file, if it is known, ends in an extension.
    function = re.sub(r"^(\S+\.\w+|\?\?\?):", "", function)
    return re.sub(r"'\d+$", "", function)[:120]


def main() -> None:
    """Command line."""
    servers = {server.name: server for server in RIVALS}
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.instructions",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--row", choices=REQUESTS, default="async")
    parser.add_argument("--server", choices=servers, default="turboapi")
    parser.add_argument("--requests", type=int, default=500)
    parser.add_argument("--functions", type=int, default=40, help="how many functions are listed")
    parser.add_argument("--inclusive", action="store_true", help="with what they call")
    parser.add_argument("--keep", type=Path, help="a directory for callgrind's files")
    parser.add_argument("extra", nargs="*", help="further options of turboapi run, after --")
    options = parser.parse_args()
    if shutil.which("valgrind") is None:
        parser.error("valgrind is not installed (Debian, Ubuntu: apt-get install valgrind)")
    request, server = REQUESTS[options.row], servers[options.server]
    if server.constant:
        build()
    with tempfile.TemporaryDirectory() as temporary:
        directory = options.keep or Path(temporary)
        directory.mkdir(parents=True, exist_ok=True)
        instructions, dump = count(server, request, options.requests, options.extra, directory)
        print(f"{request.name} on {server.name}: {instructions:,.0f} instructions a request")
        print("\n".join(_functions(dump, options.requests, options.functions, inclusive=options.inclusive)))


if __name__ == "__main__":
    main()
