"""Runs FastAPI's test suite through our TestClient and compares the outcome with ``expectations.toml``.

python -m tests.conformance                  the whole suite
python -m tests.conformance --quick          a representative part, for every change
python -m tests.conformance --plans forced   with every def inline, so that no plan waits for threads
python -m tests.conformance --stock          with Starlette's own client: the reference
python -m tests.conformance tests/test_ws_router.py -- -x    files of the suite, and options for pytest
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.conformance.environment import Environment, prepare
from tests.conformance.expectations import Expectations, Selection, compare, summary

HERE = Path(__file__).resolve().parent


def main() -> int:
    """Exit code 0 if the run is as expected, 1 after a surprise, 2 if pytest itself could not run."""
    arguments = sys.argv[1:]
    split = arguments.index("--") if "--" in arguments else len(arguments)
    options, pytest_options = _parse(arguments[:split]), arguments[split + 1 :]
    expectations = Expectations.load()
    environment = prepare(expectations.version, expectations.sha256)

    selection = expectations.quick if options.quick else expectations.full
    if options.paths or pytest_options:
        selection = Selection(tuple(options.paths) or selection.paths, items=None)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory) / "report.json"
        status = _run_pytest(environment, report, [*selection.paths, *pytest_options], options)
        if status not in (0, 1) or not report.exists():
            print(f"pytest ended with status {status}", file=sys.stderr)
            return 2
        result = compare(json.loads(report.read_text()), expectations.entries, selection, stock=options.stock)
    client = "the stock TestClient" if options.stock else f"turboapi.testclient, route plans {options.plans}"
    print(f"\nFastAPI {expectations.version} through {client}, {time.monotonic() - started:.0f} s")
    print(summary(result))
    return 1 if result.surprises else 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.conformance",
        description="Run FastAPI's test suite through our TestClient.",
        epilog="Options after -- go to pytest.",
    )
    parser.add_argument("paths", nargs="*", help="files or items of the suite; default: all of it")
    parser.add_argument("--quick", action="store_true", help="a representative part")
    parser.add_argument(
        "--plans",
        choices=("on", "forced", "off"),
        default="on",
        help="run the apps from route plans (default), with every def inline, or by FastAPI alone",
    )
    parser.add_argument("--stock", action="store_true", help="Starlette's own client")
    parser.add_argument(
        "-n", "--processes", default="2", metavar="N", help="processes of pytest-xdist (default: 2)"
    )
    return parser.parse_args(arguments)


def _run_pytest(
    environment: Environment, report: Path, arguments: list[str], options: argparse.Namespace
) -> int:
    # The suite imports `docs_src` modules both ways, as its own scripts/test.sh sets it up.
    path = [str(HERE), str(environment.suite / "docs_src"), os.environ.get("PYTHONPATH", "")]
    command = [
        *(str(environment.python), "-m", "pytest", "--quiet", "--no-header", "--tb=short"),
        *("-p", "plugin", "-p", "no:cacheprovider", "-n", options.processes, "--dist", "loadgroup"),
        *("--conformance-client", "stock" if options.stock else "turboapi"),
        *("--conformance-report", str(report)),
        *arguments,
    ]
    environ = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, path)),
        "TURBOAPI_TEST_PLANS": options.plans,
    }
    return subprocess.run(command, cwd=environment.suite, env=environ, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
