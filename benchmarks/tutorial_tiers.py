"""Which tier the routes of FastAPI's tutorial run in, and why.

python -m benchmarks.tutorial_tiers            print the shares
python -m benchmarks.tutorial_tiers --write    and write them to benchmarks/results/

The applications are those of `docs_src` in FastAPI's source distribution, imported in the environment of the
conformance suite. Every variant of an example counts; documentation pages do not.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import json
import os
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks import machine

TIERS = ("native", "python", "asgi")
AIM = 85
"""Percent of the routes that are to run from a plan, native or python."""


def main() -> int:
    """Exit code 1 if fewer routes than aimed at have a plan."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tutorial_tiers")
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child is not None:
        print(json.dumps(_survey(arguments.child)))
        return 0
    found = _run()
    page = render(found)
    print(page)
    if arguments.write:
        machine.record("tutorial_tiers", {"machine": machine.describe(), **found}, page)
    return 0 if planned_share(found["routes"]) >= AIM else 1


def planned_share(routes: list[dict[str, Any]]) -> float:
    """Percent of the routes that have a plan."""
    planned = sum(1 for route in routes if route["tier"] != "asgi")
    return 100 * planned / len(routes)


def render(found: dict[str, Any]) -> str:
    """The result as Markdown."""
    routes = found["routes"]
    lines = [
        "# Tiers of the routes in FastAPI's tutorial",
        "",
        f"{len(routes)} routes of {found['apps']} applications in {found['modules']} modules of `docs_src`,",
        f"FastAPI {found['fastapi']}, Python {found['python']}. Made by `make tutorial-tiers`.",
        "",
        "| tier | routes | share |",
        "|---|---:|---:|",
    ]
    tiers = Counter(route["tier"] for route in routes)
    lines += [f"| {tier} | {tiers[tier]} | {100 * tiers[tier] / len(routes):.1f} % |" for tier in TIERS]
    share = planned_share(routes)
    verdict = "met" if share >= AIM else "not met"
    lines += ["", f"From a plan: {share:.1f} %; aimed at: {AIM} %, {verdict}.", ""]
    for tier in TIERS[1:]:
        reasons = Counter(_kind(route["reason"]) for route in routes if route["tier"] == tier)
        lines += [f"## Why routes are {tier}", "", "| reason | routes |", "|---|---:|"]
        lines += [f"| {reason} | {number} |" for reason, number in reasons.most_common()]
        lines.append("")
    if found["not_imported"]:
        lines += ["## Modules that cannot be imported here", ""]
        lines += [f"- `{module}`: {reason}" for module, reason in found["not_imported"]]
        lines.append("")
    return "\n".join(lines)


def _kind(reason: str) -> str:
    """A reason without the names of the application."""
    words = reason.split()
    kept = ["..." if word.startswith(("'", "(")) or word.endswith((".py", ")")) else word for word in words]
    if words[0] == "dependency" and words[2:4] == ["uses", "yield"]:
        kept[1] = "..."
    if words[:3] == ["its", "route", "class"]:
        kept[3] = "..."
    return " ".join(word for at, word in enumerate(kept) if word != "..." or kept[at - 1] != "...")


def _run() -> dict[str, Any]:
    from tests.conformance.environment import ROOT, prepare
    from tests.conformance.expectations import Expectations

    expectations = Expectations.load()
    environment = prepare(expectations.version, expectations.sha256)
    path = [str(environment.suite), str(ROOT), os.environ.get("PYTHONPATH", "")]
    environ = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, path)),
        "ADMIN_EMAIL": "admin@example.com",
    }
    with tempfile.TemporaryDirectory() as directory:
        # Some modules open databases and files where they are started.
        for name in ("static", "templates", "dist"):
            (Path(directory) / name).mkdir()
        done = subprocess.run(
            [str(environment.python), "-m", "benchmarks.tutorial_tiers", "--child", str(environment.suite)],
            cwd=directory,
            env=environ,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _survey(suite: Path) -> dict[str, Any]:
    import fastapi
    from fastapi import FastAPI

    from turboapi.plans.explain import explain

    warnings.simplefilter("ignore")
    modules = sorted(suite.glob("docs_src/**/*.py"))
    routes: list[dict[str, Any]] = []
    not_imported: list[tuple[str, str]] = []
    apps: dict[int, FastAPI] = {}
    for file in modules:
        name = ".".join(file.relative_to(suite).with_suffix("").parts).removesuffix(".__init__")
        if "sqlmodel" in sys.modules:
            # Several examples declare a table of the same name.
            sys.modules["sqlmodel"].SQLModel.metadata.clear()
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                module = importlib.import_module(name)
        except BaseException as error:
            text = f"{type(error).__name__}: {error}".partition("\n")[0].partition(". ")[0]
            not_imported.append((name, text.replace(os.getcwd(), "...")))
            continue
        for value in list(vars(module).values()):
            if isinstance(value, FastAPI) and id(value) not in apps:
                apps[id(value)] = value
                explanation = explain(value)
                for route in explanation["routes"]:
                    if not route["documentation"]:
                        kept = {key: route[key] for key in ("methods", "path", "tier", "reason")}
                        routes.append({"module": name, **kept})
                if explanation["plans"] == "off":
                    not_imported.append((name, f"no plans: {explanation['reason']}"))
    return {
        "fastapi": fastapi.__version__,
        "python": ".".join(map(str, sys.version_info[:2])),
        "modules": len(modules),
        "apps": len(apps),
        "routes": routes,
        "not_imported": not_imported,
    }


if __name__ == "__main__":
    sys.exit(main())
