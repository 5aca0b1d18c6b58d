"""Who takes part: one TOML file each in ``contenders/``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
FILES = HERE / "contenders"
APPS = HERE / "apps"
SHARED = APPS / "shared"
ASIDE = "Aside"
"""The group of contenders that take part only when they are named."""


@dataclass(frozen=True)
class Contender:
    """A server with an application.

    In ``command``, ``workers`` and the values of ``env`` these are filled in: ``{python}`` and ``{bin}`` of
    its environment, ``{binaries}``, ``{module}``, ``{port}`` and ``{workers}``.
    """

    name: str
    title: str
    group: str
    rank: int
    """Place in tables."""
    command: tuple[str, ...]
    workers: tuple[str, ...] = ()
    """Options for a number of worker processes; without them it has one only."""
    app: str = ""
    """Folder in ``apps/``."""
    suites: tuple[str, ...] = ("basic",)
    requirements: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    """Requirements that are left out where they do not install."""
    needs: tuple[str, ...] = ()
    """Modules that must be there when no environment is made."""
    own: bool = False
    """Runs in the interpreter's own environment."""
    versions: tuple[str, ...] = ()
    """Packages whose versions are recorded."""
    env: dict[str, str] = field(default_factory=dict)
    only: tuple[str, ...] = ()
    """Workloads that it has; all of its suites if empty."""
    without: dict[str, str] = field(default_factory=dict)
    """Workloads that it does not have, with all their variants or only one, each with the reason."""

    @property
    def usual(self) -> bool:
        """Takes part unless others are named; an aside is there to tell the reason of a figure."""
        return self.group != ASIDE

    def folder(self) -> Path:
        """Where its application is; it is started there."""
        return APPS / self.app


def load_contenders() -> dict[str, Contender]:
    """All contenders, in the order of tables."""
    common = tomllib.loads((FILES / "common.toml").read_text())
    found = []
    for path in FILES.glob("*.toml"):
        if path.stem == "common":
            continue
        facts = tomllib.loads(path.read_text())
        names = facts.pop("include", ())
        included = [line for name in names for line in common[name]]
        facts["optional"] = [line for name in names for line in common.get(f"{name}-optional", ())]
        facts["requirements"] = [*facts.get("requirements", ()), *included]
        app = facts.get("app")
        suites = tuple(
            module
            for module in ("basic", "stack", "techempower", "arena")
            if app and (APPS / app / f"{module}.py").exists()
        )
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in facts.items()
        }
        found.append(Contender(path.stem, suites=suites or ("basic",), **values))
    return {contender.name: contender for contender in sorted(found, key=lambda each: each.rank)}
