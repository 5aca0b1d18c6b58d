"""What the settings of all layers have in common."""

from __future__ import annotations

import dataclasses
import re
from typing import Any, ClassVar

from turboapi.errors import ConfigError

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_FIELD_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")


class EngineLayer:
    """What all layers have in common; `Config.middleware` takes instances of its subclasses."""

    name: ClassVar[str]
    """The layer's name in the engine."""

    @classmethod
    def label(cls) -> str:
        """The layer's name for readers."""
        return cls.name.replace("_", " ")

    def settings(self) -> dict[str, Any]:
        """What the engine gets."""
        fields = dataclasses.fields(self)  # type: ignore[arg-type]
        return {field.name: getattr(self, field.name) for field in fields}

    def _fail(self, problem: str) -> ConfigError:
        return ConfigError(f"{type(self).__name__}: {problem}")

    def _check_header(self, field: str) -> None:
        value = getattr(self, field)
        if not isinstance(value, str) or not _TOKEN.fullmatch(value):
            raise self._fail(
                f"{field} is {value!r}; it must be the name of a header, such as 'x-request-id'."
            )

    def _check_value(self, field: str) -> None:
        value = getattr(self, field)
        if value is not None and not (isinstance(value, str) and _FIELD_VALUE.fullmatch(value)):
            raise self._fail(f"{field} is {value!r}; it must be the value of a header: one line of ASCII.")

    def _check_integer(self, field: str, least: int = 0, most: int | None = None) -> None:
        value = getattr(self, field)
        in_range = isinstance(value, int) and not isinstance(value, bool) and value >= least
        if not in_range or (most is not None and value > most):
            until = f"at least {least}" if most is None else f"from {least} to {most}"
            raise self._fail(f"{field} is {value!r}; it must be a whole number, {until}.")

    def _check_choice(self, field: str, allowed: tuple[Any, ...]) -> None:
        value = getattr(self, field)
        if value not in allowed:
            known = ", ".join(map(repr, allowed))
            raise self._fail(f"{field} is {value!r}; use one of {known}.")
