"""Finds the app that a `module:attribute` string names."""

from __future__ import annotations

import difflib
import importlib
from pathlib import Path


class ImportFromStringError(Exception):
    """The string does not lead to an object; the message says what to do about it."""


def import_from_string(target: object) -> object:
    """Import `"package.module:attribute.path"`; anything but a string is returned as it is.

    Raises `ImportFromStringError` when the string itself is wrong (its form, its module or its
    attribute). An error inside the module, a missing dependency for instance, is raised unchanged.
    """
    if not isinstance(target, str):
        return target
    module_name, _, attribute_path = target.partition(":")
    if not module_name or not attribute_path:
        raise ImportFromStringError(_format_error(target))

    try:
        instance: object = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise
        raise ImportFromStringError(_module_error(module_name, error.name)) from None

    for attribute in attribute_path.split("."):
        try:
            instance = getattr(instance, attribute)
        except AttributeError:
            raise ImportFromStringError(
                _attribute_error(module_name, attribute_path, attribute, instance)
            ) from None
    return instance


def _format_error(target: str) -> str:
    message = f'Import string "{target}" must be in format "<module>:<attribute>"'
    module = target.partition(":")[0]
    if "/" in module or module.endswith(".py"):
        module = module.removesuffix(".py").strip("./").replace("/", ".")
    if not module:
        return f'{message}, for example "main:app".'
    return f'{message}. Try "{module}:app".'


def _module_error(module_name: str, missing: str) -> str:
    message = f'Could not import module "{module_name}".'
    if "/" in module_name or module_name.endswith(".py"):
        dotted = module_name.removesuffix(".py").strip("./").replace("/", ".")
        return f'{message} Modules are named with dots and without ".py". Try "{dotted}".'
    if missing != module_name:
        message = f'{message} There is no module "{missing}".'
    return (
        f"{message} It is searched from {Path.cwd()} and on PYTHONPATH; start from the directory that "
        "contains it or name that directory with --app-dir."
    )


def _attribute_error(module_name: str, attribute_path: str, attribute: str, owner: object) -> str:
    message = f'Attribute "{attribute_path}" not found in module "{module_name}".'
    names = [name for name in dir(owner) if not name.startswith("_")]
    if close := difflib.get_close_matches(attribute, names, n=1):
        return f'{message} Did you mean "{close[0]}"?'
    if apps := [name for name in names if _looks_like_an_app(getattr(owner, name, None))]:
        return f'{message} It has {", ".join(f"{name!r}" for name in apps)}: try "{module_name}:{apps[0]}".'
    return f"{message} Check its name, and that it is assigned when the module is imported."


def _looks_like_an_app(candidate: object) -> bool:
    return any(cls.__module__.startswith(("fastapi.app", "starlette.app")) for cls in type(candidate).__mro__)
