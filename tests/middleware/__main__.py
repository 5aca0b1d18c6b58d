"""`python -m tests.middleware --requests 100000 --seed 1`: generated middleware on the engine and uvicorn."""

from __future__ import annotations

import argparse
import logging
import sys

from tests.middleware.fuzz import Tally, play


def main() -> int:
    """Returns 1 if an answer differed."""
    parser = argparse.ArgumentParser(prog="python -m tests.middleware", description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--each", type=int, default=250, help="requests to each app")
    parser.add_argument("--app", type=int, help="only this app of the run")
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    tally = Tally()
    numbers = range(-(-arguments.requests // arguments.each)) if arguments.app is None else [arguments.app]
    found = 0
    for number in numbers:
        for finding in play(arguments.seed, number, arguments.each, tally):
            found += 1
            if found <= 20:
                print(finding, "\n", flush=True)
        if number % 50 == 49:
            print(f"{tally.requests} requests, {found} differences", flush=True)
    print(f"seed {arguments.seed}: {tally.requests} requests to {tally.apps} apps, {found} differences")
    print(f"  answered by: {dict(tally.tiers)}")
    print(f"  statuses: {dict(tally.statuses.most_common())}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
