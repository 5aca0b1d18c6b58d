"""Which callables are known to be pydantic's or Python's own, and to have no effect one could notice."""

from __future__ import annotations

import sys
import uuid
from functools import partial
from types import FunctionType, MethodType
from typing import Any

_STOCK_MODULES = frozenset(
    {
        "pydantic._internal._generate_schema",
        "pydantic._internal._validators",
        "pydantic.color",
        "pydantic.networks",
        "pydantic.types",
    }
)

_PURE_FACTORIES = (list, dict, set, frozenset, tuple, str, bytes, int, float, bool, uuid.uuid4)


def is_pure_factory(factory: object) -> bool:
    """Whether nobody can tell how often `factory()` was called."""
    return any(factory is known for known in _PURE_FACTORIES)


def is_stock_class(cls: object) -> bool:
    """Whether `cls` is a class of pydantic or of the standard library (or one of `typing`'s stand-ins)."""
    module = getattr(cls, "__module__", None)
    if not isinstance(module, str):
        return False
    top = module.partition(".")[0]
    return top != "__main__" and (top in ("pydantic", "pydantic_core") or top in sys.stdlib_module_names)


def is_stock_function(function: object) -> bool:
    """Whether `function` is a validator of pydantic's, with nothing of the user's bound into it."""
    if isinstance(function, type):
        return is_stock_class(function)
    if type(function) is partial:
        bound = (*function.args, *function.keywords.values())
        return is_stock_function(function.func) and all(map(_is_constant, bound))
    if type(function) is MethodType:
        owner = function.__self__
        return isinstance(owner, type) and is_stock_class(owner) and is_stock_function(function.__func__)
    if type(function) is not FunctionType or function.__module__ not in _STOCK_MODULES:
        return False
    cells: tuple[Any, ...] = function.__closure__ or ()
    return all(_is_constant(cell.cell_contents) or is_stock_function(cell.cell_contents) for cell in cells)


def _is_constant(value: object) -> bool:
    return value is None or type(value) in (bool, int, float, str, bytes) or is_stock_value(value)


def is_stock_value(value: object) -> bool:
    """Whether `value` is an immutable object of the standard library, such as a `Decimal` or a `date`."""
    return type(value).__module__ in ("datetime", "decimal", "_decimal", "uuid", "fractions")


def inherits(cls: type, *names: str) -> bool:
    """Whether `cls` has the attributes `names`, if any, from pydantic or the standard library."""
    return all(is_stock_class(kind) for kind in cls.__mro__ if any(name in vars(kind) for name in names))
