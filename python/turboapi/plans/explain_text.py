"""`turboapi explain` for readers."""

from __future__ import annotations

from collections.abc import Iterator

from turboapi.plans.explain import (
    CallExplanation,
    Explanation,
    ParameterExplanation,
    RouteExplanation,
    summary_line,
)


def explanation_text(explanation: Explanation, *, verbose: bool = False) -> str:
    """A table of the routes and the summary; `verbose` adds what every route calls and takes."""
    lines = list(_table(explanation["routes"], verbose=verbose))
    if lines:
        lines.append("")
    lines.append(summary_line(explanation))
    lines.extend(_surroundings(explanation))
    return "\n".join(lines)


def _table(routes: list[RouteExplanation], *, verbose: bool) -> Iterator[str]:
    if not routes:
        return
    rows = [("METHODS", "PATH", "ENDPOINT", "TIER")]
    rows += [(_methods(route), route["path"], route["endpoint"], route["tier"]) for route in routes]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row, route in zip(rows, (None, *routes), strict=True):
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        if route is not None:
            yield from (f"    {line}" for line in _details(route, verbose=verbose))


def _methods(route: RouteExplanation) -> str:
    return "any" if route["methods"] is None else ",".join(route["methods"])


def _details(route: RouteExplanation, *, verbose: bool) -> Iterator[str]:
    if route["reason"] is not None:
        yield f"why: {route['reason']}"
    for call in route["calls"]:
        if verbose or call["mode_reason"] is not None:
            yield _call(call)
    if verbose and route["parameters"]:
        yield "takes " + ", ".join(map(_parameter, route["parameters"]))


_KINDS = {"async": "async", "sync": "sync", "gen": "sync, yield", "asyncgen": "async, yield"}


def _call(call: CallExplanation) -> str:
    where = _KINDS[call["kind"]]
    if call["mode"] is not None:
        where += f", {call['mode']}"
    if call["mode_reason"] is not None:
        where += f": {call['mode_reason']}"
    return f"{call['role']} {call['name']} ({where})"


_HOW = {"native": "", "validator": ", by its validator", "fastapi": ", by FastAPI"}


def _parameter(parameter: ParameterExplanation) -> str:
    return f"{parameter['name']} ({parameter['location']}{_HOW[parameter['how']]})"


def _surroundings(explanation: Explanation) -> Iterator[str]:
    middleware = explanation["middleware"]
    if middleware is None:
        return
    if middleware["direct"]:
        yield "middleware: none of yours; native routes answer without the middleware stack"
    else:
        classes = ", ".join(middleware["classes"]) or "FastAPI's own"
        yield f"middleware: {classes}; every request goes through it, plans run behind it"
        for name, how in zip(middleware["classes"], middleware["dispatch"], strict=True):
            if how is not None:
                yield f"    {name}: {how}"
    yield f"sync mode: {explanation['sync_mode']}"
