"""Stock middleware that the engine runs in Starlette's place.

An instance is lifted if it is exactly one of Starlette's four classes, has exactly the attributes that its
constructor sets, and every value is of a kind that the engine reads as Starlette does. The settings come from
the instance as it was built, not from what was passed to `add_middleware`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import FunctionType
from typing import Any, NamedTuple

import starlette._utils
import starlette.datastructures
import starlette.middleware.cors
import starlette.middleware.gzip
import starlette.middleware.httpsredirect
import starlette.middleware.trustedhost
import starlette.responses
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware, GZipResponder, IdentityResponder
from starlette.middleware.httpsredirect import HTTPSRedirectMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from turboapi.plans import lifted_settings
from turboapi.plans.attributes import attributes_of
from turboapi.plans.lifted_settings import Settings, Watch
from turboapi.plans.originals import global_names
from turboapi.plans.reasons import NotPlannable
from turboapi.plans.stock import Methods, replaced, watches_of


class Lifted(NamedTuple):
    """One instance that the engine stands in for."""

    settings: Settings
    watches: list[Watch]
    """What of the instance must stay as it is."""


_RESPONSES: Methods = ((starlette.responses.RedirectResponse, ("__init__",)),)
_HEADERS: Methods = (
    (starlette.datastructures.Headers, ("__init__", "__getitem__", "__contains__", "getlist")),
    (starlette.datastructures.MutableHeaders, ("__setitem__", "update", "add_vary_header")),
)
_URL: Methods = (
    (
        starlette.datastructures.URL,
        ("__init__", "components", "scheme", "netloc", "hostname", "port", "replace", "__str__"),
    ),
)
_GZIP_RESPONDERS: Methods = (
    (
        IdentityResponder,
        ("__init__", "__call__", "send_with_compression", "apply_compression"),
    ),
    (GZipResponder, ("__init__", "apply_compression", "compressor", "_compress_body")),
)


class _Kind(NamedTuple):
    module: Any
    read: Callable[[dict[str, Any]], tuple[Settings, list[Watch]]]
    attributes: frozenset[str]
    methods: Methods
    names: dict[str, Any]
    """What the names in the module that its methods look up must stand for."""


def lift(middleware: object) -> Lifted:
    """What the engine needs to stand in for `middleware`; raises `NotPlannable` if it cannot."""
    cls = type(middleware)
    kind = _KINDS.get(cls)
    if kind is None:
        stock = next((one for one in _KINDS if isinstance(middleware, one)), None)
        raise NotPlannable("not a stock class" if stock is None else f"a subclass of {stock.__name__}")
    reason = replaced(kind.methods)
    if reason is not None:
        raise NotPlannable(reason)
    for name, value in kind.names.items():
        if getattr(kind.module, name, None) is not value:
            raise NotPlannable(f"{kind.module.__name__}.{name} was replaced")
    attributes = attributes_of(middleware)
    if attributes.keys() != kind.attributes:
        odd = sorted(attributes.keys() ^ kind.attributes)
        raise NotPlannable(f"its attributes are not the class's own: {', '.join(odd)}")
    settings, watches = kind.read(attributes)
    return Lifted(settings, [("dict", attributes), *watches])


def class_watches(middleware: Iterable[object]) -> list[Watch]:
    """What of the stock classes among `middleware` decides whether an instance can be lifted."""
    watches: list[Watch] = []
    for cls in {type(one): None for one in middleware}:
        kind = _KINDS.get(cls)
        if kind is not None:
            watches += watches_of(kind.methods)
            watches += [("item", vars(kind.module), name) for name in kind.names]
    return watches


def _names(module: Any, methods: Methods) -> dict[str, Any]:
    """The globals of `module` that `methods` look up, with what they stand for now."""
    names: set[str] = set()
    for cls, attributes in methods:
        if cls.__module__ == module.__name__:
            for attribute in attributes:
                function = vars(cls)[attribute]
                function = getattr(function, "fget", None) or getattr(function, "__func__", function)
                names |= global_names(function.__code__)
    # What is not genuine is equal to nothing that the module has.
    return {
        name: value if _is_genuine(name, value) else object()
        for name, value in sorted(vars(module).items())
        if name in names
    }


def _is_genuine(name: str, value: object) -> bool:
    """Whether a global of a Starlette module was there before anybody replaced things."""
    if isinstance(value, type):
        return value.__module__.startswith("starlette.")
    if isinstance(value, FunctionType):
        return value.__globals__["__name__"].startswith("starlette.") and value.__code__.co_name == name
    return True


def _kind(
    cls: type,
    read: Callable[[dict[str, Any]], tuple[Settings, list[Watch]]],
    own: Iterable[str],
    attributes: Iterable[str],
    *others: Methods,
) -> _Kind:
    module = __import__(cls.__module__, fromlist=["_"])
    own_methods: Methods = ((cls, ("__init__", "__call__", *own)),)
    methods: Methods = sum(others, own_methods)
    return _Kind(module, read, frozenset({"app", *attributes}), methods, _names(module, methods))


_KINDS: dict[type, _Kind] = {
    CORSMiddleware: _kind(
        CORSMiddleware,
        lifted_settings.cors,
        ("is_allowed_origin", "preflight_response", "simple_response", "send", "allow_explicit_origin"),
        (
            "allow_origins",
            "allow_methods",
            "allow_headers",
            "allow_all_origins",
            "allow_all_headers",
            "allow_credentials",
            "preflight_explicit_allow_origin",
            "allow_origin_regex",
            "allow_private_network",
            "simple_headers",
            "preflight_headers",
        ),
        _HEADERS,
    ),
    GZipMiddleware: _kind(
        GZipMiddleware,
        lifted_settings.gzip,
        (),
        ("minimum_size", "compresslevel", "thread_minimum_size", "exclude_content_types"),
        _HEADERS,
        _GZIP_RESPONDERS,
    ),
    TrustedHostMiddleware: _kind(
        TrustedHostMiddleware,
        lifted_settings.trusted_host,
        (),
        ("allowed_hosts", "allow_any", "www_redirect"),
        _HEADERS,
        _URL,
        _RESPONSES,
    ),
    HTTPSRedirectMiddleware: _kind(
        HTTPSRedirectMiddleware, lifted_settings.https_redirect, (), (), _URL, _RESPONSES
    ),
}
