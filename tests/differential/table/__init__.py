"""The table of cases, one module a subject; each module has a list `CASES`."""

from __future__ import annotations

import importlib
import pkgutil
from importlib.util import find_spec

from ..harness.case import Case
from ..harness.servers import SPECS


def cases() -> list[Case]:
    """The cases whose app can run here."""
    missing = {app for app, spec in SPECS.items() if spec.needs and find_spec(spec.needs) is None}
    return [case for case in all_cases() if case.app not in missing]


def all_cases() -> list[Case]:
    """All cases, in the order of the modules' names; ValueError for an id that is used twice."""
    found: list[Case] = []
    for module in sorted(info.name for info in pkgutil.iter_modules(__path__)):
        if not module.startswith("_"):
            found += importlib.import_module(f"{__name__}.{module}").CASES
    ids = [case.id for case in found]
    doubled = {id_ for id_ in ids if ids.count(id_) > 1}
    if doubled:
        raise ValueError(f"ids used twice: {sorted(doubled)}")
    return found
