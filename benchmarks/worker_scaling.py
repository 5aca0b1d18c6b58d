"""Throughput and CPU time by worker processes, on any Python.

    python -m benchmarks.worker_scaling [--workers 1,2,4] [--rounds 3] [--seconds 2] [--quick]

The cases and the method are those of ``scaling.py``. Results go to ``benchmarks/results`` unless ``--quick``.
"""

from __future__ import annotations

import argparse

from benchmarks.machine import record
from benchmarks.scaling import Variant, render, run


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.worker_scaling",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--workers", default="1,2,4")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each single measurement")
    parser.add_argument("--quick", action="store_true", help="one short round; writes nothing")
    options = parser.parse_args()
    variants = {count: Variant(("--workers", count)) for count in options.workers.split(",")}
    rounds, seconds = (1, 0.8) if options.quick else (options.rounds, options.seconds)
    result = run(variants, rounds=rounds, seconds=seconds)
    page = render(result, title="Worker processes", module="worker_scaling", column="workers", notes=[])
    print(page)
    if not options.quick:
        record("worker_scaling", result, page)


if __name__ == "__main__":
    main()
