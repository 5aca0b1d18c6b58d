"""Parameters of endpoints and dependencies: their source text, and what a client sends for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from .draw import Definitions, Draw
from .kinds import kind
from .models import Model, Sample, container, scalar, shape

#: Where a value travels.
QUERY, HEADER, COOKIE, PATH, BODY, FORM, FILE, USER = (
    "query", "header", "cookie", "path", "body", "form", "file", "user",
)  # fmt: skip


@dataclass(frozen=True)
class Wire:
    """One value that a client can send."""

    place: str
    name: str
    texts: tuple[str, ...] = ()
    many: bool = False
    required: bool = True
    #: For JSON bodies.
    sample: Sample | None = None
    embed: bool = False


@dataclass(frozen=True)
class Parameter:
    """One parameter of a Python function."""

    name: str
    source: str
    #: Whether it has a default in Python's sense, and so has to follow those that have none.
    defaulted: bool = False
    wires: tuple[Wire, ...] = ()


_CALLS = {QUERY: "Query", HEADER: "Header", COOKIE: "Cookie", FORM: "Form", PATH: "Path"}
_NAMES = (
    "q",
    "limit",
    "skip",
    "user_name",
    "x_token",
    "flag",
    "when",
    "ids",
    "z",
    "größe",
    "id",
    "func",
    "scope",
    "page",
)

_ASCII_NAMES = tuple(name for name in _NAMES if name.isascii())


def declare(
    draw: Draw, name: str, annotation: str, call: str, arguments: list[str], default: str | None
) -> tuple[str, bool]:
    """Source of a parameter in one of FastAPI's two styles, and whether it has a default."""
    if draw.chance(0.6):
        source = f"{name}: Annotated[{annotation}, {call}({', '.join(arguments)})]"
        return (source, False) if default is None else (f"{source} = {default}", True)
    first = [] if default is None else [default]
    return f"{name}: {annotation} = {call}({', '.join(first + arguments)})", True


def scalar_parameter(draw: Draw, definitions: Definitions, place: str, taken: set[str]) -> Parameter:
    """A query, header, cookie or form parameter of one value or a list."""
    # A name that no header can have is what few routes have.
    name = _fresh(draw, taken, _NAMES if place != HEADER or draw.chance(0.03) else _ASCII_NAMES)
    chosen = kind(draw, definitions, name)
    annotation, texts, many = chosen.annotation, chosen.texts, False
    default: str | None = chosen.default if draw.chance(0.4) else None
    arguments: list[str] = []
    if place != COOKIE and draw.chance(0.22):
        many = True
        annotation = draw.pick(
            "list[{}]", "list[{}]", "list[{}] | None", "set[{}]", "tuple[{}, ...]", "Sequence[{}]"
        ).format(annotation)
        if ("set[" in annotation and "Any" in annotation) or "object" in annotation:
            annotation = f"list[{chosen.annotation}]"
        if default is not None:
            default = draw.pick("[]", "[]", f"[{chosen.default}]") if "list" in annotation else "()"
        if annotation.endswith("None") and default is None:
            default = "None"
        if draw.chance(0.2):
            arguments.append(draw.pick("min_length=1", "max_length=2"))
    elif draw.chance(0.25):
        if annotation not in ("Any", "object"):
            annotation = draw.pick("{} | None", "Optional[{}]", "Union[{}, None]").format(annotation)
        default = draw.pick("None", "None", default)
    if not many and chosen.constraints and draw.chance(0.3):
        first, second = draw.choice(chosen.constraints), draw.choice(chosen.constraints)
        arguments += [first] if first.split("=")[0] == second.split("=")[0] else [first, second]
    wire = name
    if place == HEADER:
        wire = name.replace("_", "-")
    if draw.chance(0.15):
        wire = (
            draw.pick(f"{name}-alias", "X-Custom", "a b", "Q", "item[]")
            if place != HEADER
            else "X-Alias-" + str(draw.randint(1, 3))
        )
        if (place == COOKIE and " " in wire) or not wire.isascii():
            wire = "alias"
        arguments.append(f'{draw.pick("alias", "alias", "validation_alias")}="{wire}"')
    elif place == HEADER and draw.chance(0.15):
        wire = name
        arguments.append("convert_underscores=False")
    if draw.chance(0.03):
        arguments.append(
            draw.pick("deprecated=True", "include_in_schema=False", 'title="t"', "validate_default=True")
        )
    if draw.chance(0.04) and not many and default is not None:
        arguments.append(f"default_factory=lambda: {default}")
        source = f"{name}: Annotated[{annotation}, {_CALLS[place]}({', '.join(arguments)})]"
        return Parameter(name, source, False, (Wire(place, wire, texts, many, False),))
    required = default is None
    if place == QUERY and not arguments and not many and draw.chance(0.5):
        # FastAPI takes a plain scalar for a query parameter.
        source = f"{name}: {annotation}" + ("" if default is None else f" = {default}")
        return Parameter(name, source, default is not None, (Wire(place, wire, texts, False, required),))
    source, defaulted = declare(draw, name, annotation, _CALLS[place], arguments, default)
    return Parameter(name, source, defaulted, (Wire(place, wire, texts, many, required),))


