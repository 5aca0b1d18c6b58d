"""Looks for a smaller module and a smaller request that show the same difference."""

from __future__ import annotations

import re
from pathlib import Path

from .apps import App
from .duel import Duel
from .hunt import Finding, write

#: Times that a request is sent: a callable may run inline only after some calls.
ATTEMPTS = 25


def minimise(finding: Finding, directory: Path) -> str:
    """The smallest module found, as text, and the request."""
    if finding.difference is None or not finding.request.data:
        return "(only answers are made smaller)"
    made = finding.app
    everything = range(len(made.additions))
    alone = {finding.request.route}
    choices: list[tuple[set[str] | None, list[int]]] = [(alone, []), (alone, list(everything))]
    choices += [(None, []), (None, list(everything))]
    for routes, additions in choices:
        if (data := _differs(made, routes, additions, finding, directory)) is not None:
            for number in list(additions):
                fewer = [other for other in additions if other != number]
                if (again := _differs(made, routes, fewer, finding, directory)) is not None:
                    additions, data = fewer, again
            return _text(made, routes, additions, data)
    return "(did not show again with the whole module alone: it needs the requests before)"


def _differs(
    made: App, routes: set[str] | None, additions: list[int], finding: Finding, directory: Path
) -> bytes | None:
    source = made.render(routes, additions)
    module = "smaller_" + re.sub(r"\W", "_", made.title.rpartition(" ")[2])
    write(directory, module, source)
    with Duel(directory, module, made.options) as duel:
        duel.wait()
        if duel.refused or not _shows(duel, finding, finding.request.data):
            return None
        return _shorter(duel, finding)


def _shows(duel: Duel, finding: Finding, data: bytes) -> bool:
    for _ in range(ATTEMPTS):
        difference = duel.ask(data, finding.request.method)
        if difference is not None:
            return finding.difference is not None and difference.kinds == finding.difference.kinds
    return False


def _shorter(duel: Duel, finding: Finding) -> bytes:
    data = finding.request.data
    changed = True
    while changed:
        changed = False
        for candidate in _candidates(data):
            if _shows(duel, finding, candidate):
                data, changed = candidate, True
                break
    return data


def _candidates(data: bytes) -> list[bytes]:
    head, _, body = data.partition(b"\r\n\r\n")
    first, *fields = head.split(b"\r\n")
    found = []
    for index, line in enumerate(fields):
        if not line.lower().startswith((b"host:", b"content-length:", b"transfer-encoding:")):
            found.append(b"\r\n".join([first, *fields[:index], *fields[index + 1 :]]) + b"\r\n\r\n" + body)
    method, target, version = first.split(b" ")
    path, mark, query = target.partition(b"?")
    pairs = query.split(b"&") if mark else []
    for index in range(len(pairs)):
        rest = b"&".join(pairs[:index] + pairs[index + 1 :])
        shorter = path + (b"?" + rest if rest else b"")
        found.append(b"\r\n".join([b" ".join([method, shorter, version]), *fields]) + b"\r\n\r\n" + body)
    return found


def _text(made: App, routes: set[str] | None, additions: list[int], data: bytes) -> str:
    source = made.render(routes, additions)
    # The preamble is the same for all.
    return f"smaller:\n{source.partition('return JSONResponse(JOURNAL)')[2].strip()}\nrequest: {data!r}"
