"""Types of JSON bodies and answers: models, dataclasses, dictionaries, unions; each draws valid samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .draw import Definitions, Draw
from .kinds import INT, VAR, Kind, kind

Sample = Callable[[Draw], object]


@dataclass(frozen=True)
class Shape:
    """A type as source text, and how to draw a JSON value that it takes."""

    annotation: str
    sample: Sample


@dataclass(frozen=True)
class Model(Shape):
    """A class with fields; `fields` are their Python names."""

    fields: tuple[str, ...] = ()
    #: Whether it is a BaseModel, which has `model_validate`.
    pydantic: bool = True


@dataclass
class Field:
    """One field of a class under construction."""

    name: str
    wire: str
    source: str
    shape: Shape
    optional: bool


def scalar(draw: Draw, definitions: Definitions) -> Shape:
    """A kind as a shape."""
    return _of_kind(kind(draw, definitions))


def _of_kind(chosen: Kind) -> Shape:
    return Shape(chosen.annotation, lambda draw: draw.choice(chosen.values))


def shape(draw: Draw, definitions: Definitions, models: list[Model], depth: int = 0) -> Shape:
    """Any type that a field or a body can have."""
    if depth < 2 and draw.chance(0.4):
        inner = shape(draw, definitions, models, depth + 1)
        return container(draw, inner)
    if models and draw.chance(0.35):
        if len(models) > 1 and draw.chance(0.25):
            first, second = draw.sample(models, 2)
            either = (first.sample, second.sample)
            return Shape(f"{first.annotation} | {second.annotation}", lambda draw: draw.choice(either)(draw))
        return draw.choice(models)
    if draw.chance(0.03):
        return Shape("Json[list[int]]", lambda draw: draw.pick("[1, 2]", "[]", " [1.0]"))
    return scalar(draw, definitions)


def container(draw: Draw, inner: Shape) -> Shape:
    """`inner` inside of a list, a dictionary and the like."""
    item, take = inner.annotation, inner.sample

    def several(draw: Draw) -> object:
        return [take(draw) for _ in range(draw.randint(0, 3))]

    def mapping(draw: Draw) -> object:
        return {draw.pick("a", "b", "ключ", "", "1"): take(draw) for _ in range(draw.randint(0, 3))}

    return draw.pick(
        Shape(f"list[{item}]", several),
        Shape(f"list[{item}]", several),
        Shape(f"Optional[{item}]", lambda draw: None if draw.chance(0.4) else take(draw)),
        Shape(f"{item} | None" if item[0] not in "'\"" else f"Optional[{item}]", take),
        Shape(f"dict[str, {item}]", mapping),
        Shape(f"dict[int, {item}]", lambda draw: {draw.pick("1", "2", "-3"): take(draw)}),
        Shape(f"tuple[{item}, ...]", several),
        Shape(f"tuple[int, {item}]", lambda draw: [1, take(draw)]),
        Shape(f"Sequence[{item}]", several),
        Shape("set[int]", lambda draw: draw.pick([3, 1, 1], [], [2])),
        Shape("frozenset[str]", lambda draw: draw.pick(["a"], [])),
    )


_CONFIGS = (
    'extra="forbid"',
    'extra="forbid"',
    'extra="allow"',
    "strict=True",
    "populate_by_name=True",
    "str_strip_whitespace=True",
    "use_enum_values=True",
    "frozen=True",
    "from_attributes=True",
    "validate_default=True",
    "str_to_lower=True",
    'ser_json_timedelta="float"',
    'ser_json_bytes="base64", val_json_bytes="base64"',
    'ser_json_inf_nan="constants"',
    "coerce_numbers_to_str=True",
    "alias_generator=to_camel",
    "serialize_by_alias=True",
    "json_encoders={}",
    "allow_inf_nan=False",
)


def model(draw: Draw, definitions: Definitions, models: list[Model]) -> Model:
    """A new class, which may use those of `models`."""
    flavour = draw.random()
    if flavour < 0.70:
        return _base_model(draw, definitions, models)
    if flavour < 0.78:
        return _dataclass(draw, definitions, models)
    if flavour < 0.84:
        return _typed_dict(draw, definitions, models)
    if flavour < 0.89:
        return _root_model(draw, definitions, models)
    if flavour < 0.94:
        return _discriminated(draw, definitions)
    if flavour < 0.97 and models:
        return _generic(draw, definitions, models)
    return _recursive(draw, definitions)


def _fields(draw: Draw, definitions: Definitions, models: list[Model], *, plain: bool) -> list[Field]:
    names = ("a", "b", "name", "item_id", "some_value", "tags", "inner", "when", "price", "x1")
    chosen = draw.some(names, 5) or ["a"]
    fields = []
    for name in chosen:
        drawn = kind(draw, definitions)
        which = (
            shape(draw, definitions, models)
            if draw.chance(0.5)
            else Shape(drawn.annotation, _of_kind(drawn).sample)
        )
        wire, arguments = name, []
        optional = draw.chance(0.35)
        default = drawn.default if which.annotation == drawn.annotation else "None"
        if not plain:
            if draw.chance(0.15):
                wire = draw.pick(name.upper(), f"{name}-alias", f"{name} x", "@id")
                arguments.append(f'{draw.pick("alias", "alias", "validation_alias")}="{wire}"')
            elif draw.chance(0.05):
                arguments.append(f'validation_alias=AliasChoices("{name}", "{name}_old")')
            elif draw.chance(0.05):
                arguments.append(f'serialization_alias="{name}Out"')
            if drawn.constraints and which.annotation == drawn.annotation and draw.chance(0.3):
                arguments.append(draw.choice(drawn.constraints))
            if which.annotation.startswith("list[") and draw.chance(0.2):
                arguments.append("max_length=2")
            if optional and draw.chance(0.25) and which.annotation.startswith(("list[", "dict[")):
                arguments.append(f"default_factory={which.annotation[:4]}")
                default = ""
            if draw.chance(0.04):
                arguments.append("exclude=True")
            if draw.chance(0.04):
                arguments.append(draw.pick("repr=False", 'description="d"'))
            if drawn is INT and which.annotation == "int" and draw.chance(0.1):
                arguments.append("strict=True")
        value = ""
        if optional and default:
            value = f" = Field({', '.join([default, *arguments])})" if arguments else f" = {default}"
        elif arguments:
            value = f" = Field({', '.join(arguments)})"
        fields.append(Field(name, wire, f"    {name}: {which.annotation}{value}", which, optional))
    return fields


def _sampler(fields: list[Field]) -> Sample:
    def sample(draw: Draw) -> object:
        return {
            field.wire: field.shape.sample(draw) for field in fields if not field.optional or draw.chance(0.6)
        }

    return sample


def _base_model(draw: Draw, definitions: Definitions, models: list[Model]) -> Model:
    name = definitions.fresh("Model")
    fields = _fields(draw, definitions, models, plain=False)
    lines = [f"class {name}(BaseModel):"]
    if draw.chance(0.4):
        lines.append(f"    model_config = ConfigDict({draw.choice(_CONFIGS)})")
    lines += [field.source for field in fields]
    first = fields[0].name
    if draw.chance(0.12):
        lines += [
            "",
            "    @computed_field",
            "    @property",
            "    def shown(self) -> str:",
            _noted(f"{name}.shown"),
        ]
        lines += [f'        return f"<{{self.{first}!r}}>"']
    if draw.chance(0.1):
        mode = draw.pick("before", "after", "wrap")
        if mode == "wrap":
            lines += ["", f'    @field_validator("{first}", mode="wrap")', "    @classmethod"]
            lines += ["    def check(cls, value: Any, handler: Any) -> Any:", _noted(f"{name}.check")]
            lines += ["        return handler(value)"]
        else:
            lines += ["", f'    @field_validator("{first}", mode="{mode}")', "    @classmethod"]
            lines += ["    def check(cls, value: Any, info: Any) -> Any:", _noted(f"{name}.check")]
            lines += ['        if value in ("bad", -1):']
            lines += [
                '            raise ValueError("bad value in " + str(info.mode))',
                "        return value",
            ]
    if draw.chance(0.05):
        lines += [
            "",
            '    @model_validator(mode="after")',
            "    def whole(self) -> Any:",
            _noted(f"{name}.whole"),
            "        return self",
        ]
    if draw.chance(0.08):
        lines += ["", f'    @field_serializer("{first}")', "    def text(self, value: Any) -> str:"]
        lines += [_noted(f"{name}.text"), "        return repr(value)"]
    definitions.add("VAR", VAR)
    definitions.add(name, "\n".join(lines))
    return Model(name, _sampler(fields), tuple(field.name for field in fields))


def _noted(what: str) -> str:
    """A statement of a validator or serializer; they know no request, and note under the key -1."""
    return f'        note("-1", "{what} " + VAR.get())'


def _dataclass(draw: Draw, definitions: Definitions, models: list[Model]) -> Model:
    name = definitions.fresh("Data")
    fields = _fields(draw, definitions, models, plain=True)
    # Mutable values are no defaults of a dataclass, and fields with a default come last.
    fields.sort(key=lambda field: field.optional)
    lines = [draw.pick("@dataclass", "@dataclass", "@dataclass(frozen=True)"), f"class {name}:"]
    definitions.add(name, "\n".join([*lines, *(field.source for field in fields)]))
    return Model(name, _sampler(fields), tuple(field.name for field in fields), pydantic=False)


def _typed_dict(draw: Draw, definitions: Definitions, models: list[Model]) -> Model:
    name = definitions.fresh("Typed")
    fields = _fields(draw, definitions, models, plain=True)
    lines = [f"class {name}(TypedDict):"]
    for field in fields:
        annotation = field.shape.annotation
        lines.append(f"    {field.name}: {f'NotRequired[{annotation}]' if field.optional else annotation}")
    definitions.add(name, "\n".join(lines))
    return Model(name, _sampler(fields), tuple(field.name for field in fields), pydantic=False)


def _root_model(draw: Draw, definitions: Definitions, models: list[Model]) -> Model:
    name = definitions.fresh("Root")
    inner = shape(draw, definitions, models)
    definitions.add(name, f"class {name}(RootModel[{inner.annotation}]):\n    pass")
    return Model(name, inner.sample)


def _discriminated(draw: Draw, definitions: Definitions) -> Model:
    name, cat, dog = (definitions.fresh(prefix) for prefix in ("Pet", "Cat", "Dog"))
    lives = kind(draw, definitions)
    definitions.add(cat, f'class {cat}(BaseModel):\n    kind: Literal["cat"]\n    lives: {lives.annotation}')
    definitions.add(
        dog, f'class {dog}(BaseModel):\n    kind: Literal["dog", "wolf"] = "dog"\n    barks: float'
    )
    members = f'Annotated[{cat} | {dog}, Field(discriminator="kind")]'
    if draw.chance(0.5):
        definitions.add(name, f"{name} = {members}")
    else:
        definitions.add(name, f"class {name}(BaseModel):\n    pet: {members}\n    n: int = 0")

    def sample(draw: Draw) -> object:
        pet: object = (
            {"kind": "cat", "lives": draw.choice(lives.values)}
            if draw.chance(0.5)
            else {"kind": draw.pick("dog", "wolf"), "barks": draw.pick(1, 2.5)}
        )
        return {"pet": pet} if "class" in definitions.sources[name] else pet

    return Model(name, sample, ("pet",) if "class" in definitions.sources[name] else (), pydantic=False)


def _generic(draw: Draw, definitions: Definitions, models: list[Model]) -> Model:
    name, inner = definitions.fresh("Page"), draw.choice(models)
    definitions.add("T", 'T = TypeVar("T")')
    lines = [f"class {name}(BaseModel, Generic[T]):", "    items: list[T]", "    total: int = 0"]
    definitions.add(name, "\n".join(lines))

    def sample(draw: Draw) -> object:
        return {"items": [inner.sample(draw) for _ in range(draw.randint(0, 2))], "total": draw.randint(0, 9)}

    return Model(f"{name}[{inner.annotation}]", sample, ("items", "total"))


def _recursive(draw: Draw, definitions: Definitions) -> Model:
    name = definitions.fresh("Node")
    item = kind(draw, definitions)
    lines = [
        f"class {name}(BaseModel):",
        f"    value: {item.annotation}",
        f'    children: "list[{name}]" = []',
    ]

    def sample(draw: Draw, depth: int = 0) -> object:
        node: dict[str, object] = {"value": draw.choice(item.values)}
        if depth < 4 and draw.chance(0.6):
            node["children"] = [sample(draw, depth + 1) for _ in range(draw.randint(0, 2))]
        return node

    definitions.add(name, "\n".join(lines))
    return Model(name, sample, ("value", "children"))
