"""CPU time a request costs on this engine, uvicorn and granian.

    python -m benchmarks.bridge_cost [--quick] [--servers turboapi,uvicorn,granian,turbo-http]

`turbo-http` is the limit: the transport alone, answering a constant from Rust.

The server runs on core 0 and the client on core 1, where it never sleeps. The figure is the CPU time (user
and system) of all the server's processes divided by the requests answered, each with the right body. In
every round all servers run once per case, one after the other and in another order than in the round
before; the result is the median of the rounds. Results go to ``benchmarks/results`` unless ``--quick``.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from typing import Any

from benchmarks.load import Request, load
from benchmarks.machine import describe, record
from benchmarks.servers import SERVERS, Server, build, running

CONNECTIONS = 64

CASES = (
    Request("raw ASGI callable", "benchmarks.apps.raw:app", "GET", "/", b'{"message":"Hello, World!"}'),
    Request(
        "FastAPI, no parameters", "benchmarks.apps.service:app", "GET", "/", b'{"message":"Hello, World!"}'
    ),
    Request(
        "FastAPI, path int and query",
        "benchmarks.apps.service:app",
        "GET",
        "/items/42?q=bridge",
        b'{"item_id":42,"q":"bridge"}',
    ),
    Request(
        "FastAPI, JSON body model",
        "benchmarks.apps.service:app",
        "POST",
        "/items",
        b'{"name":"lamp","total":25.0}',
        b'{"name": "lamp", "price": 20, "tags": ["light", "desk"]}',
    ),
)


def measure(server: Server, case: Request, *, warm: float, seconds: float) -> dict[str, float]:
    """One run of one server: microseconds of CPU a request, requests a second, latency percentiles."""
    with running(server, case.app) as process:
        load(process.port, case, connections=CONNECTIONS, seconds=warm)
        before = process.cpu_seconds()
        result = load(process.port, case, connections=CONNECTIONS, seconds=seconds)
        cpu = process.cpu_seconds() - before
    return {
        "cpu_us": cpu / result["requests"] * 1e6,
        "requests_s": result["requests"] / result["seconds"],
        "p50_us": result["latency_us"]["50"],
        "p99_us": result["latency_us"]["99"],
    }


def run(servers: list[Server], *, rounds: int, warm: float, seconds: float) -> dict[str, Any]:
    """All rounds; every single measurement is kept beside the medians."""
    build()
    samples: dict[str, dict[str, list[dict[str, float]]]] = {
        case.name: {server.name: [] for server in servers if not server.constant or case is CASES[0]}
        for case in CASES
    }
    for number in range(rounds):
        order = servers[number % len(servers) :] + servers[: number % len(servers)]
        for case in CASES:
            for server in order:
                if server.name not in samples[case.name]:
                    continue
                sample = measure(server, case, warm=warm, seconds=seconds)
                samples[case.name][server.name].append(sample)
                print(
                    f"round {number + 1}/{rounds}  {case.name:30} {server.name:10}"
                    f" {sample['cpu_us']:7.1f} us  {sample['requests_s']:8.0f}/s",
                    flush=True,
                )
    medians = {
        case: {
            server: {key: round(statistics.median(sample[key] for sample in all_), 2) for key in all_[0]}
            for server, all_ in by_server.items()
        }
        for case, by_server in samples.items()
    }
    return {
        "machine": describe(),
        "servers": {
            server.name: {"versions": server.versions(), "command": server.command} for server in servers
        },
        "method": {"rounds": rounds, "seconds": seconds, "warm_up_seconds": warm, "connections": CONNECTIONS},
        "medians": medians,
        "samples": samples,
    }


def render(result: dict[str, Any]) -> str:
    """The Markdown page of a result."""
    method = result["method"]
    how = (
        f"Medians of {method['rounds']} interleaved rounds of {method['seconds']} s"
        f" with {method['connections']} keep-alive connections,"
        " server on one core, client on the other, every body checked."
    )
    lines = [
        "# CPU time per request",
        "",
        "Written by `python -m benchmarks.bridge_cost`; the JSON file beside it has every sample.",
        how,
        "",
        *_table("server CPU, microseconds a request", result, lambda row: f"{row['cpu_us']:.1f}"),
        "",
        *_table(
            "requests a second (p50 / p99 latency, ms)",
            result,
            lambda row: f"{row['requests_s']:,.0f} ({row['p50_us'] / 1000:.2f} / {row['p99_us'] / 1000:.2f})",
        ),
    ]
    versions = [
        f"{package} {number}"
        for server in result["servers"].values()
        for package, number in server["versions"].items()
    ]
    facts = [f"{key} {value}" for key, value in result["machine"].items()]
    lines += ["", f"Servers: {', '.join(dict.fromkeys(versions))}.", "", f"Machine: {', '.join(facts)}.", ""]
    return "\n".join(lines)


def _table(title: str, result: dict[str, Any], cell: Callable[[dict[str, float]], str]) -> list[str]:
    names = list(result["servers"])
    rows = [
        f"| {case} | {' | '.join(cell(by_server[name]) if name in by_server else '' for name in names)} |"
        for case, by_server in result["medians"].items()
    ]
    return [f"| {title} | {' | '.join(names)} |", f"|---|{'---:|' * len(names)}", *rows]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bridge_cost", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round; writes nothing")
    parser.add_argument("--servers", default=",".join(SERVERS), help="comma-separated names")
    options = parser.parse_args()
    servers = [SERVERS[name] for name in options.servers.split(",")]
    for server in servers:
        if package := server.missing():
            parser.error(f"{server.name}: {package} is not installed")

    rounds, warm, seconds = (1, 0.5, 1.5) if options.quick else (5, 0.5, 2.5)
    result = run(servers, rounds=rounds, warm=warm, seconds=seconds)
    page = render(result)
    print(page)
    if not options.quick:
        record("bridge_cost", result, page)


if __name__ == "__main__":
    main()
