"""Defaults of parameters: `deepcopy(field.default)` for each request, but for the copies nobody can tell."""

from __future__ import annotations

from copy import deepcopy
from enum import Enum
from functools import partial
from typing import Any

from fastapi._compat.v2 import ModelField
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from turboapi.plans.callables import inherits, is_pure_factory, is_stock_value
from turboapi.plans.reasons import NotPlannable
from turboapi.plans.specs import DefaultSpec

_CONSTANTS = (type(None), str, bytes, int, float, complex, bool, type(...))


def default_spec(field: ModelField) -> DefaultSpec:
    """What a request without a value gets (`_validate_value_with_model_field` of FastAPI)."""
    info = field.field_info
    if info.is_required():
        return DefaultSpec("required", None, False)
    validate = bool(info.validate_default)
    if info.default_factory is not None:
        if not is_pure_factory(info.default_factory):
            raise NotPlannable("runs user code while validating (default_factory)")
        return DefaultSpec("made", info.default_factory, validate)
    if is_constant(info.default):
        return DefaultSpec("constant", info.default, validate)
    if type(info.default) in (list, dict) and all(map(is_constant, _parts(info.default))):
        return DefaultSpec("made", info.default.copy, validate)
    if not is_copied_without_user_code(info.default):
        raise NotPlannable("runs user code while validating (a copy of its default)")
    return DefaultSpec("made", partial(_fresh, field), validate)


def _fresh(field: ModelField) -> Any:
    return deepcopy(field.default)


def _parts(container: Any) -> tuple[object, ...]:
    return (*container, *container.values()) if type(container) is dict else tuple(container)


def is_constant(value: object) -> bool:
    """Whether a copy of `value` could be told from it by its identity at most."""
    if type(value) in _CONSTANTS or value is PydanticUndefined:
        return True
    if type(value) in (tuple, frozenset):
        return all(map(is_constant, value))  # type: ignore[call-overload]
    return is_stock_value(value) or (isinstance(value, Enum) and inherits(type(value), "__deepcopy__"))


def is_copied_without_user_code(value: object) -> bool:
    """Whether `deepcopy(value)` runs nothing but Python's and pydantic's own code."""
    if is_constant(value):
        return True
    if type(value) in (list, set, tuple, frozenset):
        return all(map(is_copied_without_user_code, value))  # type: ignore[call-overload]
    if type(value) is dict:
        return all(is_constant(key) and is_copied_without_user_code(item) for key, item in value.items())
    if isinstance(value, BaseModel) and inherits(type(value), "__deepcopy__", "__new__"):
        parts = (value.__dict__, value.__pydantic_extra__, value.__pydantic_private__)
        return all(map(is_copied_without_user_code, parts))
    return False
