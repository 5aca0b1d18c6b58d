"""The settings of the engine's layers.

Each class is one layer; an instance is its settings, checked when it is made. The layers run in a fixed order
(`ORDER`), whichever order they are given in.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from typing import Any, ClassVar

from turboapi.errors import ConfigError

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


class EngineLayer:
    """What all layers have in common; `Config.middleware` takes instances of its subclasses."""

    name: ClassVar[str]
    """The layer's name in the engine."""

    def settings(self) -> dict[str, Any]:
        """What the engine gets."""
        return {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)  # type: ignore[arg-type]
        }

    def _fail(self, problem: str) -> ConfigError:
        return ConfigError(f"{type(self).__name__}: {problem}")

    def _check_header(self, field: str) -> None:
        value = getattr(self, field)
        if not isinstance(value, str) or not _TOKEN.fullmatch(value):
            raise self._fail(
                f"{field} is {value!r}; it must be the name of a header, such as 'x-request-id'."
            )

    def _check_size(self, field: str, least: int = 0) -> None:
        value = getattr(self, field)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise self._fail(f"{field} is {value!r}; it must be a whole number of bytes, at least {least}.")


@dataclasses.dataclass(frozen=True)
class RequestId(EngineLayer):
    """A name for each request: as a request header for the app, in the response, and in the access log.

    `header` carries it in both directions. With `accept_incoming` the id that a request brings is kept if it
    is harmless (1 to 128 letters, digits and `-_.:;=+/@~`); other requests get 32 random hexadecimal digits.
    """

    name: ClassVar[str] = "request_id"

    header: str = "x-request-id"
    accept_incoming: bool = True

    def __post_init__(self) -> None:
        self._check_header("header")


@dataclasses.dataclass(frozen=True)
class BodyLimit(EngineLayer):
    """Request bodies of at most `limit` bytes; larger ones get 413 and the connection is closed.

    An announced length counts before the app is called, a chunked body as it is read.
    """

    name: ClassVar[str] = "body_limit"

    limit: int

    def __post_init__(self) -> None:
        self._check_size("limit")


ORDER: tuple[type[EngineLayer], ...] = (RequestId, BodyLimit)
"""All layers, outermost first."""


def combined(*sources: Iterable[EngineLayer]) -> list[EngineLayer]:
    """The layers of all sources, outermost first; of two of a kind that of the later source counts."""
    chosen: dict[type[EngineLayer], EngineLayer] = {}
    for source in sources:
        chosen.update((type(layer), layer) for layer in source)
    return [chosen[kind] for kind in ORDER if kind in chosen]


def check_layers(name: str, layers: object) -> None:
    """Raise `ConfigError` unless `layers`, called `name`, are layers of the engine, no two of a kind."""
    if isinstance(layers, (str, bytes)) or not isinstance(layers, Iterable):
        raise ConfigError(f"{name} is {layers!r}; it must be a list of layers of turboapi.middleware.")
    seen: set[type] = set()
    for layer in layers:
        if type(layer) not in ORDER:
            hint = "" if not isinstance(layer, type) else " Give an instance, not the class."
            known = ", ".join(kind.__name__ for kind in ORDER)
            raise ConfigError(
                f"{name} has {layer!r}, which is no layer of the engine ({known})."
                f"{hint} ASGI middleware belongs on the app: app.add_middleware(...)."
            )
        if type(layer) in seen:
            raise ConfigError(f"{name} has {type(layer).__name__} twice; give it once.")
        seen.add(type(layer))
