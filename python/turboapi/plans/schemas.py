"""What a core schema of pydantic does when it validates.

Does code of the user run? Do JSON text and the objects `json.loads` makes of it give the same value? The walk
knows the node types of `pydantic_core.core_schema` one by one; a type it does not know is not plannable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import Any, Literal, NoReturn

from pydantic import BaseModel
from pydantic._internal._model_construction import init_private_attributes

from turboapi.plans.callables import inherits, is_pure_factory, is_stock_class, is_stock_function
from turboapi.plans.defaults import is_copied_without_user_code
from turboapi.plans.reasons import NotPlannable
from turboapi.plans.specs import LiteralSpec

USER_CODE = "runs user code while validating"


def check(schema: Mapping[str, Any], config: Mapping[str, Any] | None = None) -> bool:
    """Whether `validate_json(text)` is known to give what `validate_python(json.loads(text))` gives.

    Raises `NotPlannable` if validating runs code that is neither pydantic's nor Python's, or may do so.
    """
    walk = _Walk()
    walk.config(config)
    walk.node(schema)
    return walk.json


def literal_of(schema: Mapping[str, Any], config: Mapping[str, Any] | None = None) -> LiteralSpec | None:
    """The type, if it is `str`, `int`, `float` or `bool` with bounds at most, or an Optional of that."""
    if config:
        return None
    for wrapper, keys in (("default", _DEFAULT_KEYS), ("nullable", _PLAIN_KEYS | {"schema"})):
        if schema["type"] == wrapper:
            if not schema.keys() <= keys:
                return None
            schema = schema["schema"]
    constraints = {key: value for key, value in schema.items() if key not in _PLAIN_KEYS}
    if any(type(value) is not int or not -_BOUND < value < _BOUND for value in constraints.values()):
        return None
    if schema["type"] == "int" and constraints.keys() <= {"ge", "gt", "le", "lt"}:
        least = [constraints.get("ge"), _next(constraints.get("gt"), 1)]
        most = [constraints.get("le"), _next(constraints.get("lt"), -1)]
        return LiteralSpec("int", max(_known(least), default=None), min(_known(most), default=None))
    if schema["type"] == "str" and constraints.keys() <= {"min_length", "max_length"}:
        return LiteralSpec("str", constraints.get("min_length"), constraints.get("max_length"))
    for name in _UNBOUNDED:
        if schema["type"] == name and not constraints:
            return LiteralSpec(name)
    return None


def _next(bound: int | None, step: int) -> int | None:
    return None if bound is None else bound + step


def _known(bounds: Iterable[int | None]) -> list[int]:
    return [bound for bound in bounds if bound is not None]


_BOUND = 2**62
_UNBOUNDED: tuple[Literal["float", "bool"], ...] = ("float", "bool")
_PLAIN_KEYS = frozenset({"type", "metadata", "serialization"})
_DEFAULT_KEYS = _PLAIN_KEYS | {"schema", "default", "default_factory", "validate_default", "copy_default"}

_ANYWHERE = frozenset({"str", "int", "float", "bool", "none"})
"""Scalars that JSON has: the same value from text and from objects, also as choices of a union."""
_ALONE = frozenset({"date", "time", "datetime", "uuid", "bytes", "url", "multi-host-url"})
"""Types with a text form: a strict match from JSON but a lax one from objects, which unions tell apart."""
_FROM_OBJECTS = frozenset({"decimal", "complex", "timedelta"})
"""Types that take a JSON value otherwise than the object made of it."""

_HARMLESS_CONFIG = frozenset(
    {
        "title",
        "extra_fields_behavior",
        "typed_dict_total",
        "from_attributes",
        "loc_by_alias",
        "revalidate_instances",
        "validate_default",
        "str_max_length",
        "str_min_length",
        "str_strip_whitespace",
        "str_to_lower",
        "str_to_upper",
        "allow_inf_nan",
        "ser_json_timedelta",
        "ser_json_temporal",
        "ser_json_bytes",
        "ser_json_inf_nan",
        "hide_input_in_errors",
        "validation_error_cause",
        "regex_engine",
        "cache_strings",
        "validate_by_alias",
        "validate_by_name",
        "serialize_by_alias",
        "polymorphic_serialization",
        "url_preserve_empty_path",
    }
)


class _Walk:
    """One pass over a schema; `json` is what has been found out so far."""

    def __init__(self) -> None:
        self.json = True
        self._definitions: dict[str, Mapping[str, Any]] = {}
        self._seen: set[tuple[str, bool]] = set()
        self._in_union = False
        self._hashed = False

    def node(self, schema: Mapping[str, Any]) -> None:
        if schema.get("strict"):
            self.json = False
        self.config(schema.get("config"))
        kind = schema["type"]
        if kind in _ANYWHERE:
            return
        if kind in _ALONE:
            self._alone()
        elif kind in _FROM_OBJECTS:
            self.json = False
        else:
            visit = _VISITS.get(kind)
            if visit is None:
                raise NotPlannable(f"has a type that plans do not know ({kind})")
            visit(self, schema)

    def config(self, config: Mapping[str, Any] | None) -> None:
        for key, value in (config or {}).items():
            if key not in _HARMLESS_CONFIG and value not in (None, False, "utf8"):
                self.json = False

    def _alone(self) -> None:
        if self._in_union:
            self.json = False

    def _nodes(self, schemas: Iterable[Any]) -> None:
        for schema in schemas:
            if schema is not None:
                self.node(schema)

    def _hashable(self, schema: Mapping[str, Any] | None) -> None:
        before, self._hashed = self._hashed, True
        if schema is not None:
            self.node(schema)
        self._hashed = before

    # Nodes by what they hold.

    def _any(self, schema: Mapping[str, Any]) -> None:
        pass

    def _wrapped(self, schema: Mapping[str, Any]) -> None:
        self.node(schema["schema"])

    def _from_objects(self, schema: Mapping[str, Any]) -> None:
        self.json = False
        self._nodes(schema.get(key) for key in ("schema", "items_schema", "lax_schema", "strict_schema"))
        self._nodes(schema.get(key) for key in ("json_schema", "python_schema", "values_schema"))
        self._hashable(schema.get("keys_schema"))
        self._nodes(schema.get("steps", ()))

    def _list(self, schema: Mapping[str, Any]) -> None:
        self._nodes([schema.get("items_schema")])

    def _tuple(self, schema: Mapping[str, Any]) -> None:
        self._alone()
        self._nodes(schema["items_schema"])

    def _set(self, schema: Mapping[str, Any]) -> None:
        self._alone()
        self._hashable(schema.get("items_schema"))

    def _dict(self, schema: Mapping[str, Any]) -> None:
        self._hashable(schema.get("keys_schema"))
        self._nodes([schema.get("values_schema")])

    def _literal(self, schema: Mapping[str, Any]) -> None:
        if any(type(value) not in (str, int, bool, type(None)) for value in schema["expected"]):
            self.json = False

    def _enum(self, schema: Mapping[str, Any]) -> None:
        self._alone()
        if schema.get("missing") is not None or not inherits(schema["cls"], *_ENUM_HOOKS):
            _user_code(schema["cls"])

    def _is_instance(self, schema: Mapping[str, Any]) -> None:
        self.json = False
        if not is_stock_class(schema["cls"]):
            raise NotPlannable(f"checks for instances of {schema['cls']!r}")

    def _default(self, schema: Mapping[str, Any]) -> None:
        factory = schema.get("default_factory")
        if factory is not None and not is_pure_factory(factory):
            _user_code(factory)
        if schema.get("copy_default") and not is_copied_without_user_code(schema.get("default")):
            _user_code(type(schema["default"]))
        self.node(schema["schema"])

    def _function(self, schema: Mapping[str, Any]) -> None:
        function = schema["function"]["function"]
        inner = schema.get("schema")
        if not (is_stock_function(function) or (_is_value(function) and inner and inner["type"] == "enum")):
            _user_code(function)
        if inner is None:
            self.json = False
            return
        if not (schema["type"] == "function-wrap" and inner["type"] in ("url", "multi-host-url")):
            self.json = False
        self.node(inner)

    def _union(self, schema: Mapping[str, Any]) -> None:
        before, self._in_union = self._in_union, True
        for choice in schema["choices"]:
            choice = choice[0] if isinstance(choice, tuple) else choice
            if choice["type"] not in _CHOICES:
                self.json = False
            self.node(choice)
        self._in_union = before

    def _tagged_union(self, schema: Mapping[str, Any]) -> None:
        if callable(schema["discriminator"]):
            _user_code(schema["discriminator"])
        self._nodes(schema["choices"].values())

    def _definitions_of(self, schema: Mapping[str, Any]) -> None:
        for definition in schema["definitions"]:
            self._definitions[definition["ref"]] = definition
        self.node(schema["schema"])

    def _reference(self, schema: Mapping[str, Any]) -> None:
        ref = schema["schema_ref"]
        if (ref, self._in_union) in self._seen:
            return
        self._seen.add((ref, self._in_union))
        definition = self._definitions.get(ref)
        if definition is None:
            raise NotPlannable("has a schema that is not complete")
        self.node(definition)

    def _model(self, schema: Mapping[str, Any]) -> None:
        cls = schema["cls"]
        self._instances_of(cls)
        if schema.get("custom_init"):
            _user_code(cls.__init__)
        post_init = schema.get("post_init")
        if post_init is not None:
            if getattr(cls, post_init, None) is not init_private_attributes:
                _user_code(getattr(cls, post_init, cls))
            for attribute in cls.__private_attributes__.values():
                factory = attribute.default_factory
                if factory is not None and not is_pure_factory(factory):
                    _user_code(factory)
                if not is_copied_without_user_code(attribute.default):
                    _user_code(type(attribute.default))
        if not issubclass(cls, BaseModel):
            raise NotPlannable(f"has a model that is no BaseModel ({cls.__qualname__})")
        self.node(schema["schema"])

    def _dataclass(self, schema: Mapping[str, Any]) -> None:
        self._alone()
        self._instances_of(schema["cls"])
        if schema.get("post_init"):
            _user_code(schema["cls"].__post_init__)
        self.node(schema["schema"])

    def _named_tuple(self, schema: Mapping[str, Any]) -> None:
        self.json = False
        if schema["cls"].__bases__ != (tuple,):
            _user_code(schema["cls"])
        self._nodes(field["schema"] for field in schema["fields"])

    def _instances_of(self, cls: type) -> None:
        if vars(object)["__new__"] is not cls.__new__ or hasattr(cls, "__del__") or self._hashed:
            _user_code(cls)

    def _fields(self, schema: Mapping[str, Any]) -> None:
        fields = schema["fields"]
        for field in fields.values() if isinstance(fields, Mapping) else fields:
            self.node(field["schema"])
        self._nodes([schema.get("extras_schema")])
        self._hashable(schema.get("extras_keys_schema"))


def _is_value(function: object) -> bool:
    """Whether `function` is what pydantic's `use_enum_values` calls."""
    return type(function) is attrgetter and repr(function) == repr(attrgetter("value"))


