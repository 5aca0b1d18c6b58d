"""Small results of the comparison."""

from __future__ import annotations

from typing import Any

from benchmarks.compare.results import Result

MACHINE = {
    "cpu": "a CPU",
    "cores": 2,
    "kernel": "6",
    "python": "CPython 3.13",
    "commit": "abc",
    "date": "today",
}


def sample(cpu_us: float, **more: Any) -> dict[str, Any]:
    """A sample in which everything follows from the CPU time."""
    return {
        "requests": 1_000,
        "errors": 0,
        "unsent": 0,
        "server_cpus": 1.0,
        "cpu_us": cpu_us,
        "requests_s": 1e6 / cpu_us,
        "p50_us": cpu_us * 50,
        "p99_us": cpu_us * 90,
        "p999_us": cpu_us * 100,
        **more,
    }


def contender(title: str, group: str = "FastAPI", rank: int = 0, **more: Any) -> dict[str, Any]:
    """A contender of a result file."""
    return {
        "title": title,
        "group": group,
        "rank": rank,
        "versions": {title: "1.0"},
        "absent": None,
        "without": {},
        **more,
    }


def workload(title: str, table: str = "basic", **options: Any) -> dict[str, Any]:
    """A workload of a result file."""
    return {"title": title, "table": table, "options": options}


def content(samples: dict[str, dict[str, list[dict[str, Any]]]], **more: Any) -> dict[str, Any]:
    """A result file with the workloads ``json`` and ``download``."""
    return {
        "kind": "compare",
        "machine": MACHINE,
        "method": {"rounds": 3, "seconds": 0.5, "warm_up_seconds": 0.2},
        "rounds_done": 3,
        "workloads": {
            "json": workload("JSON"),
            "download": workload("download"),
            "json~1000": workload("JSON, 1,000/s", "rates", rate=1_000),
        },
        "contenders": {
            "turboapi": contender("TurboAPI"),
            "uvicorn": contender("uvicorn", rank=1),
            "hyper": contender("hyper", "Upper line", 90),
        },
        "samples": samples,
        "processes": {name: [{"startup_s": 0.5, "idle_bytes": 2**25}] for name in samples},
        **more,
    }


def result(samples: dict[str, dict[str, list[dict[str, Any]]]], **more: Any) -> Result:
    """The same, read."""
    return Result(content(samples, **more))


def rounds(*cpu_us: float) -> list[dict[str, Any]]:
    """A sample for each round."""
    return [sample(each) for each in cpu_us]
