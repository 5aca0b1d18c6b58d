"""Adaptive sync under a mixed load: quick `def` handlers beside ones that sleep for 50 ms.

    python -m benchmarks.adaptive_sync [--rounds 5] [--quick]

The app is `benchmarks.apps.mixed`, the same file on this engine and on uvicorn (uvloop, httptools), where
every `def` runs on FastAPI's thread pool of 40. Server on core 0, clients on core 1; the clients wait in the
kernel, since two of them share the core. In every round both servers start anew and run all of this, after a
second of quick requests:

- quick requests over 16 connections: alone, beside 40 connections that ask for sleeps, and beside 8
  connections to a handler that was quick until then and sleeps from now on;
- 200 requests for a sleep at once, each on a connection of its own: with 40 threads five times 50 ms.

The figures are medians of the rounds. Results go to ``benchmarks/results`` unless ``--quick``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.load import Request, load
from benchmarks.machine import describe, record
from benchmarks.servers import SERVERS, Server, build, running

APP = "benchmarks.apps.mixed:app"
QUICK_CONNECTIONS = 16
SLEEPER_CONNECTIONS = 40
TURNED_CONNECTIONS = 8
AT_ONCE = 200

P99_LIMIT_MS = 5.0
"""What the 99th percentile of the quick requests is to stay under beside the sleepers."""

AT_ONCE_TOLERANCE = 1.1
"""How many times as long as on uvicorn the sleepers may take; thread wake-ups vary by this much."""

QUICK = Request("quick", APP, "GET", "/quick", b'{"message":"quick"}')
QUICK_ITEM = Request("quick with a dependency", APP, "GET", "/quick/7?size=3", b'{"item_id":7,"size":3}')
SLEEP = Request("sleep", APP, "GET", "/sleep", b'{"message":"slept"}')
EITHER_QUICK = Request("either, quick", APP, "GET", "/either", b'{"message":"either"}')
EITHER_SLOW = Request("either, slow", APP, "GET", "/either?seconds=0.05", b'{"message":"either"}')

RIVALS = (SERVERS["turboapi"], SERVERS["uvicorn"])

Figures = dict[str, float]


def measure(server: Server, *, seconds: float) -> dict[str, Figures]:
    """All of one server in one process of it."""
    with running(server, APP) as process:
        for request in (QUICK, QUICK_ITEM, EITHER_QUICK):
            _load(process.port, request, QUICK_CONNECTIONS, seconds=min(1.0, seconds))
        figures = {
            "quick alone": _quick_beside(process.port, None, 0, seconds=seconds),
            "quick beside sleepers": _quick_beside(process.port, SLEEP, SLEEPER_CONNECTIONS, seconds=seconds),
        }
        figures["200 sleepers at once"] = {"ms": asyncio.run(_at_once(process.port)) * 1e3}
        figures["quick beside a handler that turned slow"] = _quick_beside(
            process.port, EITHER_SLOW, TURNED_CONNECTIONS, seconds=seconds
        )
    return figures


def _load(port: int, request: Request, connections: int, *, seconds: float) -> dict[str, Any]:
    return load(port, request, connections=connections, seconds=seconds, sleep=True)


def _quick_beside(port: int, other: Request | None, connections: int, *, seconds: float) -> Figures:
    """Latency of quick requests of both kinds while `other` is asked for, and where the handlers ran."""
    _where(port)
    half = QUICK_CONNECTIONS // 2
    with ThreadPoolExecutor() as pool:
        beside = other and pool.submit(_load, port, other, connections, seconds=seconds)
        loads = [pool.submit(_load, port, one, half, seconds=seconds) for one in (QUICK, QUICK_ITEM)]
        results = [one.result() for one in loads]
        others = beside.result()["requests"] / seconds if beside else 0.0
    where = _where(port)
    return {
        "p50_ms": max(result["latency_us"]["50"] for result in results) / 1e3,
        "p99_ms": max(result["latency_us"]["99"] for result in results) / 1e3,
        "max_ms": max(result["latency_us"]["100"] for result in results) / 1e3,
        "requests_s": sum(result["requests"] / result["seconds"] for result in results),
        "others_s": others,
        "inline_share": where["loop"] / (where["loop"] + where["threads"]),
    }


def _where(port: int) -> dict[str, int]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/where", timeout=10) as response:
        counts: dict[str, int] = json.load(response)
    return counts


async def _at_once(port: int) -> float:
    """Seconds from the first request to the last answer of `AT_ONCE` that are sent at the same time."""
    connections = [await asyncio.open_connection("127.0.0.1", port) for _ in range(AT_ONCE)]
    sent = SLEEP.encode()

    async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(len(SLEEP.expected))
        if not head.startswith(b"HTTP/1.1 200") or body != SLEEP.expected:
            raise RuntimeError(f"wrong answer: {head + body!r}")
        writer.close()

    start = time.perf_counter()
    for _reader, writer in connections:
        writer.write(sent)
    await asyncio.gather(*(ask(reader, writer) for reader, writer in connections))
    return time.perf_counter() - start


def run(*, rounds: int, seconds: float) -> dict[str, Any]:
    """All rounds; every single measurement is kept beside the medians."""
    build()
    samples: dict[str, list[dict[str, Figures]]] = {server.name: [] for server in RIVALS}
    for number in range(rounds):
        for server in RIVALS if number % 2 else RIVALS[::-1]:
            sample = measure(server, seconds=seconds)
            samples[server.name].append(sample)
            for name, figures in sample.items():
                shown = "  ".join(f"{key} {value:.2f}" for key, value in figures.items())
                print(f"round {number + 1}/{rounds}  {server.name:9} {name:40} {shown}", flush=True)
    medians = {
        name: {
            scenario: {
                key: round(statistics.median(sample[scenario][key] for sample in all_), 4) for key in figures
            }
            for scenario, figures in all_[0].items()
        }
        for name, all_ in samples.items()
    }
    return {
        "machine": describe(),
        "servers": {
            server.name: {"versions": server.versions(), "command": server.command} for server in RIVALS
        },
        "method": {"rounds": rounds, "seconds": seconds},
        "medians": medians,
        "aims": _aims(medians),
        "samples": samples,
    }


def _aims(medians: dict[str, dict[str, Figures]]) -> dict[str, bool]:
    ours, theirs = medians["turboapi"], medians["uvicorn"]
    beside = [figures for name, figures in ours.items() if name.startswith("quick beside")]
    sleepers = "200 sleepers at once"
    return {
        f"p99 of quick requests beside slow ones under {P99_LIMIT_MS:g} ms": all(
            figures["p99_ms"] < P99_LIMIT_MS for figures in beside
        ),
        "quick handlers run inline (99 of 100 calls)": all(
            figures["inline_share"] > 0.99 for figures in (ours["quick alone"], *beside)
        ),
        "200 sleepers at once finish as fast as on FastAPI's pool": (
            ours[sleepers]["ms"] <= theirs[sleepers]["ms"] * AT_ONCE_TOLERANCE
        ),
    }


def render(result: dict[str, Any]) -> str:
    """The Markdown page of a result."""
    method = result["method"]
    how = (
        f"Medians of {method['rounds']} rounds; every load runs for {method['seconds']} s,"
        " server on one core, clients on the other, every body checked."
    )
    columns = ("server", "p50, ms", "p99, ms", "longest, ms", "requests/s", "slow requests/s", "inline")
    lines = [
        "# Adaptive sync under a mixed load",
        "",
        "Written by `python -m benchmarks.adaptive_sync`; the JSON file beside it has every sample.",
        how,
        "",
        f"| quick requests, 16 connections | {' | '.join(columns)} |",
        f"|---|---|{'---:|' * (len(columns) - 1)}",
    ]
    for scenario in next(iter(result["medians"].values())):
        for server, figures in result["medians"].items():
            row = figures[scenario]
            if "p99_ms" in row:
                lines.append(
                    f"| {scenario.removeprefix('quick ')} | {server} | {row['p50_ms']:.2f}"
                    f" | {row['p99_ms']:.2f} | {row['max_ms']:.1f} | {row['requests_s']:,.0f}"
                    f" | {row['others_s']:,.0f} | {row['inline_share']:.2%} |"
                )
    lines += ["", "| 200 sleepers of 50 ms at once | ms until the last answer |", "|---|---:|"]
    for server, figures in result["medians"].items():
        lines.append(f"| {server} | {figures['200 sleepers at once']['ms']:.0f} |")
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
        prog="python -m benchmarks.adaptive_sync",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each single load")
    parser.add_argument("--quick", action="store_true", help="one short round; writes nothing")
    options = parser.parse_args()
    for server in RIVALS:
        if package := server.missing():
            parser.error(f"{server.name}: {package} is not installed")
    rounds, seconds = (1, 1.5) if options.quick else (options.rounds, options.seconds)
    result = run(rounds=rounds, seconds=seconds)
    page = render(result)
    print(page)
    if not options.quick:
        record("adaptive_sync", result, page)


if __name__ == "__main__":
    main()