def path_parameter(draw: Draw, definitions: Definitions, name: str, convertor: str) -> Parameter:
    """The parameter of a placeholder in a path."""
    chosen = kind(draw, definitions, name)
    fitting: dict[str, tuple[str, tuple[str, ...]]] = {
        "int": (draw.pick("int", "int", "str", "float", "Any"), ("0", "7", "007", "123456789012345678")),
        "float": (draw.pick("float", "float", "int", "str", "Decimal"), ("1", "1.5", "0.0", "3.0")),
        "uuid": (draw.pick("UUID", "UUID", "str"), ("6ba7b810-9dad-11d1-80b4-00c04fd430c8",)),
        "path": (draw.pick("str", "str", "Any"), ("a", "a/b/c", "", "x y/ü", "/")),
    }
    annotation, texts = fitting.get(convertor, (chosen.annotation, chosen.texts))
    wire = Wire(PATH, name, texts)
    if draw.chance(0.6):
        return Parameter(name, f"{name}: {annotation}", False, (wire,))
    arguments = draw.some(chosen.constraints, 1) if annotation == chosen.annotation else []
    if draw.chance(0.5):
        return Parameter(
            name, f"{name}: Annotated[{annotation}, Path({', '.join(arguments)})]", False, (wire,)
        )
    return Parameter(name, f"{name}: {annotation} = Path({', '.join(arguments)})", True, (wire,))


def parameter_model(draw: Draw, definitions: Definitions, place: str, taken: set[str]) -> Parameter:
    """A model whose fields are query, header, cookie or form parameters."""
    name, model = _fresh(draw, taken), definitions.fresh("Params")
    fields: set[str] = set()
    lines = [f"class {model}(BaseModel):"]
    if draw.chance(0.4):
        lines.append(f'    model_config = {{"extra": "{draw.pick("forbid", "allow", "ignore")}"}}')
    wires = []
    for _ in range(draw.randint(1, 3)):
        field = _fresh(draw, fields, _ASCII_NAMES if place == HEADER else _NAMES)
        chosen = kind(draw, definitions, field)
        many = place != COOKIE and draw.chance(0.2)
        default = draw.chance(0.4)
        annotation = f"list[{chosen.annotation}]" if many else chosen.annotation
        value = " = []" if default and many else f" = {chosen.default}" if default else ""
        wire = field.replace("_", "-") if place == HEADER else field
        if draw.chance(0.15) and place != COOKIE and not value:
            wire = "ali" if place == HEADER else "Ali"
            value = f' = Field(alias="{wire}")'
        lines.append(f"    {field}: {annotation}{value}")
        wires.append(Wire(place, wire, chosen.texts, many, not default))
    definitions.add(model, "\n".join(lines))
    source, defaulted = declare(draw, name, model, _CALLS[place], [], None)
    return Parameter(name, source, defaulted, tuple(wires))