def _user_code(what: object) -> NoReturn:
    name = getattr(what, "__qualname__", None) or type(what).__qualname__
    raise NotPlannable(f"{USER_CODE} ({name})")


_ENUM_HOOKS = ("_missing_", "__eq__", "__hash__", "value")

_CHOICES = _ANYWHERE | {"literal", "model", "definition-ref", "nullable", "tagged-union"}

_VISITS: dict[str, Callable[[_Walk, Mapping[str, Any]], None]] = {
    "any": _Walk._any,
    "nullable": _Walk._wrapped,
    "custom-error": _Walk._from_objects,
    "json": _Walk._from_objects,
    "lax-or-strict": _Walk._from_objects,
    "json-or-python": _Walk._from_objects,
    "chain": _Walk._from_objects,
    "generator": _Walk._from_objects,
    "deque": _Walk._from_objects,
    "ordered-dict": _Walk._from_objects,
    "list": _Walk._list,
    "tuple": _Walk._tuple,
    "set": _Walk._set,
    "frozenset": _Walk._set,
    "dict": _Walk._dict,
    "literal": _Walk._literal,
    "enum": _Walk._enum,
    "is-instance": _Walk._is_instance,
    "default": _Walk._default,
    "function-before": _Walk._function,
    "function-after": _Walk._function,
    "function-wrap": _Walk._function,
    "function-plain": _Walk._function,
    "union": _Walk._union,
    "tagged-union": _Walk._tagged_union,
    "definitions": _Walk._definitions_of,
    "definition-ref": _Walk._reference,
    "model": _Walk._model,
    "model-fields": _Walk._fields,
    "dataclass": _Walk._dataclass,
    "dataclass-args": _Walk._fields,
    "typed-dict": _Walk._fields,
    "named-tuple": _Walk._named_tuple,
}
