"""The page of a cost table of route plans: figures, ratios and what was aimed at."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks.plan_rows import Aim, Row

NEAR_HYPER = 1.25
TIMES_LESS = 5.0
TIMES_LESS_MEAN = 10.0
NEAR_PYDANTIC = 1.3


class Figures:
    """The medians of one row.

    A ratio is the median of the rounds' own ratios: its two sides were measured seconds apart, while the
    machine may be a fifth slower in one round than in the next.
    """

    def __init__(self, result: dict[str, Any], row: Row) -> None:
        medians = {server: measured["cpu_us"] for server, measured in result["medians"][row.key].items()}
        rounds = {
            server: [sample["cpu_us"] for sample in samples]
            for server, samples in result["samples"][row.key].items()
        }
        alone = [
            parts["validate"] + parts["serialize"]
            for parts in result["pydantic_alone_samples"].get(row.pydantic, ())
        ]
        engine, hyper, uvicorn = rounds["turboapi"], rounds["hyper"], rounds["uvicorn"]
        self.aim = row.aim
        self.hyper: float = medians["hyper"]
        self.turbo_http: float = medians["turbo-http"]
        self.engine: float = medians["turboapi"]
        self.uvicorn: float = medians["uvicorn"]
        self.of_hyper = _ratio(engine, hyper)
        """How often bare hyper's cost the engine's is."""
        self.times_less = _ratio(uvicorn, engine)
        """How often the engine's cost uvicorn's is."""
        self.of_pydantic = _ratio(engine, [h + p for h, p in zip(hyper, alone, strict=True)]) if alone else 0
        """How often the cost of bare hyper and the pydantic calls together the engine's is."""

    def checks(self) -> Iterator[tuple[str, bool]]:
        """What the row is held to, and whether it is met."""
        match self.aim:
            case Aim.NEAR_HYPER:
                yield f"<= {NEAR_HYPER}x hyper", self.of_hyper <= NEAR_HYPER
                yield f">= {TIMES_LESS:g}x less", self.times_less >= TIMES_LESS
            case Aim.FIVE_TIMES:
                yield f">= {TIMES_LESS:g}x less", self.times_less >= TIMES_LESS
            case Aim.PYDANTIC:
                yield f"<= {NEAR_PYDANTIC}x hyper + pydantic", self.of_pydantic <= NEAR_PYDANTIC
            case Aim.NONE:
                return


def _ratio(above: Sequence[float], below: Sequence[float]) -> float:
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


def mean_times_less(result: dict[str, Any], rows: Sequence[Row]) -> float | None:
    """The geometric mean of `Figures.times_less` over the rows whose aim it is."""
    ratios = [Figures(result, row).times_less for row in rows if row.aim in (Aim.NEAR_HYPER, Aim.FIVE_TIMES)]
    return statistics.geometric_mean(ratios) if ratios else None


def _verdict(met: bool) -> str:
    return "pass" if met else "**fail**"


def _cost_table(result: dict[str, Any], rows: Sequence[Row]) -> Iterator[str]:
    yield (
        "| server CPU, microseconds a request | tier | hyper | turbo-http | turboapi | uvicorn"
        " | turboapi / hyper | uvicorn / turboapi | aim |"
    )
    yield "|---|---|---:|---:|---:|---:|---:|---:|---|"
    for row in rows:
        figures = Figures(result, row)
        aims = ", ".join(f"{name}: {_verdict(met)}" for name, met in figures.checks())
        yield (
            f"| {row.request.name} | {result['tiers'][row.key]} | {figures.hyper:.1f}"
            f" | {figures.turbo_http:.1f} | {figures.engine:.1f} | {figures.uvicorn:.1f}"
            f" | {figures.of_hyper:.2f} | {figures.times_less:.1f} | {aims} |"
        )


def _pydantic_table(result: dict[str, Any], rows: Sequence[Row]) -> Iterator[str]:
    yield (
        "| rows of pydantic's own work, microseconds a request | hyper | validate | serialize | turboapi"
        " | turboapi / (hyper + pydantic) | not counted: `json.loads` | `validate_json` |"
    )
    yield "|---|---:|---:|---:|---:|---:|---:|---:|"
    for row in rows:
        if row.pydantic is None:
            continue
        figures, alone = Figures(result, row), result["pydantic_alone"][row.pydantic]
        others = " | ".join(f"{alone[key]:.1f}" if key in alone else "" for key in ("parse", "validate_json"))
        yield (
            f"| {row.request.name} | {figures.hyper:.1f} | {alone['validate']:.1f} | {alone['serialize']:.1f}"
            f" | {figures.engine:.1f} | {figures.of_pydantic:.2f} | {others} |"
        )


def _rate_table(result: dict[str, Any], rows: Sequence[Row]) -> Iterator[str]:
    servers = list(result["servers"])
    yield f"| requests a second (p50 / p99 latency, ms) | {' | '.join(servers)} |"
    yield f"|---|{'---:|' * len(servers)}"
    for row in rows:
        measured = (result["medians"][row.key][server] for server in servers)
        cells = " | ".join(
            f"{sample['requests_s']:,.0f} ({sample['p50_us'] / 1000:.2f} / {sample['p99_us'] / 1000:.2f})"
            for sample in measured
        )
        yield f"| {row.request.name} | {cells} |"


def render(result: dict[str, Any], rows: Sequence[Row]) -> str:
    """The Markdown page of a result."""
    method = result["method"]
    lines = [
        "# CPU time per request of route plans",
        "",
        "Written by `python -m benchmarks.plan_cost`; the JSON file beside it has every sample.",
        (
            f"Medians of {method['rounds']} rounds of {method['seconds']:g} s, in which servers take turns"
            f" of {method['slice_seconds']:g} s, with {method['connections']} keep-alive connections,"
            " server on one core, client on the other, every status and body checked."
        ),
        "`hyper` and `turbo-http` answer a constant of the same status and body from Rust.",
        "A ratio is the median of the rounds' own ratios.",
        "",
        *_cost_table(result, rows),
        "",
    ]
    mean = mean_times_less(result, rows)
    if mean is not None:
        lines += [
            (
                f"Geometric mean of uvicorn / turboapi over the rows held to {TIMES_LESS:g}x: {mean:.1f}"
                f" (aim: {TIMES_LESS_MEAN:g}, {_verdict(mean >= TIMES_LESS_MEAN)})."
            ),
            "",
        ]
    if any(row.pydantic for row in rows):
        lines += [*_pydantic_table(result, rows), ""]
    lines += [*_rate_table(result, rows), ""]
    versions = [
        f"{package} {number}"
        for server in result["servers"].values()
        for package, number in server["versions"].items()
    ]
    facts = [f"{key} {value}" for key, value in result["machine"].items()]
    lines += [f"Servers: {', '.join(dict.fromkeys(versions))}.", "", f"Machine: {', '.join(facts)}.", ""]
    return "\n".join(lines)
