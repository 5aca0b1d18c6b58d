"""What the page of the metrics shows beside requests: servers, route plans, sync callables, the process."""

from __future__ import annotations

import gc
import os
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from turboapi.middleware.metrics import Row

if TYPE_CHECKING:
    from turboapi.plans.live import Status
    from turboapi.server import Server

_STARTED = time.time()


def rows(servers: list[Server]) -> list[Row]:
    """Everything, the rows of one metric next to each other."""
    return [*_servers(servers), *_plans(servers), *_process(), *_collector()]


def _servers(servers: list[Server]) -> Iterable[Row]:
    engines = [server.engine for server in servers if server.engine is not None]
    yield _gauge("turboapi_connections", "Open connections", sum(engine.connections for engine in engines))
    yield _gauge(
        "turboapi_requests_running",
        "Requests that run, background work and streams included",
        sum(engine.requests_in_flight for engine in engines),
    )
    yield _gauge(
        "turboapi_requests_waiting",
        "Requests that the app has not begun to answer, as load shedding counts them",
        sum(engine.requests_waiting for engine in engines),
    )
    yield _counter(
        "turboapi_requests_shed",
        "Requests refused by load shedding",
        sum(engine.requests_refused for engine in engines),
    )
    lags = [server.loop_lag.take() for server in servers if server.loop_lag is not None]
    if lags:
        yield _gauge(
            "turboapi_event_loop_lag_seconds", "Longest delay of a timer since the last page", max(lags)
        )


def _plans(servers: list[Server]) -> Iterable[Row]:
    states = {
        id(app): state for app in (server.config.loaded_app for server in servers) if (state := _status(app))
    }
    if not states:
        return
    requests: Counter[str] = Counter()
    routes: Counter[str] = Counter()
    callables: Counter[str] = Counter()
    calls: Counter[str] = Counter()
    for state in states.values():
        requests.update({kind: int(count) for kind, count in state["requests"].items()})  # type: ignore[call-overload]
        routes.update(route["tier"] or "not compiled" for route in state["routes"])
        callables.update(pace["state"] for pace in state["sync"])
        for pace in state["sync"]:
            calls.update(inline=pace["inline_calls"], threads=pace["threaded_calls"])
    for kind, count in sorted(requests.items()):
        yield _counter("turboapi_plan_requests", "Requests by who answered them", count, tier=kind)
    for tier, count in sorted(routes.items()):
        yield _gauge("turboapi_plan_routes", "Routes by the tier they run in", count, tier=tier)
    for place, count in sorted(callables.items()):
        yield _gauge(
            "turboapi_sync_callables", "Sync endpoints and dependencies by where they run", count, state=place
        )
    for place, count in sorted(calls.items()):
        yield _counter("turboapi_sync_calls", "Calls of sync endpoints and dependencies", count, place=place)


def _status(app: object) -> Status | None:
    if "fastapi" not in sys.modules:
        return None
    from fastapi import FastAPI

    from turboapi.plans import status

    return status(app) if isinstance(app, FastAPI) else None


def _process() -> Iterable[Row]:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    yield _gauge("process_resident_memory_bytes", "Memory of this process in RAM", _resident_bytes(usage))
    yield _counter("process_cpu_seconds", "CPU time of this process", usage.ru_utime + usage.ru_stime)
    yield _gauge("process_start_time_seconds", "When this process began, in Unix time", _STARTED)


def _resident_bytes(usage: resource.struct_rusage) -> float:
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        # Not Linux: the largest so far, in bytes on macOS.
        return usage.ru_maxrss


def _collector() -> Iterable[Row]:
    generations = [(str(number), stats) for number, stats in enumerate(gc.get_stats())]
    for name, text, key in (
        ("python_gc_collections", "Runs of the garbage collector", "collections"),
        ("python_gc_objects_collected", "Objects freed by the garbage collector", "collected"),
        (
            "python_gc_objects_uncollectable",
            "Objects that the garbage collector cannot free",
            "uncollectable",
        ),
    ):
        for generation, stats in generations:
            yield _counter(name, text, stats[key], generation=generation)


def _gauge(name: str, help: str, value: float, **labels: str) -> Row:
    return name, help, "gauge", list(labels.items()), float(value)


def _counter(name: str, help: str, value: float, **labels: str) -> Row:
    return name, help, "counter", list(labels.items()), float(value)
