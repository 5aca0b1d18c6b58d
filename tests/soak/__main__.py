"""The soak: `python -m tests.soak [--quick] [--server turboapi|uvicorn]`.

Under load, 200 clients are killed at random moments; slow readers take their time over a stream of 1 GB; the
server is stopped by SIGTERM several times. It fails if a request that the app was given is not answered, if
memory, tasks or descriptors stay, or if the server logs an error.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import random
import sys
import time
from typing import Any

from tests.soak.phases import (
    MIB,
    SoakFailure,
    baseline,
    check,
    kills,
    slow_readers,
    terminate,
    whole_stream,
)
from tests.soak.server import COMMANDS, serving


async def soak(kind: str, *, quick: bool) -> None:
    """All phases, one line of results each."""
    halves, readers, seconds, size, stops = (20, 2, 3.0, 10**8, 2) if quick else (100, 8, 30.0, 10**9, 8)
    with serving(kind) as server:
        ids = itertools.count()
        await baseline(server)
        first = await kills(server, count=halves, ids=ids)
        _say("kills", first)
        second = await kills(server, count=halves, ids=ids)
        _say("kills", second)
        growth = second["rss"] - first["rss"]
        check(
            growth < 16 * MIB, f"memory grew by {growth} bytes from the first half of the kills to the second"
        )
        _say("slow readers", await slow_readers(server, readers=readers, seconds=seconds, size=size))
        _say("whole stream", await whole_stream(server, size=size))
        check(not server.alarming_output(), f"the server's log:\n{server.output()}")
    for _ in range(stops):
        with serving(kind) as server:
            await baseline(server)
            _say("SIGTERM", await terminate(server, after=random.uniform(0.3, 1.5)))
            check(not server.alarming_output(), f"the server's log:\n{server.output()}")


def _say(phase: str, seen: dict[str, Any]) -> None:
    print(f"{phase:14}", "  ".join(f"{key}={value:,}" for key, value in seen.items()), flush=True)


def main() -> int:
    """0 if every promise was kept."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of it, in seconds")
    parser.add_argument("--server", default="turboapi", choices=COMMANDS)
    options = parser.parse_args()
    begin = time.monotonic()
    try:
        asyncio.run(soak(options.server, quick=options.quick))
    except SoakFailure as failure:
        print(f"FAILED: {failure}", file=sys.stderr)
        return 1
    print(f"passed in {time.monotonic() - begin:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
