"""The settings of built stock middleware, as the engine reads them.

A value of a kind that the engine would not read as Starlette does raises `NotPlannable`.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

from turboapi.plans.reasons import NotPlannable

Watch = tuple[Any, ...]


class Texts(NamedTuple):
    """Texts that are allowed."""

    exact: list[bytes]
    """In ISO-8859-1; what has no such bytes cannot be in a header."""
    checks: list[Callable[[str], object]]
    """Say whether another one is among them."""


class CorsSettings(NamedTuple):
    """A `CORSMiddleware`."""

    kind: str
    allow_origins: Texts
    allow_methods: Texts
    allow_headers: list[str]
    allow_all_origins: bool
    allow_all_headers: bool
    allow_credentials: bool
    preflight_explicit_allow_origin: bool
    allow_private_network: bool
    simple_headers: list[tuple[bytes, bytes]]
    preflight_headers: list[tuple[bytes, bytes]]


class GzipSettings(NamedTuple):
    """A `GZipMiddleware`."""

    kind: str
    minimum_size: int
    level: int
    thread_minimum_size: int
    excluded: list[str]
    compressobj: Callable[..., Any]


class TrustedHostSettings(NamedTuple):
    """A `TrustedHostMiddleware`."""

    kind: str
    allowed_hosts: list[str]
    allow_any: bool
    www_redirect: bool


class HttpsRedirectSettings(NamedTuple):
    """An `HTTPSRedirectMiddleware`."""

    kind: str


Settings = CorsSettings | GzipSettings | TrustedHostSettings | HttpsRedirectSettings


def cors(attributes: dict[str, Any]) -> tuple[CorsSettings, list[Watch]]:
    """A `CORSMiddleware` with these attributes, and what else must stay as it is."""
    watches: list[Watch] = []
    origins = _texts(attributes, "allow_origins", watches)
    pattern = attributes["allow_origin_regex"]
    if pattern is not None:
        if type(pattern) is not re.Pattern:
            raise NotPlannable(f"its allow_origin_regex is a {type(pattern).__name__}")
        origins.checks.insert(0, pattern.fullmatch)
    simple = _fields(attributes, "simple_headers", watches)
    preflight = _fields(attributes, "preflight_headers", watches)
    settings = CorsSettings(
        kind="cors",
        allow_origins=origins,
        allow_methods=_texts(attributes, "allow_methods", watches),
        allow_headers=_strings(attributes, "allow_headers", watches),
        allow_all_origins=_flag(attributes, "allow_all_origins"),
        allow_all_headers=_flag(attributes, "allow_all_headers"),
        allow_credentials=_flag(attributes, "allow_credentials"),
        preflight_explicit_allow_origin=_flag(attributes, "preflight_explicit_allow_origin"),
        allow_private_network=_flag(attributes, "allow_private_network"),
        simple_headers=simple,
        preflight_headers=preflight,
    )
    return settings, watches


def gzip(attributes: dict[str, Any]) -> tuple[GzipSettings, list[Watch]]:
    """A `GZipMiddleware`, and so on."""
    level = _integer(attributes, "compresslevel")
    if not -1 <= level <= 9:
        raise NotPlannable(f"zlib has no level {level}")
    settings = GzipSettings(
        kind="gzip",
        minimum_size=_length(attributes, "minimum_size"),
        level=level,
        thread_minimum_size=_length(attributes, "thread_minimum_size"),
        excluded=_strings(attributes, "exclude_content_types", []),
        compressobj=zlib.compressobj,
    )
    return settings, [("item", vars(zlib), name) for name in ("compressobj", "DEFLATED", "MAX_WBITS")]


def trusted_host(attributes: dict[str, Any]) -> tuple[TrustedHostSettings, list[Watch]]:
    """A `TrustedHostMiddleware`, and so on."""
    watches: list[Watch] = []
    settings = TrustedHostSettings(
        kind="trusted_host",
        allowed_hosts=_strings(attributes, "allowed_hosts", watches),
        allow_any=_flag(attributes, "allow_any"),
        www_redirect=_flag(attributes, "www_redirect"),
    )
    return settings, watches


def https_redirect(_: dict[str, Any]) -> tuple[HttpsRedirectSettings, list[Watch]]:
    """An `HTTPSRedirectMiddleware`, and so on."""
    return HttpsRedirectSettings(kind="https_redirect"), []


def _flag(attributes: dict[str, Any], name: str) -> bool:
    value = attributes[name]
    if value is not None and type(value) not in (bool, int, str):
        raise NotPlannable(f"its {name} is a {type(value).__name__}")
    return bool(value)


def _integer(attributes: dict[str, Any], name: str) -> int:
    value = attributes[name]
    if type(value) is not int:
        raise NotPlannable(f"its {name} is a {type(value).__name__}")
    return value


def _length(attributes: dict[str, Any], name: str) -> int:
    """A number that lengths are compared with; none is below zero, nor above this."""
    return min(max(_integer(attributes, name), 0), 1 << 62)


def _strings(attributes: dict[str, Any], name: str, watches: list[Watch]) -> list[str]:
    value = attributes[name]
    if type(value) not in (list, tuple, frozenset):
        raise NotPlannable(f"its {name} is a {type(value).__name__}")
    for item in value:
        if type(item) is not str:
            raise NotPlannable(f"its {name} has a {type(item).__name__}")
    if type(value) is list:
        watches.append(("list", value))
    return list(value)


def _texts(attributes: dict[str, Any], name: str, watches: list[Watch]) -> Texts:
    value = attributes[name]
    if type(value) is set:
        # A set can change, and nothing would tell.
        return Texts([], [value.__contains__])
    exact = []
    for text in _strings(attributes, name, watches):
        try:
            exact.append(text.encode("latin-1"))
        except UnicodeEncodeError:
            continue
    return Texts(exact, [])


def _fields(attributes: dict[str, Any], name: str, watches: list[Watch]) -> list[tuple[bytes, bytes]]:
    value = attributes[name]
    if type(value) is not dict:
        raise NotPlannable(f"its {name} is a {type(value).__name__}")
    fields = []
    for key, text in value.items():
        if type(key) is not str or type(text) is not str:
            raise NotPlannable(f"its {name} has something that is no text")
        try:
            fields.append((key.lower().encode("ascii"), text.encode("latin-1")))
        except UnicodeEncodeError:
            raise NotPlannable(f"its {name} has what no header can carry") from None
    names = [field for field, _ in fields]
    if len(set(names)) != len(names) or not _OWN_FIELDS.issuperset(names):
        raise NotPlannable(f"its {name} has more than CORS headers")
    if any(not _VALUE.fullmatch(text) for _, text in fields):
        raise NotPlannable(f"its {name} has what no header can carry")
    watches.append(("dict", value))
    return fields


_OWN_FIELDS = {
    b"vary",
    b"access-control-allow-origin",
    b"access-control-allow-methods",
    b"access-control-allow-headers",
    b"access-control-allow-credentials",
    b"access-control-allow-private-network",
    b"access-control-expose-headers",
    b"access-control-max-age",
}
_VALUE = re.compile(rb"[\x21-\x7e\x80-\xff]([\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?")
