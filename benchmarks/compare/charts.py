"""Charts of a result as SVG, with colours that can be read on white and on black."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.compare.results import OURS, UPPER, Result
from benchmarks.compare.tables import FASTAPI, OTHERS, SUSTAINED, number

INK = "#727a85"
"""For text and axes: its contrast to a white ground is that to a black one."""
COLOURS = {FASTAPI: "#4c8dd6", OTHERS: "#9a7fd1", UPPER: "#8b949e"}
OUR_COLOUR = "#e8663d"
LINES = ("#e8663d", "#4c8dd6", "#2da44e", "#bf8700", "#9a7fd1", "#d6569b", "#1b9e9e", "#a0703c", "#8b949e")
LABEL_GAP = 3
"""Points between a bar and its number; a space would not do, because SVG drops it."""
CPU_WORKLOADS = ("json", "item", "orders", "nested", "db", "fortunes")
THROUGHPUT_WORKLOADS = ("json", "orders", "queries")


def draw(result: Result, directory: Path, kind: str = "svg") -> list[str]:
    """Draws what the result has data for; returns the names of the charts."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams.update(
        {
            "svg.fonttype": "none",
            "svg.hashsalt": "benchmarks",
            "font.family": "sans-serif",
            "font.size": 9,
            "text.color": INK,
            "axes.labelcolor": INK,
            "axes.edgecolor": INK,
            "xtick.color": INK,
            "ytick.color": INK,
            "axes.spines.top": False,
            "axes.spines.right": False,
        }
    )
    directory.mkdir(parents=True, exist_ok=True)
    charts: dict[str, Callable[[Result], Any]] = {
        "cpu": lambda found: _bars(
            found, CPU_WORKLOADS, "cpu_us", "CPU microseconds a request; shorter is better"
        ),
        "throughput": lambda found: _bars(
            found,
            THROUGHPUT_WORKLOADS,
            "requests_s",
            "requests a second, server on one core; longer is better",
        ),
        "latency": _latency,
        "memory": _memory,
    }
    drawn = []
    for name, chart in charts.items():
        picture = chart(result)
        if picture is not None:
            # Without a date the file changes only when the data do.
            metadata = {"Date": None} if kind == "svg" else None
            picture.savefig(
                directory / f"{name}.{kind}",
                transparent=kind == "svg",
                bbox_inches="tight",
                metadata=metadata,
            )
            drawn.append(name)
    return drawn


def _names(result: Result) -> list[str]:
    return result.group(FASTAPI, OTHERS, UPPER)


def _colour(result: Result, name: str) -> str:
    return OUR_COLOUR if name == OURS else COLOURS[result.contenders[name]["group"]]


