"""What each middleware adds to a request: the app with it and the same app without it, taking turns.

    python -m benchmarks.middleware_cost [--rounds 5] [--seconds 2] [--quick]

Both apps run on this engine, each in a process of its own on core 0, clients on core 1; both get the same
requests, whose answers are checked. They take turns in slices (`benchmarks.slices`), so that their difference
does not depend on the machine's clock; so do the same two on uvicorn (uvloop, httptools). For gzip, `zlib`
compresses the same body alone on the same core between the slices. Results go to ``benchmarks/results``
unless ``--quick``.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.apps.middleware import LONG
from benchmarks.load import Request, warm_up
from benchmarks.machine import describe, record
from benchmarks.plan_rows import APP, ROWS, STOCK
from benchmarks.servers import SERVERS, running
from benchmarks.slices import SLICE, take_turns

CONNECTIONS = 64
PARTS = 5
"""Of a round, with a look at `zlib` after each."""
ZLIB_CALLS = 20

_REQUESTS = {row.key: row.request for row in ROWS}
_PLAIN_LONG = b'{"message":"%s"}' % LONG.encode()


@dataclass(frozen=True)
class Pair:
    """A request through middleware, and the same without it."""

    key: str
    name: str
    bare: str
    """The app without the middleware."""
    aim_us: float | None = None
    """What it may add, in microseconds of CPU."""

    @property
    def request(self) -> Request:
        """Through the middleware."""
        return _REQUESTS[self.key]

    @property
    def without(self) -> Request:
        """The same, to the bare app."""
        expected = _PLAIN_LONG if self.key == "gzip" else self.request.expected
        return replace(self.request, app=self.bare, expected=expected)


PAIRS = (
    Pair("cors", "CORS, a simple request", f"{STOCK}:bare", 0.3),
    Pair("hosts", "trusted hosts", f"{STOCK}:bare"),
    Pair("secure", "HTTPS redirect, behind TLS", f"{STOCK}:bare"),
    Pair("gzip", "gzip, a body of 20 KB", f"{STOCK}:bare"),
    Pair("stocked", "all four, a small body", f"{STOCK}:bare"),
    Pair("middleware", '`@app.middleware("http")`', APP, 15.0),
    Pair("middleware-three", '`@app.middleware("http")`, three', APP),
)


def zlib_us() -> float:
    """Microseconds that `zlib` takes for the body of the gzip row, on the servers' core."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {0})
    try:
        began = time.thread_time()
        for _ in range(ZLIB_CALLS):
            compressor = zlib.compressobj(9, zlib.DEFLATED, 31)
            compressor.compress(_PLAIN_LONG)
            compressor.flush()
        return (time.thread_time() - began) / ZLIB_CALLS * 1e6
    finally:
        os.sched_setaffinity(0, cores)


def measure(pair: Pair, *, seconds: float) -> dict[str, float]:
    """One round of a pair: microseconds of CPU a request."""
    with contextlib.ExitStack() as stack:
        servers = {}
        for name in ("turboapi", "uvicorn"):
            for kind, request in (("with", pair.request), ("without", pair.without)):
                process = stack.enter_context(running(SERVERS[name], request.app))
                warm_up(process, request, connections=CONNECTIONS)
                servers[f"{name} {kind}"] = process, request
        parts = []
        for _ in range(PARTS):
            samples = take_turns(servers, connections=CONNECTIONS, seconds=seconds / PARTS)
            parts.append({name: sample["cpu_us"] for name, sample in samples.items()})
            if pair.key == "gzip":
                parts[-1]["zlib"] = zlib_us()
    return {name: statistics.mean(part[name] for part in parts) for name in parts[0]}


def _added(rounds: Sequence[dict[str, float]], server: str) -> list[float]:
    return sorted(one[f"{server} with"] - one[f"{server} without"] for one in rounds)


def render(result: dict[str, Any]) -> str:
    """The Markdown page of a result."""
    method = result["method"]
    lines = [
        "# CPU time that middleware adds to a request",
        "",
        "Written by `python -m benchmarks.middleware_cost`; the JSON file beside it has every sample.",
        (
            f"Microseconds, medians of {method['rounds']} rounds of {method['seconds']:g} s for each app, in"
            f" which the apps take turns of {method['slice_seconds']:g} s; {CONNECTIONS} keep-alive"
            " connections, server on one core, client on the other, every status and body checked. In"
            " parentheses the lowest and the highest round."
        ),
        "",
        "| middleware | without | with | adds | aim | uvicorn without | with | adds |",
        "|---|---:|---:|---:|---|---:|---:|---:|",
    ]
    for pair in PAIRS:
        rounds = result["samples"][pair.key]
        median = {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}
        added = _added(rounds, "turboapi")
        aim = ""
        if pair.aim_us is not None:
            verdict = "pass" if statistics.median(added) <= pair.aim_us else "**fail**"
            aim = f"<= {pair.aim_us:g}: {verdict}"
        elif "zlib" in median:
            aim = f"zlib alone: {median['zlib']:.1f}"
        lines.append(
            f"| {pair.name} | {median['turboapi without']:.2f} | {median['turboapi with']:.2f}"
            f" | {statistics.median(added):.2f} ({added[0]:.2f} to {added[-1]:.2f}) | {aim}"
            f" | {median['uvicorn without']:.1f} | {median['uvicorn with']:.1f}"
            f" | {statistics.median(_added(rounds, 'uvicorn')):.1f} |"
        )
    facts = [f"{key} {value}" for key, value in result["machine"].items()]
    return "\n".join([*lines, "", f"Machine: {', '.join(facts)}.", ""])


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.middleware_cost",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each app and round")
    parser.add_argument("--quick", action="store_true", help="one short round; writes nothing")
    options = parser.parse_args()
    rounds, seconds = (1, 0.5) if options.quick else (options.rounds, options.seconds)
    samples: dict[str, list[dict[str, float]]] = {pair.key: [] for pair in PAIRS}
    for number in range(rounds):
        for pair in PAIRS:
            figures = measure(pair, seconds=seconds)
            samples[pair.key].append(figures)
            shown = "  ".join(f"{name} {us:.2f}" for name, us in figures.items())
            print(f"round {number + 1}/{rounds}  {pair.name:34} {shown}", flush=True)
    result = {
        "machine": describe(),
        "method": {
            "rounds": rounds,
            "seconds": seconds,
            "slice_seconds": SLICE,
            "connections": CONNECTIONS,
        },
        "samples": samples,
    }
    page = render(result)
    print(page)
    if not options.quick:
        record("middleware_cost", result, page)


if __name__ == "__main__":
    main()
