"""`python -m tests.differential --server uvicorn --against turboapi`: the whole table, with totals."""

from __future__ import annotations

import argparse
import fnmatch
import signal
import sys
import time
from collections import Counter

from .harness.expectations import load
from .harness.servers import COMMANDS
from .run import ENGINE, REFERENCE, pair
from .table import cases


def main() -> int:
    """0 when every case is as documented."""
    parser = argparse.ArgumentParser(prog="python -m tests.differential", description=__doc__)
    parser.add_argument("--server", default=REFERENCE, choices=COMMANDS, help="the reference")
    parser.add_argument("--against", default=ENGINE, choices=COMMANDS, help="the server under test")
    parser.add_argument("--only", default="*", help="glob of case ids")
    parser.add_argument(
        "--verbose", action="store_true", help="print every case and what the reference answered"
    )
    parser.add_argument("--brief", action="store_true", help="one line a surprise")
    parser.add_argument("--no-expectations", action="store_true", help="ignore expected_differences.toml")
    options = parser.parse_args()
    # Without it, a terminated run would leave its servers behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    table = [case for case in cases() if fnmatch.fnmatchcase(case.id, options.only)]
    entries = [] if options.no_expectations or options.against != "turboapi" else load()
    started = time.monotonic()
    totals: Counter[str] = Counter()
    with pair(options.server, options.against, (case.app for case in table)) as servers:
        for case in table:
            outcome = servers.play(case, entries)
            name = (
                "surprise" if outcome.problem else "documented difference" if outcome.differences else "equal"
            )
            totals[name] += 1
            if options.verbose:
                print(f"{case.id}: {outcome.reference.summary()}")
            if outcome.problem and options.brief:
                kinds = ", ".join(sorted({difference.kind for difference in outcome.differences}))
                change = f"{outcome.reference.summary()} -> {outcome.engine.summary()}"
                print(f"{case.id} [{case.app}]: {kinds}: {change}")
            elif outcome.problem:
                print(f"{case.id} [{case.app}]: {outcome.problem}")
        access = servers.compare_access_logs(entries)
    for problem in access:
        print(problem)
    summary = ", ".join(f"{count} {name}" for name, count in sorted(totals.items()))
    took = time.monotonic() - started
    print(f"{len(table)} cases, {options.against} against {options.server}: {summary}; {took:.1f} s")
    if access:
        print(f"{len(access)} cases differ in the access log")
    return 1 if totals["surprise"] or access else 0


if __name__ == "__main__":
    sys.exit(main())
