"""The settings of the engine's layers.

Each class is one layer; an instance is its settings, checked when it is made. The layers run in a fixed order
(`ORDER`), whichever order they are given in. Each does its work in the module of its name in
`crates/turbo-middleware`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from typing import Any, ClassVar, Literal, get_args

from turboapi.errors import ConfigError
from turboapi.middleware.base import EngineLayer
from turboapi.middleware.limits import LoadShedding, RateLimit
from turboapi.middleware.metrics import Metrics


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


ReferrerPolicy = Literal[
    "no-referrer",
    "no-referrer-when-downgrade",
    "origin",
    "origin-when-cross-origin",
    "same-origin",
    "strict-origin",
    "strict-origin-when-cross-origin",
    "unsafe-url",
]


@dataclasses.dataclass(frozen=True)
class SecurityHeaders(EngineLayer):
    """Response headers that tell browsers to be careful, unless the app has set them itself; None omits one.

    `hsts_max_age` (seconds) makes browsers use HTTPS only for that long, which cannot be taken back; it is
    sent to clients that came by HTTPS, as the trusted proxy says. `content_security_policy` has to fit the
    app's pages; FastAPI's documentation pages load their scripts from a CDN.
    """

    name: ClassVar[str] = "security_headers"

    content_type_options: bool = True
    frame_options: Literal["DENY", "SAMEORIGIN"] | None = "DENY"
    referrer_policy: ReferrerPolicy | None = "strict-origin-when-cross-origin"
    content_security_policy: str | None = None
    hsts_max_age: int | None = None
    hsts_include_subdomains: bool = False
    hsts_preload: bool = False

    def __post_init__(self) -> None:
        self._check_choice("frame_options", ("DENY", "SAMEORIGIN", None))
        self._check_choice("referrer_policy", (*get_args(ReferrerPolicy), None))
        self._check_value("content_security_policy")
        if self.hsts_max_age is not None:
            self._check_integer("hsts_max_age")
        elif self.hsts_include_subdomains or self.hsts_preload:
            raise self._fail("hsts_include_subdomains and hsts_preload need hsts_max_age.")
        if not self._headers():
            raise self._fail("no header is left; remove the layer.")

    def settings(self) -> dict[str, Any]:
        """The headers to add."""
        return {"headers": self._headers()}

    def _headers(self) -> list[tuple[str, str]]:
        hsts = None
        if self.hsts_max_age is not None:
            hsts = f"max-age={self.hsts_max_age}"
            hsts += "; includeSubDomains" if self.hsts_include_subdomains else ""
            hsts += "; preload" if self.hsts_preload else ""
        headers = {
            "x-content-type-options": "nosniff" if self.content_type_options else None,
            "x-frame-options": self.frame_options,
            "referrer-policy": self.referrer_policy,
            "content-security-policy": self.content_security_policy,
            "strict-transport-security": hsts,
        }
        return [(name, value) for name, value in headers.items() if value is not None]


@dataclasses.dataclass(frozen=True)
class Timeout(EngineLayer):
    """503 for requests whose response has not begun after `seconds`, reading the request's body included.

    To the app it is as if the client had gone away: an async endpoint that waits for it gets
    `http.disconnect`, and what runs is not cancelled. Responses that have begun may last, WebSockets too.
    `status` 504 is what some proxies and clients expect in place of 503.
    """

    name: ClassVar[str] = "timeout"

    seconds: float
    status: Literal[503, 504] = 503

    def __post_init__(self) -> None:
        value = self.seconds
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
            raise self._fail(f"seconds is {value!r}; it must be a number above zero.")
        self._check_choice("status", (503, 504))

    def settings(self) -> dict[str, Any]:
        """Both fields, the time as a float."""
        return {"seconds": float(self.seconds), "status": self.status}


@dataclasses.dataclass(frozen=True)
class BodyLimit(EngineLayer):
    """Request bodies of at most `limit` bytes; larger ones get 413 and the connection is closed.

    An announced length counts before the app is called, a chunked body as it is read.
    """

    name: ClassVar[str] = "body_limit"

    limit: int

    def __post_init__(self) -> None:
        self._check_integer("limit", most=2**63 - 1)


Coding = Literal["gzip", "br", "zstd"]


@dataclasses.dataclass(frozen=True)
class Compression(EngineLayer):
    """Compresses responses for clients that accept it, streams as they flow; event streams never.

    `codings` are offered in this order: the client's preference decides first. Bodies below `minimum_size`
    bytes stay as they are, and so do types other than `content_types` ("text/*", "application/json", "+xml";
    None takes text, JSON, XML, JavaScript, SVG and the like). `gzip_level` is from 1 (fast) to 9 (small).
    """

    name: ClassVar[str] = "compression"

    codings: tuple[Coding, ...] = ("gzip",)
    minimum_size: int = 500
    gzip_level: int = 4
    content_types: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if isinstance(self.codings, str) or not self.codings:
            raise self._fail(f"codings is {self.codings!r}; it must be a tuple such as ('gzip', 'br').")
        known = get_args(Coding)
        for coding in self.codings:
            if coding not in known:
                raise self._fail(f"codings has {coding!r}; use {', '.join(known)}.")
        self._check_integer("minimum_size", most=2**63 - 1)
        self._check_integer("gzip_level", 1, 9)
        if isinstance(self.content_types, str):
            raise self._fail(
                f"content_types is {self.content_types!r}; it must be a tuple such as ('text/*',)."
            )

    def settings(self) -> dict[str, Any]:
        """The fields, sequences as lists."""
        types = None if self.content_types is None else list(self.content_types)
        return super().settings() | {"codings": list(self.codings), "content_types": types}


ORDER: tuple[type[EngineLayer], ...] = (
    RequestId,
    Metrics,
    SecurityHeaders,
    RateLimit,
    Timeout,
    BodyLimit,
    Compression,
    LoadShedding,
)
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
    known = ", ".join(kind.__name__ for kind in ORDER)
    seen: set[type] = set()
    for layer in layers:
        if layer in ORDER:
            raise ConfigError(
                f"{name} has the class {layer.__name__}; make an instance: {layer.__name__}(...)."
            )
        if type(layer) not in ORDER:
            raise ConfigError(
                f"{name} has {layer!r}, which is no layer of the engine ({known}). "
                "ASGI middleware belongs on the app: app.add_middleware(...)."
            )
        if type(layer) in seen:
            raise ConfigError(f"{name} has {type(layer).__name__} twice; give it once.")
        seen.add(type(layer))
