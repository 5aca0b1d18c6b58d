"""Load beyond capacity: what becomes of the requests that are let in, and how soon the others know.

    python -m benchmarks.load_shedding [--rounds 5] [--quick]

The app is `benchmarks.apps.pool`: 16 requests at once, 20 ms each, so 800 a second whatever the server.
Requests arrive at fixed times, half as many as that, as many, and three times as many; they do not wait for
each other, as clients of a real service do not. Each takes an idle connection or a new one, and gives up
after five seconds. In the midst of it `/health` is asked ten times a second.

Four settings of two servers, each in a process of its own on core 0, clients on core 1: this engine with
`--limit-in-flight 32` and without a limit, uvicorn (uvloop, httptools) without one and with
`--limit-concurrency 32`. Medians of the rounds. Results go to ``benchmarks/results`` unless ``--quick``.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.apps.pool import CONNECTIONS, HOLD_SECONDS
from benchmarks.machine import describe, record
from benchmarks.servers import SERVERS, Server, raise_descriptor_limit, running

APP = "benchmarks.apps.pool:app"
CAPACITY = round(CONNECTIONS / HOLD_SECONDS)
LOADS = (0.5, 1.0, 3.0)
LIMIT = 2 * CONNECTIONS
GIVE_UP_SECONDS = 5.0
HEALTH_INTERVAL = 0.1

LATENCY_FACTOR = 3.0
"""How many times its time at half the capacity an accepted request may take at three times the capacity.

With 32 in flight 16 wait for a connection while 16 hold one: twice the time, and some for the machine."""

REFUSAL_MS = 10.0
"""What the 99th percentile of refusals is to stay under."""

Figures = dict[str, float]


@dataclass(frozen=True)
class Rival:
    """A server with a setting."""

    name: str
    server: Server
    options: tuple[str, ...]


RIVALS = (
    Rival("turboapi, 32 in flight", SERVERS["turboapi"], ("--limit-in-flight", str(LIMIT))),
    Rival("turboapi, no limit", SERVERS["turboapi"], ("--limit-in-flight", "0")),
    Rival("uvicorn, no limit", SERVERS["uvicorn"], ()),
    Rival("uvicorn, --limit-concurrency 32", SERVERS["uvicorn"], ("--limit-concurrency", str(LIMIT))),
)


@dataclass
class Outcome:
    """Seconds from the time a request was due to its answer, by what the answer was."""

    served: list[float]
    refused: list[float]
    lost: int = 0


class Clients:
    """Connections to a server; each carries one request at a time."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def ask(self, path: str, due: float, outcome: Outcome) -> None:
        """One request, whose time counts from when it was due."""
        try:
            async with asyncio.timeout(GIVE_UP_SECONDS):
                status = await self._ask(path)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            outcome.lost += 1
            return
        times = {200: outcome.served, 503: outcome.refused}[status]
        times.append(time.perf_counter() - due)

    async def _ask(self, path: str) -> int:
        reader, writer = (
            self._idle.pop() if self._idle else await asyncio.open_connection("127.0.0.1", self._port)
        )
        kept = False
        try:
            writer.write(f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = next(line for line in head.split(b"\r\n") if line.startswith(b"content-length:"))
            await reader.readexactly(int(length.partition(b":")[2]))
            kept = b"\r\nconnection: close" not in head
            return int(head[9:12])
        finally:
            if kept:
                self._idle.append((reader, writer))
            else:
                writer.close()

    def close(self) -> None:
        """Close what is idle."""
        for _reader, writer in self._idle:
            writer.close()


async def _offer(port: int, rate: float, seconds: float) -> tuple[Outcome, Outcome, float]:
    """Send `rate` requests a second for so long; their outcome, that of health checks, the time it took."""
    queries, checks = Outcome([], []), Outcome([], [])
    clients = Clients(port)
    begin = time.perf_counter()
    async with asyncio.TaskGroup() as group:

        async def send(path: str, interval: float, outcome: Outcome) -> None:
            for number in range(int(seconds / interval)):
                due = begin + number * interval
                if (wait := due - time.perf_counter()) > 0:
                    await asyncio.sleep(wait)
                group.create_task(clients.ask(path, due, outcome))

        group.create_task(send("/query", 1 / rate, queries))
        group.create_task(send("/health", HEALTH_INTERVAL, checks))
    clients.close()
    return queries, checks, time.perf_counter() - begin


def measure(rival: Rival, *, seconds: float) -> dict[str, Figures]:
    """All loads on one process of a server."""
    figures = {}
    with running(rival.server, APP, extra=rival.options) as process:
        asyncio.run(_offer(process.port, CAPACITY / 4, 1.0))
        for factor in LOADS:
            queries, checks, took = asyncio.run(_offer(process.port, factor * CAPACITY, seconds))
            figures[f"{factor:g}x"] = {
                "served_s": len(queries.served) / took,
                "served_p50_ms": _percentile(queries.served, 50),
                "served_p99_ms": _percentile(queries.served, 99),
                "refused_s": len(queries.refused) / took,
                "refused_p50_ms": _percentile(queries.refused, 50),
                "refused_p99_ms": _percentile(queries.refused, 99),
                "lost": float(queries.lost),
                "health_failed": float(checks.lost + len(checks.refused)),
                "health_p99_ms": _percentile(checks.served, 99),
            }
    return figures


def _percentile(seconds: Sequence[float], percent: int) -> float:
    """In milliseconds; 0 if there is nothing."""
    if not seconds:
        return 0.0
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] * 1e3


