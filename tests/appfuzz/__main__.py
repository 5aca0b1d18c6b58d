"""`python -m tests.appfuzz --requests 100000 --seed 1`: generated apps on both servers, byte for byte."""

from __future__ import annotations

import argparse
import signal
import sys

from .duel import ENGINE, REFERENCE, Answer
from .hunt import Finding, Hunt, Tally, workspace
from .minimise import minimise

#: Requests that one app gets if `--apps` does not say otherwise.
REQUESTS_EACH = 1500


def main() -> int:
    """0 when nothing differed."""
    parser = argparse.ArgumentParser(prog="python -m tests.appfuzz", description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--apps", type=int, help="number of apps")
    parser.add_argument("--app", type=int, help="only the app with this number")
    parser.add_argument("--routes", type=int, default=25, help="routes of an app")
    parser.add_argument("--brief", action="store_true", help="one line a difference")
    parser.add_argument("--keep", action="store_true", help="keep the generated modules")
    parser.add_argument(
        "--minimise", action="store_true", help="look for a smaller module that shows the same"
    )
    parser.add_argument("--most", type=int, default=50, help="stop after so many different findings")
    options = parser.parse_args()
    # Without it, a terminated run would leave its servers behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    apps = options.apps or max(1, options.requests // REQUESTS_EACH)
    numbers = list(range(apps)) if options.app is None else [options.app]
    requests = options.requests if options.app is None else options.requests // apps
    with workspace(options.keep) as directory:
        hunt = Hunt(options.seed, directory, routes=options.routes)
        if options.keep:
            print(f"modules in {directory}")
        for event in hunt.run(numbers, requests):
            if isinstance(event, Tally):
                print(_progress(event, len(numbers)), flush=True)
            else:
                print(_line(event) if options.brief else _report(event), flush=True)
                if options.minimise:
                    print(minimise(event, directory), flush=True)
            if len(hunt.tally.findings) >= options.most:
                print(f"stopped after {options.most} findings")
                break
        tally = hunt.tally
    print(_summary(tally, options.seed))
    return 1 if tally.findings else 0


def _progress(tally: Tally, apps: int) -> str:
    done = f"{tally.apps}/{apps} apps, {tally.requests} requests, {tally.rate:.0f} a second"
    return f"{done}, {len(tally.findings)} findings"


def _summary(tally: Tally, seed: int) -> str:
    total = sum(len(found) for found in tally.findings.values())
    lines = [
        "statuses: " + ", ".join(f"{count} x {status}" for status, count in tally.statuses.most_common())
    ]
    if tally.tiers:
        tiers = ", ".join(f"{count} {tier}" for tier, count in tally.tiers.most_common())
        lines.append(f"by who answered: {tiers}; {tally.inline} calls of def functions inline")
    if tally.dispatch_apps:
        functions = tally.dispatch.pop("functions")
        features = ", ".join(f"{count} {feature}" for feature, count in tally.dispatch.most_common())
        lines.append(
            f"{functions} dispatch functions in {tally.dispatch_apps} apps with {tally.dispatch_requests} "
            f"requests, {tally.substitutes} of them without a task group: {features}"
        )
    if tally.refused:
        lines.append(f"{tally.refused} apps that FastAPI refused")
    played = f"{tally.requests} requests to {tally.apps} apps (seed {seed}), {ENGINE} against {REFERENCE}"
    lines.append(f"{played}: {total} differences in {len(tally.findings)} places")
    return "\n".join(lines)


def _line(finding: Finding) -> str:
    kinds = ", ".join(finding.difference.kinds) if finding.difference else finding.note[:300]
    change = (
        f": {_short(finding.difference.reference)} -> {_short(finding.difference.engine)}"
        if finding.difference
        else ""
    )
    return f"{finding.app.title}, {finding.request.route}: {kinds}{change} for {finding.request.data[:200]!r}"


def _short(answer: Answer) -> str:
    return answer if isinstance(answer, str) else f"{answer.status} {answer.body[:80]!r}"


def _report(finding: Finding) -> str:
    lines = [f"--- {finding.app.title}, {finding.request.route}"]
    route = next((route for route in finding.app.routes if route.name == finding.request.route), None)
    if route is not None:
        lines += [route.render(), f"template: {route.template}"]
    lines.append(f"request: {finding.request.data!r}")
    if finding.difference is None:
        lines.append(finding.note)
    else:
        lines += [f"differs: {', '.join(finding.difference.kinds)}"]
        lines += [
            f"  {name}: {_full(answer)}"
            for name, answer in (
                (REFERENCE, finding.difference.reference),
                (ENGINE, finding.difference.engine),
            )
        ]
    return "\n".join(lines)


def _full(answer: Answer) -> str:
    if isinstance(answer, str):
        return answer
    how = f"{answer.framing} {answer.chunks}{'' if answer.complete else ' (cut)'}"
    return f"{answer.status_line.decode('latin-1')} {answer.headers} {how} {answer.body[:1500]!r}"


if __name__ == "__main__":
    sys.exit(main())
