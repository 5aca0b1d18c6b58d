"""What the extractor of a route is told (`crates/turbo-py/src/plan/extract`): plain data and callables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple


class DefaultSpec(NamedTuple):
    """What stands for a value that a request does not have."""

    kind: Literal["required", "constant", "made"]
    value: Any
    """The constant, or a function without parameters that makes a value of its own for each request."""
    validate: bool
    """Whether the default goes through the validator too (`validate_default`)."""


class LiteralSpec(NamedTuple):
    """A type whose plain texts need no validator."""

    name: Literal["str", "int", "float", "bool"]
    minimum: int | None = None
    """The least `int` allowed, or the least number of characters of a `str`."""
    maximum: int | None = None


class ParameterSpec(NamedTuple):
    """A path, query, header or cookie parameter."""

    location: Literal["path", "query", "header", "cookie"]
    kind: Literal["one", "list", "python"]
    """One value, all values of a key, or whatever `validate` makes of all there is.

    A function of kind "python" gets the query string (`bytes`), or all header lines, or all `cookie` header
    lines (`list[tuple[bytes, bytes]]`), and returns the value of the parameter; what it raises refuses the
    request.
    """
    keys: tuple[str, ...]
    """Names in the request, in order of preference."""
    place: int | None
    """The index of a path parameter in its template."""
    literal: LiteralSpec | None
    validate: Callable[..., Any]
    """`SchemaValidator.validate_python` of the field."""
    empty_is_missing: bool
    """Whether an empty string stands for nothing, as with annotations that are sequences."""
    default: DefaultSpec


class BodyFieldSpec(NamedTuple):
    """A parameter taken from a JSON body."""

    keys: tuple[str, ...]
    """Keys of the body's object, in order of preference."""
    embedded: bool
    """Whether the value is under a key; else it is the whole body."""
    validate: Callable[..., Any]
    """`SchemaValidator.validate_python` of the field."""
    validate_json: Callable[..., Any] | None
    """`SchemaValidator.validate_json`, where that gives what `json.loads` and `validate` give."""
    default: DefaultSpec


class BodySpec(NamedTuple):
    """The JSON body of a route."""

    fields: tuple[BodyFieldSpec, ...]
    strict_content_type: bool
    """Whether a body without a media type is not taken for JSON."""
    parse: Callable[[bytes], Any]
    """`pydantic_core.from_json`"""
    max_digits: Callable[[], int]
    """`sys.get_int_max_str_digits`"""
    undefined: object
    """What FastAPI passes for a body that is not there."""
