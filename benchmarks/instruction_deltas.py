"""What a change does to the number of instructions, case by case, without the noise of times.

    python -m benchmarks.instruction_deltas           # counts; against the saved baseline if any
    python -m benchmarks.instruction_deltas --save    # keeps the counts as the baseline
    python -m benchmarks.instruction_deltas --base main   # against a revision, built in its own worktree
    python -m benchmarks.instruction_deltas --base main --check 1

Cases of the Rust benches run under callgrind one by one, rivals left out; rows of the cost table are
requests to the engine (see `benchmarks.instructions`). Cases repeat to the instruction, those over sockets
(``transport``) to a hundredth of a percent, server rows to a percent. With ``--check`` the exit status is 1
if any of them grew by more than that many percent. Fewer instructions are not always less time, but a
change that adds some should know why.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.instruction_counts import (
    DIRECTORY,
    REPEATS,
    TIMES,
    Counts,
    Tree,
    count_cases,
    count_rows,
    revision,
    working_tree,
)
from benchmarks.instructions import REQUESTS

BASELINE = DIRECTORY / "baseline.json"
NO_CHANGE = 0.005
"""Percent that are printed as no change."""


def compare(before: Counts, after: Counts) -> list[tuple[str, float | None, float | None, float | None]]:
    """Id, instructions before and after, and the change in percent; None for what is not there."""
    rows = []
    for name in [*after, *(name for name in before if name not in after)]:
        old, new = before.get(name), after.get(name)
        change = None if old is None or new is None or not old else (new - old) / old * 100
        rows.append((name, old, new, change))
    return rows


def table(before: Counts, after: Counts) -> str:
    """The comparison as text."""
    rows = [("case", "before", "after", "change")]
    for name, old, new, change in compare(before, after):
        word = "new" if old is None else "gone"
        if change is not None:
            word = "=" if abs(change) < NO_CHANGE else f"{change:+.2f} %"
        rows.append((name, _figure(old), _figure(new), word))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        f"{row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]:>{widths[3]}}"
        for row in rows
    )


def grown(before: Counts, after: Counts, percent: float) -> list[str]:
    """Ids whose instructions grew by more than `percent`."""
    return [name for name, _, _, change in compare(before, after) if change is not None and change > percent]


def _figure(count: float | None) -> str:
    return "-" if count is None else f"{count:,.0f}"


def _counts(tree: Tree, options: argparse.Namespace) -> Counts:
    counts: Counts = {}
    if options.benches != ["none"]:
        counts |= count_cases(tree, options.benches, options.times)
    if options.rows:
        counts |= count_rows(tree, options.rows, options.requests)
    return counts


def _names(text: str) -> list[str]:
    return text.replace(",", " ").split()


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.instruction_deltas",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--base", help="a revision of git to compare with")
    parser.add_argument("--baseline", type=Path, default=BASELINE, help="the file of saved counts")
    parser.add_argument("--save", action="store_true", help="write the counts into that file")
    parser.add_argument("--check", type=float, metavar="PERCENT", help="fail if something grew by more")
    parser.add_argument("--benches", type=_names, default=[], help="some benches, or 'none'; all by default")
    parser.add_argument("--rows", type=_names, default=[], help="requests to a server; none by default")
    parser.add_argument("--times", type=int, default=TIMES, help="runs of a case")
    parser.add_argument("--requests", type=int, default=REPEATS, help="requests of a row")
    parser.add_argument(
        "--profile",
        default="bench",
        help="cargo's profile; the installed engine must have been built with it",
    )
    options = parser.parse_args()
    if shutil.which("valgrind") is None:
        parser.error("valgrind is not installed (Debian, Ubuntu: apt-get install valgrind)")
    unknown = set(options.rows) - set(REQUESTS)
    if unknown:
        parser.error(f"no such rows: {', '.join(sorted(unknown))}")
    # Whether there is something to compare with shows before minutes are spent.
    try:
        base = None if options.base is None else revision(options.base, options.profile)
    except subprocess.CalledProcessError as error:
        parser.error(f"git cannot check {options.base} out (status {error.returncode})")
    if base is None and options.check is not None and not options.baseline.exists():
        parser.error(f"nothing to check against: no --base, and no {options.baseline}")
    after = _counts(working_tree(options.profile), options)
    if base is not None:
        before = _counts(base, options)
    elif options.baseline.exists():
        # What was not counted now is not gone.
        saved = json.loads(options.baseline.read_text())
        before = {name: count for name, count in saved.items() if name in after}
    else:
        before = {}
    print(table(before, after))
    if options.save:
        options.baseline.parent.mkdir(parents=True, exist_ok=True)
        options.baseline.write_text(json.dumps(after, indent=1) + "\n")
        print(f"saved as {options.baseline}", file=sys.stderr)
    if options.check is None:
        return 0
    worse = grown(before, after, options.check)
    for name in worse:
        print(f"{name} grew by more than {options.check:g} %", file=sys.stderr)
    return 1 if worse else 0


if __name__ == "__main__":
    raise SystemExit(main())
