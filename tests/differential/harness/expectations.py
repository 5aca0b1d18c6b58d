"""The documented differences: `expected_differences.toml`, read strictly."""

from __future__ import annotations

import fnmatch
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

from .compare import KINDS, Difference
from .transcript import Transcript

PATH = Path(__file__).resolve().parent.parent / "expected_differences.toml"


@dataclass(frozen=True)
class Expectation:
    """One entry: which cases differ, in what, why, and by which source."""

    ids: tuple[str, ...]
    kinds: frozenset[str]
    reason: str
    source: str
    engine: str | None = None

    def covers(self, case_id: str) -> bool:
        """Whether the entry speaks of this case."""
        return any(fnmatch.fnmatchcase(case_id, pattern) for pattern in self.ids)


def load(path: Path = PATH) -> list[Expectation]:
    """All entries; ValueError for an entry that is not complete or names an unknown kind."""
    entries = []
    for number, table in enumerate(tomllib.loads(path.read_text()).get("difference", []), 1):
        unknown = set(table) - {"ids", "kinds", "reason", "source", "engine", "before_python"}
        if unknown or not (
            table.get("ids") and table.get("kinds") and table.get("reason") and table.get("source")
        ):
            raise ValueError(
                f"{path.name}: entry {number} is incomplete or has unknown keys {sorted(unknown)}"
            )
        if not set(table["kinds"]) <= set(KINDS):
            raise ValueError(f"{path.name}: entry {number} has unknown kinds")
        # The servers run on this interpreter.
        before = table.get("before_python")
        if before is not None and sys.version_info >= tuple(int(part) for part in before.split(".")):
            continue
        entries.append(
            Expectation(
                tuple(table["ids"]),
                frozenset(table["kinds"]),
                table["reason"],
                table["source"],
                table.get("engine"),
            )
        )
    return entries


def access_log_may_differ(case_id: str, entries: list[Expectation]) -> bool:
    """Whether a difference in the access log is documented for this case."""
    return any("access-log" in entry.kinds and entry.covers(case_id) for entry in entries)


def judge(
    case_id: str, differences: list[Difference], engine: Transcript, entries: list[Expectation]
) -> str | None:
    """None if what differs is exactly what is documented, else a message that says what is surprising."""
    matching = [entry for entry in entries if entry.covers(case_id)]
    expected = frozenset[str]().union(*(entry.kinds for entry in matching)) - {"access-log"}
    found = frozenset(difference.kind for difference in differences)
    details = "\n".join(f"  {difference}" for difference in differences)
    if found - expected:
        return f"undocumented difference: {', '.join(sorted(found - expected))}\n{details}"
    if expected - found:
        return f"documented difference did not show: {', '.join(sorted(expected - found))}\n{details}"
    for entry in matching:
        if entry.engine is not None and entry.engine != engine.summary():
            return f"the engine answered `{engine.summary()}`, documented is `{entry.engine}`\n{details}"
    return None
