"""Throughput and CPU time by worker threads, on free-threaded Python.

    python3.14t -m benchmarks.free_threaded_scaling [--threads 1,2,4] [--rounds 3] [--seconds 2] [--quick]

The cases and the method are those of ``scaling.py``. As a control every case runs with the GIL switched on
(``PYTHON_GIL=1``) and as many threads as cores. Results go to ``benchmarks/results`` unless ``--quick``.
"""

from __future__ import annotations

import argparse
import os
import sys
import sysconfig

from benchmarks.machine import record
from benchmarks.scaling import Variant, render, run

CONTROL = "with the GIL"


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
    variants = {count: Variant(("--threads", count)) for count in options.threads.split(",")}
    variants[CONTROL] = Variant(("--threads", str(os.cpu_count() or 1)), {"PYTHON_GIL": "1"})
    rounds, seconds = (1, 0.8) if options.quick else (options.rounds, options.seconds)
    result = run(variants, rounds=rounds, seconds=seconds)
    page = render(
        result,
        title="Worker threads on free-threaded Python",
        module="free_threaded_scaling",
        column="threads",
        notes=[f'The row "{CONTROL}" is the control: as many threads as cores, `PYTHON_GIL=1`.'],
    )
    print(page)
    if not options.quick:
        record("free_threaded_scaling", result, page)


if __name__ == "__main__":
    main()
