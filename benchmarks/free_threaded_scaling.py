"""Throughput and CPU time by worker threads, on free-threaded Python.

    python3.14t -m benchmarks.free_threaded_scaling [--threads 1,2,4] [--rounds 3] [--seconds 2] [--quick]

Server and client share all cores, and the client waits in the kernel when it has nothing to do. So where a
request costs little, the client is a good part of the load and throughput cannot double with the threads;
what can be seen there is whether a request costs more CPU time when threads run at the same time
(contention on reference counts, locks, allocators). Where a request costs much, the client hardly counts,
and throughput shows the growth. As a control every case runs with the GIL switched on (``PYTHON_GIL=1``)
and as many threads as cores. Results go to ``benchmarks/results`` unless ``--quick``.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import sys
import sysconfig
from collections.abc import Sequence
from typing import Any

from benchmarks.apps.parallel import STEPS
from benchmarks.load import Request, load, warm_up
from benchmarks.machine import describe, record
from benchmarks.servers import SERVERS, build, running

CONNECTIONS = 64
APP = "benchmarks.apps.parallel:app"
CONTROL = "with the GIL"


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


def measure(case: Request, threads: int, *, gil: bool, seconds: float) -> dict[str, float]:
    """One run of one server with so many worker threads."""
    environment = {"PYTHON_GIL": "1"} if gil else {}
    extra = ("--threads", str(threads))
    with running(SERVERS["turboapi"], case.app, core=None, extra=extra, env=environment) as process:
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


def run(threads: Sequence[int], *, rounds: int, seconds: float) -> dict[str, Any]:
    """All rounds; every single measurement is kept beside the medians."""
    build()
    variants = {str(count): (count, False) for count in threads}
    variants[CONTROL] = (os.cpu_count() or 1, True)
    samples: dict[str, dict[str, list[dict[str, float]]]] = {
        case.name: {name: [] for name in variants} for case in CASES
    }
    for number in range(rounds):
        for case in CASES:
            for name in _turned(list(variants), number):
                count, gil = variants[name]
                sample = measure(case, count, gil=gil, seconds=seconds)
                samples[case.name][name].append(sample)
                print(
                    f"round {number + 1}/{rounds}  {case.name:32} {name:>12} threads"
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
                for name, all_ in by_threads.items()
            }
            for case, by_threads in samples.items()
        },
        "samples": samples,
    }


def _turned(names: list[str], turn: int) -> list[str]:
    return names[turn % len(names) :] + names[: turn % len(names)]


def render(result: dict[str, Any]) -> str:
    """The Markdown page of a result."""
    method = result["method"]
    lines = [
        "# Worker threads on free-threaded Python",
        "",
        "Written by `python -m benchmarks.free_threaded_scaling`; the JSON file beside it has every sample.",
        (
            f"Medians of {method['rounds']} interleaved rounds of {method['seconds']:g} s with"
            f" {method['connections']} keep-alive connections; server and client share all cores, every body"
            f' checked. The row "{CONTROL}" is the control: as many threads as cores, `PYTHON_GIL=1`.'
        ),
        "",
        "| case | threads | requests/s | growth | CPU us/request | growth | CPUs of server | of client |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for case, by_threads in result["medians"].items():
        first = next(iter(by_threads.values()))
        lines += [
            f"| {case} | {name} | {row['requests_s']:,.0f} | {row['requests_s'] / first['requests_s']:.2f}"
            f" | {row['cpu_us']:.1f} | {row['cpu_us'] / first['cpu_us']:.2f}"
            f" | {row['server_cpus']:.2f} | {row['client_cpus']:.2f} |"
            for name, row in by_threads.items()
        ]
    facts = [f"{key} {value}" for key, value in result["machine"].items()]
    return "\n".join([*lines, "", f"Machine: {', '.join(facts)}.", ""])


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.free_threaded_scaling",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--threads", default="1,2,4")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each single measurement")
    parser.add_argument("--quick", action="store_true", help="one short round; writes nothing")
    options = parser.parse_args()
    if not sysconfig.get_config_var("Py_GIL_DISABLED"):
        version = ".".join(map(str, sys.version_info[:3]))
        parser.error(f"this is Python {version} with the GIL; run it on a free-threaded one (3.14t)")
    threads = [int(count) for count in options.threads.split(",")]
    rounds, seconds = (1, 0.8) if options.quick else (options.rounds, options.seconds)
    result = run(threads, rounds=rounds, seconds=seconds)
    page = render(result)
    print(page)
    if not options.quick:
        record("free_threaded_scaling", result, page)


if __name__ == "__main__":
    main()
