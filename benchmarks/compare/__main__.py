"""Command line: ``run`` measures, ``report`` renders, ``check`` and ``repeat`` compare two results.

python -m benchmarks.compare run [--quick] [--minutes 25] [--rounds 3] [--contenders a,b] [--workloads x,y]
python -m benchmarks.compare report RESULT.json ...
python -m benchmarks.compare check OLD.json NEW.json
python -m benchmarks.compare repeat FIRST.json SECOND.json
"""

from __future__ import annotations

import argparse
import sys
import sysconfig
from pathlib import Path

from benchmarks.compare import report
from benchmarks.compare.check import LEAST_ROUNDS, changes, differences, lost, repeated
from benchmarks.compare.contender import load_contenders
from benchmarks.compare.results import Result
from benchmarks.compare.runner import Settings, run
from benchmarks.compare.workloads import all_workloads
from benchmarks.machine import RESULTS
from benchmarks.servers import ROOT, raise_descriptor_limit

QUICK_CONTENDERS = ("turboapi", "uvicorn", "uvicorn-default", "granian", "hyper")
QUICK_MINUTES = 1.6
DESCRIPTORS = 4_096


def default_path(*, quick: bool) -> Path:
    """Each Python has its own result file; those of quick runs are not kept in the repository."""
    build = "t" if sysconfig.get_config_var("Py_GIL_DISABLED") else ""
    name = f"compare-{sys.implementation.cache_tag}{build}.json"
    return ROOT / ".cache" / f"quick-{name}" if quick else RESULTS / name


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.compare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run", help="measure")
    running.add_argument("--quick", action="store_true", help="few contenders and workloads, two rounds")
    running.add_argument("--minutes", type=float, help="how long it may take, installations aside")
    running.add_argument("--rounds", type=int)
    running.add_argument("--contenders", default="", help="comma-separated names; default: all but asides")
    running.add_argument("--workloads", default="", help="comma-separated names; default: all")
    running.add_argument("--output", type=Path, help="result file; default: in benchmarks/results")
    reporting = commands.add_parser("report", help="render results into docs/benchmarks.md")
    reporting.add_argument("results", type=Path, nargs="*", help="default: all in benchmarks/results")
    reporting.add_argument("--page", type=Path, help="another page with the same markers")
    checking = commands.add_parser("check", help="fail if the second result is worse than the first")
    checking.add_argument("old", type=Path)
    checking.add_argument("new", type=Path)
    checking.add_argument("--contenders", default="turboapi", help="comma-separated names")
    checking.add_argument("--relative-to", help="compare ratios to this contender: for different machines")
    repeating = commands.add_parser(
        "repeat", help="how many ratios of a second run are within the first's spread"
    )
    repeating.add_argument("old", type=Path, metavar="first")
    repeating.add_argument("new", type=Path, metavar="second")
    options = parser.parse_args()
    if options.command == "run":
        measure(options, parser)
    elif options.command == "report":
        paths = options.results or sorted(RESULTS.glob("compare-*.json"))
        if not paths:
            parser.error("no results; `make bench` writes them")
        if options.page:
            report.write(paths, options.page, options.page.parent / report.CHARTS.name)
        else:
            report.write(paths)
    elif options.command == "repeat":
        repeat(options, parser)
    else:
        compare(options, parser)


def read_both(options: argparse.Namespace, parser: argparse.ArgumentParser) -> tuple[Result, Result]:
    """The two results of a command."""
    try:
        old, new = Result.read(options.old), Result.read(options.new)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    if min(old.rounds, new.rounds) < LEAST_ROUNDS:
        parser.error("a result of one round does not tell how much is noise")
    return old, new


def repeat(options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """The command ``repeat``."""
    found = repeated(*read_both(options, parser))
    if not found:
        parser.error("the two results have no ratio in common")
    outside = [each for each in found if abs(each.new / each.old - 1) > each.allowed]
    for each in sorted(outside, key=lambda change: -abs(change.new / change.old - 1) / change.allowed):
        print(
            f"outside {each.contender} {each.workload:24} {each.old:8.2f}x -> {each.new:8.2f}x"
            f" ({(each.new / each.old - 1) * 100:+.0f}%, printed ±{each.allowed * 100:.0f}%)"
        )
    print(
        f"{len(found) - len(outside)} of {len(found)} ratios of CPU time are within the spread that"
        f" {options.old} prints"
    )


def compare(options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """The command ``check``."""
    old, new = read_both(options, parser)
    if not options.relative_to and (different := differences(old, new)):
        parser.error(f"different machines ({'; '.join(different)}); --relative-to compares ratios")
    names = options.contenders.split(",")
    found = changes(old, new, names, options.relative_to)
    missing = lost(old, new, names)
    if not found and not missing:
        parser.error("the two results have no figure in common")
    for line in [*found, *(f"FAILS  {each}" for each in missing)]:
        print(line)
    worse = sum(change.regressed for change in found) + len(missing)
    print(f"{len(found)} figures, {worse} worse than the spread of both results allows")
    sys.exit(worse > 0)


def measure(options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """The command ``run``."""
    contenders, workloads = load_contenders(), {each.name: each for each in all_workloads()}
    names = [name for name in options.contenders.split(",") if name]
    wanted = [name for name in options.workloads.split(",") if name]
    if options.quick:
        names = names or list(QUICK_CONTENDERS)
        wanted = wanted or [name for name, workload in workloads.items() if workload.quick]
    for name in names:
        if name not in contenders:
            parser.error(f"no contender {name}; there are {', '.join(contenders)}")
    for name in wanted:
        if name not in workloads:
            parser.error(f"no workload {name}; there are {', '.join(workloads)}")
    raise_descriptor_limit(DESCRIPTORS)
    path = options.output or default_path(quick=options.quick)
    result = run(
        [
            contender
            for name, contender in contenders.items()
            if name in names or (not names and contender.usual)
        ],
        [workloads[name] for name in workloads if not wanted or name in wanted],
        Settings(
            rounds=options.rounds or (2 if options.quick else 3),
            minutes=options.minutes or (QUICK_MINUTES if options.quick else 25),
            path=path,
        ),
    )
    if options.quick:
        print(report.render(Result(result), (), ""))
    failed = [
        workload for workload, samples in result["samples"].get("turboapi", {}).items() if _wrong(samples)
    ]
    if failed:
        sys.exit(f"turboapi gave wrong answers or none: {', '.join(failed)}")


def _wrong(samples: list[dict[str, object]]) -> bool:
    return any("error" in sample for sample in samples)


if __name__ == "__main__":
    main()