def run(*, rounds: int, seconds: float) -> dict[str, Any]:
    """All rounds; every single measurement is kept beside the medians."""
    raise_descriptor_limit(round(max(LOADS) * CAPACITY * GIVE_UP_SECONDS) + 1000)
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    samples: dict[str, list[dict[str, Figures]]] = {rival.name: [] for rival in RIVALS}
    for number in range(rounds):
        for rival in RIVALS if number % 2 else RIVALS[::-1]:
            sample = measure(rival, seconds=seconds)
            samples[rival.name].append(sample)
            for load, figures in sample.items():
                shown = "  ".join(f"{key} {value:.1f}" for key, value in figures.items())
                print(f"round {number + 1}/{rounds}  {rival.name:32} {load:5} {shown}", flush=True)
    medians = {
        name: {
            load: {key: round(statistics.median(sample[load][key] for sample in all_), 3) for key in figures}
            for load, figures in all_[0].items()
        }
        for name, all_ in samples.items()
    }
    return {
        "machine": describe(),
        "servers": {
            rival.name: {
                "versions": rival.server.versions(),
                "command": [*rival.server.command, *rival.options],
            }
            for rival in RIVALS
        },
        "method": {"rounds": rounds, "seconds": seconds, "capacity_s": CAPACITY},
        "medians": medians,
        "aims": _aims(medians),
        "samples": samples,
    }


def _aims(medians: dict[str, dict[str, Figures]]) -> dict[str, bool]:
    ours = medians[RIVALS[0].name]
    half, full, triple = (ours[f"{factor:g}x"] for factor in LOADS)
    return {
        f"accepted at 3x take at most {LATENCY_FACTOR:g} times as long as at 0.5x (p99)": (
            triple["served_p99_ms"] <= LATENCY_FACTOR * half["served_p99_ms"]
        ),
        f"refusals take under {REFUSAL_MS:g} ms (p99)": triple["refused_p99_ms"] < REFUSAL_MS,
        "as many are served at 3x as at 1x (90 of 100)": triple["served_s"] >= 0.9 * full["served_s"],
        "nothing hangs, no health check fails": not any(
            figures["lost"] or figures["health_failed"] for figures in (half, full, triple)
        ),
    }


def render(result: dict[str, Any]) -> str:
    """The Markdown page of a result."""
    method = result["method"]
    columns = (
        *("load", "served/s", "p50, ms", "p99, ms", "refused/s", "p50, ms", "p99, ms"),
        *("given up after 5 s", "health checks failed", "health p99, ms"),
    )
    how = (
        f"Medians of {method['rounds']} rounds of {method['seconds']} s for each load; the app can serve"
        f" {method['capacity_s']} requests a second. Server on one core, clients on the other."
    )
    lines = [
        "# Load beyond capacity",
        "",
        "Written by `python -m benchmarks.load_shedding`; the JSON file beside it has every sample.",
        how,
        "",
        f"| server | {' | '.join(columns)} |",
        f"|---|---|{'---:|' * (len(columns) - 1)}",
    ]
    for name, loads in result["medians"].items():
        for load, row in loads.items():
            lines.append(
                f"| {name} | {load} | {row['served_s']:.0f} | {row['served_p50_ms']:.1f}"
                f" | {row['served_p99_ms']:.1f} | {row['refused_s']:.0f} | {row['refused_p50_ms']:.1f}"
                f" | {row['refused_p99_ms']:.1f} | {row['lost']:.0f} | {row['health_failed']:.0f}"
                f" | {row['health_p99_ms']:.1f} |"
            )
    lines += ["", *(f"- {aim}: {'yes' if met else '**no**'}" for aim, met in result["aims"].items())]
    versions = [
        f"{package} {number}"
        for server in result["servers"].values()
        for package, number in server["versions"].items()
    ]
    facts = [f"{key} {value}" for key, value in result["machine"].items()]
    lines += ["", f"Servers: {', '.join(dict.fromkeys(versions))}.", "", f"Machine: {', '.join(facts)}.", ""]
    return "\n".join(lines)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.load_shedding",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each single load")
    parser.add_argument("--quick", action="store_true", help="one short round; writes nothing")
    options = parser.parse_args()
    for rival in RIVALS:
        if package := rival.server.missing():
            parser.error(f"{rival.server.name}: {package} is not installed")
    rounds, seconds = (1, 2.0) if options.quick else (options.rounds, options.seconds)
    result = run(rounds=rounds, seconds=seconds)
    page = render(result)
    print(page)
    if not options.quick:
        record("load_shedding", result, page)


if __name__ == "__main__":
    main()
