"""What more threads or more processes add: the cases, the measurement and the page of both benchmarks.

Server and client share all cores, and the client waits in the kernel when it has nothing to do. So where a
request costs little, the client is a good part of the load and throughput cannot double; what can be seen
there is whether a request costs more CPU time when others run at the same time (contention on reference
counts, locks, allocators, caches). Where a request costs much, the client hardly counts, and throughput shows
the growth.
"""

from __future__ import annotations

import resource
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.apps.parallel import STEPS
from benchmarks.load import Request, load, warm_up
from benchmarks.machine import describe
from benchmarks.servers import SERVERS, build, running

CONNECTIONS = 64
APP = "benchmarks.apps.parallel:app"


def _total() -> bytes:
    total = 0
    for number in range(STEPS):
        total = (total + number * number) % 65_521
    return b'{"total":%d}' % total


CASES = (
    Request("path int and query", APP, "GET", "/items/42?q=plan", b'{"item_id":42,"q":"plan"}'),
    Request(
        "JSON body model, response model",
        APP,
        "POST",
        "/sums",
        b'{"total":15}',
        b'{"values": [1, 2, 3, 4, 5]}',
    ),
    Request("dependency with a shared lock", APP, "GET", "/hits", b'{"counted":true}'),
    Request(f"`async def`, {STEPS:,} loop steps", APP, "GET", "/async/work", _total()),
    Request(f"`def`, {STEPS:,} loop steps", APP, "GET", "/def/work", _total()),
)


@dataclass(frozen=True)
class Variant:
    """A way to start the server."""

    extra: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)


def measure(case: Request, variant: Variant, *, seconds: float) -> dict[str, float]:
    """One run of one server."""
    with running(SERVERS["turboapi"], case.app, core=None, extra=variant.extra, env=variant.env) as process:
        warm_up(process, case, connections=CONNECTIONS, core=None, sleep=True)
        server, client = process.cpu_seconds(), _children_cpu()
        result = load(process.port, case, connections=CONNECTIONS, seconds=seconds, core=None, sleep=True)
        server, client = process.cpu_seconds() - server, _children_cpu() - client
    return {
        "requests_s": result["requests"] / result["seconds"],
        "cpu_us": server / result["requests"] * 1e6,
        "server_cpus": server / result["seconds"],
        "client_cpus": client / result["seconds"],
        "p99_us": result["latency_us"]["99"],
    }


def _children_cpu() -> float:
    """User and system time of the children that have ended: here, the clients."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def run(variants: Mapping[str, Variant], *, rounds: int, seconds: float) -> dict[str, Any]:
    """All rounds; every single measurement is kept beside the medians."""
    build()
    samples: dict[str, dict[str, list[dict[str, float]]]] = {
        case.name: {name: [] for name in variants} for case in CASES
    }
    for number in range(rounds):
        for case in CASES:
            for name in _turned(list(variants), number):
                sample = measure(case, variants[name], seconds=seconds)
                samples[case.name][name].append(sample)
                print(
                    f"round {number + 1}/{rounds}  {case.name:32} {name:>12}"
                    f" {sample['requests_s']:8.0f}/s  {sample['cpu_us']:7.1f} us"
                    f"  server {sample['server_cpus']:.2f} + client {sample['client_cpus']:.2f} CPUs",
                    flush=True,
                )
    return {
        "machine": describe(),
        "method": {"rounds": rounds, "seconds": seconds, "connections": CONNECTIONS},
        "medians": {
            case: {
                name: {key: round(statistics.median(sample[key] for sample in all_), 2) for key in all_[0]}
                for name, all_ in by_variant.items()
            }
            for case, by_variant in samples.items()
        },
        "samples": samples,
    }


def _turned(names: list[str], turn: int) -> list[str]:
    return names[turn % len(names) :] + names[: turn % len(names)]


def render(result: dict[str, Any], *, title: str, module: str, column: str, notes: Sequence[str]) -> str:
    """The Markdown page of a result."""
    method = result["method"]
    lines = [
        f"# {title}",
        "",
        f"Written by `python -m benchmarks.{module}`; the JSON file beside it has every sample.",
        (
            f"Medians of {method['rounds']} interleaved rounds of {method['seconds']:g} s with"
            f" {method['connections']} keep-alive connections; server and client share all cores, every body"
            " checked."
        ),
        *notes,
        "",
        f"| case | {column} | requests/s | growth | CPU us/request | growth | CPUs of server | of client |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for case, by_variant in result["medians"].items():
        first = next(iter(by_variant.values()))
        lines += [
            f"| {case} | {name} | {row['requests_s']:,.0f} | {row['requests_s'] / first['requests_s']:.2f}"
            f" | {row['cpu_us']:.1f} | {row['cpu_us'] / first['cpu_us']:.2f}"
            f" | {row['server_cpus']:.2f} | {row['client_cpus']:.2f} |"
            for name, row in by_variant.items()
        ]
    facts = [f"{key} {value}" for key, value in result["machine"].items()]
    return "\n".join([*lines, "", f"Machine: {', '.join(facts)}.", ""])