def body_parameter(
    draw: Draw, definitions: Definitions, models: list[Model], taken: set[str], *, alone: bool
) -> Parameter:
    """A JSON body, or a part of one."""
    name = _fresh(draw, taken, ("item", "payload", "data", "extra", "body"))
    wire = Wire(BODY, name)
    if models and draw.chance(0.6):
        model = draw.choice(models)
        which = model if draw.chance(0.75) else container(draw, model)
        annotation, sample = which.annotation, which.sample
    elif draw.chance(0.4):
        which = shape(draw, definitions, models)
        annotation, sample = which.annotation, which.sample
    else:
        which = scalar(draw, definitions)
        annotation, sample = which.annotation, which.sample
    default = "None" if draw.chance(0.2) else None
    if default and "None" not in annotation:
        annotation = f"{annotation} | None" if draw.chance(0.5) else f"Optional[{annotation}]"
    arguments = []
    embed = alone and draw.chance(0.15)
    if embed:
        arguments.append("embed=True")
    if draw.chance(0.05):
        arguments.append(f'alias="{name}Alias"')
        wire = replace(wire, name=f"{name}Alias")
    if draw.chance(0.03):
        arguments.append('media_type="application/vnd.test+json"')
    wire = replace(wire, sample=sample, embed=embed, required=default is None)
    plain = not arguments and isinstance(which, Model) and which.pydantic and annotation == which.annotation
    if plain and draw.chance(0.7):
        source = f"{name}: {annotation}" + ("" if default is None else f" = {default}")
        return Parameter(name, source, default is not None, (wire,))
    source, defaulted = declare(draw, name, annotation, "Body", arguments, default)
    return Parameter(name, source, defaulted, (wire,))


def file_parameter(draw: Draw, definitions: Definitions, taken: set[str]) -> Parameter:
    """An uploaded file."""
    del definitions
    name = _fresh(draw, taken, ("file", "upload", "doc"))
    many = draw.chance(0.25)
    default = "None" if draw.chance(0.3) else None
    if draw.chance(0.5):
        annotation = "list[UploadFile]" if many else "UploadFile"
        if not many and default is None and draw.chance(0.5):
            return Parameter(name, f"{name}: UploadFile", False, (Wire(FILE, name),))
    else:
        annotation = "list[bytes]" if many else "bytes"
    if default:
        annotation += " | None"
    source, defaulted = declare(draw, name, annotation, "File", [], default)
    return Parameter(name, source, defaulted, (Wire(FILE, name, many=many, required=default is None),))


def _fresh(draw: Draw, taken: set[str], names: tuple[str, ...] = _NAMES) -> str:
    free = [name for name in names if name not in taken] or [f"p{len(taken)}"]
    name = draw.choice(free)
    taken.add(name)
    return name


Maker = Callable[[Draw, Definitions, str, set[str]], Parameter]


def loose_parameters(draw: Draw, definitions: Definitions, taken: set[str], most: int) -> list[Parameter]:
    """Some query, header and cookie parameters."""
    found = []
    for _ in range(draw.randint(0, most)):
        place = draw.pick(QUERY, QUERY, QUERY, HEADER, HEADER, COOKIE)
        make: Maker = parameter_model if draw.chance(0.08) else scalar_parameter
        found.append(make(draw, definitions, place, taken))
    return found


def signature(draw: Draw, parameters: list[Parameter]) -> str:
    """The text between the parentheses of a `def`."""
    if draw.chance(0.15):
        return ", ".join(["*", *(parameter.source for parameter in parameters)]) if parameters else ""
    ordered = sorted(parameters, key=lambda parameter: parameter.defaulted)
    return ", ".join(parameter.source for parameter in ordered)