def _bars(result: Result, workloads: Sequence[str], metric: str, label: str) -> Any:
    """A panel for each workload; a bar for each contender that has a figure."""
    from matplotlib.figure import Figure as Picture
    from matplotlib.ticker import MaxNLocator

    shown = [name for name in workloads if any(result.figure(who, name, metric) for who in _names(result))]
    if not shown:
        return None
    columns = min(len(shown), 3)
    rows = -(-len(shown) // columns)
    height = 0.22 * len(_names(result)) + 0.7
    picture = Picture(figsize=(4.0 * columns, height * rows), layout="constrained")
    panels = picture.subplots(rows, columns, squeeze=False).flat
    for panel, workload in zip(panels, [*shown, *[None] * (rows * columns - len(shown))], strict=True):
        if workload is None:
            panel.set_visible(False)
            continue
        found = [(name, result.figure(name, workload, metric)) for name in _names(result)]
        bars = [(name, value) for name, value in found if value is not None]
        bars.sort(key=lambda pair: pair[1].median, reverse=metric == "cpu_us")
        if metric != "cpu_us":
            bars.sort(key=lambda pair: pair[1].median)
        medians = [value.median for _, value in bars]
        drawn = panel.barh(
            [result.title(name) for name, _ in bars],
            medians,
            xerr=[value.median * value.spread for _, value in bars],
            color=[_colour(result, name) for name, _ in bars],
            ecolor=INK,
        )
        panel.bar_label(drawn, [number(value) for value in medians], color=INK, fontsize=8, padding=LABEL_GAP)
        panel.set_xlim(0, max(value.median * (1 + value.spread) for _, value in bars) * 1.2)
        panel.set_title(result.workloads[workload]["title"], fontsize=10)
        panel.tick_params(axis="y", length=0)
        panel.xaxis.set_major_locator(MaxNLocator(3))
        panel.xaxis.set_major_formatter("{x:,.0f}")
    picture.get_layout_engine().set(hspace=0.05)
    picture.supxlabel(label, fontsize=9)
    return picture


def _latency(result: Result) -> Any:
    """p99 over the rate; a line ends before the first rate that was not kept."""
    from matplotlib.figure import Figure as Picture

    rates = {name: result.workloads[name]["options"]["rate"] for name in result.table("rates")}
    lines: dict[str, list[tuple[float, float]]] = {}
    for who in _names(result):
        for workload, rate in sorted(rates.items(), key=lambda pair: pair[1]):
            found = result.figure(who, workload, "p99_us")
            if found is None or result.unsent_share(who, workload) > SUSTAINED:
                break
            lines.setdefault(who, []).append((rate, found.median / 1000))
    if not lines:
        return None
    picture = Picture(figsize=(8, 4.2), layout="constrained")
    panel = picture.subplots()
    for number_, (who, points) in enumerate(lines.items()):
        panel.plot(
            [rate for rate, _ in points],
            [latency for _, latency in points],
            # Where colours come again, a line of one point has its marker only.
            marker="o" if number_ < len(LINES) else "s",
            linewidth=3 if who == OURS else 1.5,
            linestyle="-" if number_ < len(LINES) else "--",
            color=OUR_COLOUR if who == OURS else LINES[1:][(number_ - 1) % (len(LINES) - 1)],
            label=result.title(who),
        )
    panel.set_yscale("log")
    panel.yaxis.set_major_formatter("{x:g}")
    panel.set_xlabel(
        "requests a second, sent at a fixed rate; a line ends before the first rate that was not kept"
    )
    panel.set_ylabel("p99 latency, ms, log scale")
    panel.set_xticks(sorted(rates.values()), [f"{rate:,}" for rate in sorted(rates.values())])
    picture.legend(loc="outside right upper", frameon=False, fontsize=8)
    return picture


def _memory(result: Result) -> Any:
    """Memory of the process, and of an idle connection."""
    from matplotlib.figure import Figure as Picture

    names = [name for name in _names(result) if result.process(name, "idle_bytes")]
    if not names:
        return None
    picture = Picture(figsize=(9, 0.3 * len(names) + 1.0), layout="constrained")
    left, right = picture.subplots(1, 2)
    titles = [result.title(name) for name in reversed(names)]
    colours = [_colour(result, name) for name in reversed(names)]

    def values(metric: str, scale: float) -> list[float]:
        found = [result.process(name, metric) for name in reversed(names)]
        return [each.median / scale if each is not None else 0.0 for each in found]

    idle, loaded = values("idle_bytes", 2.0**20), values("loaded_bytes", 2.0**20)
    left.barh(titles, loaded, color=colours, alpha=0.45)
    left.barh(titles, idle, color=colours, height=0.4)
    for place, (a, b) in enumerate(zip(idle, loaded, strict=True)):
        left.annotate(
            f"{a:.0f}, {b:.0f}" if b else f"{a:.0f}",
            (max(a, b), place),
            (LABEL_GAP, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
        )
    left.set_xlim(0, max([*idle, *loaded]) * 1.15)
    left.set_title("MiB when idle (narrow), under load (wide)", fontsize=10)
    connections = values("connection_bytes", 1024.0)
    drawn = right.barh(titles, connections, color=colours)
    labels = [f"{value:.1f}" if value else "not measured" for value in connections]
    right.bar_label(drawn, labels, color=INK, fontsize=8, padding=LABEL_GAP)
    right.set_xlim(0, max([*connections, 1.0]) * 1.15)
    right.set_title("KiB for each idle connection", fontsize=10)
    right.set_yticks([])
    return picture
