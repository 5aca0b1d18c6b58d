"""JSON bodies: the extractor gives what FastAPI gives, or refuses."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import IntEnum, StrEnum
from inspect import Parameter
from typing import Annotated, Any, Literal, NamedTuple
from uuid import UUID

import pytest
from fastapi import Body
from pydantic import (
    AfterValidator,
    AliasChoices,
    AnyUrl,
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    IPvAnyAddress,
    PrivateAttr,
    RootModel,
    SecretStr,
    field_validator,
)
from pydantic_core import from_json
from typing_extensions import TypedDict

from tests.plans.extraction import REFUSED, ComparedRoute, Incoming
from turboapi.plans.reasons import NotPlannable

JSON = [(b"content-type", b"application/json")]


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    LOW = 1
    HIGH = 10


class Small(BaseModel):
    x: int
    y: str = "y"


class Item(BaseModel):
    name: str
    price: float = Field(gt=0)
    tags: list[str] = []
    small: Small | None = None
    extra: dict[str, Any] = Field(default_factory=dict)
    id: UUID | None = Field(default=None, alias="item-id")
    _cache: dict[str, int] = PrivateAttr(default_factory=dict)


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")

    x: int = 0


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    x: str | None = None


class Strict(BaseModel):
    model_config = ConfigDict(strict=True)

    x: datetime | None = None
    y: tuple[int, ...] = ()
    z: int = 0


class Coercing(BaseModel):
    model_config = ConfigDict(coerce_numbers_to_str=True, use_enum_values=True)

    x: str
    y: Colour = Colour.RED


class Base64(BaseModel):
    model_config = ConfigDict(val_json_bytes="base64")

    x: bytes


class Tree(BaseModel):
    x: int
    children: list[Tree] = []


class Cat(BaseModel):
    kind: Literal["cat"]
    x: int = 0


class Dog(BaseModel):
    kind: Literal["dog"]
    x: datetime | None = None


class Left(BaseModel):
    x: datetime


class Right(BaseModel):
    x: str


class Choices(BaseModel):
    x: int = Field(validation_alias=AliasChoices("x", "a", "name"))


class Numbers(RootModel[list[int]]):
    pass


class Typed(TypedDict, total=False):
    x: int
    y: str


class Pair(NamedTuple):
    x: int
    y: str = "b"


@dataclass
class Point:
    x: int
    y: float = 0.5
    tags: list[str] = field(default_factory=list)


TYPES: list[Any] = [
    Item,
    Small,
    Open,
    Closed,
    Strict,
    Coercing,
    Base64,
    Tree,
    Choices,
    Numbers,
    Point,
    Typed,
    Pair,
    Cat | Dog,
    Annotated[Cat | Dog, Field(discriminator="kind")],
    Left | Right,
    Right | Left | None,
    Small | dict[str, Any],
    Small | str,
    Item | list[Item],
    list[Item],
    list[Small | Open],
    dict[str, Small],
    dict[int, float],
    dict[Colour, int],
    dict[str, Any],
    list[int],
    set[int],
    frozenset[str],
    tuple[int, str],
    tuple[float, ...],
    Sequence[int],
    Any,
    int,
    float,
    bool,
    str,
    None,
    bytes,
    Decimal,
    date,
    datetime,
    time,
    timedelta,
    UUID,
    Colour,
    Level,
    AnyUrl,
    HttpUrl,
    SecretStr,
    IPvAnyAddress,
    Literal["red", 1, True, None],
    Literal[Colour.RED],
    int | str,
    int | float,
    int | bool | None,
    str | datetime,
    datetime | str,
    str | UUID | bytes,
    Decimal | str,
    float | Decimal,
    list[int] | int,
    list[str] | set[str],
    Annotated[int, Field(ge=3)],
    Annotated[str, Field(min_length=1, max_length=3)],
    Annotated[float, Field(allow_inf_nan=False)],
    Annotated[list[int], Field(max_length=2)],
    Annotated[datetime, Field(strict=True)],
    Annotated[Decimal, Field(max_digits=3)],
    date | None,
    list[UUID],
    list[datetime | int],
    dict[str, int | str | None],
]
SCALARS: list[Any] = [
    None,
    True,
    False,
    0,
    1,
    -5,
    3,
    10,
    12345678901234567890,
    0.5,
    1.0,
    -0.0,
    1e300,
    1e-7,
    2.5e20,
    "",
    "a",
    "red",
    "cat",
    "dog",
    "1",
    "1.5",
    " 3 ",
    "true",
    "2020-01-01",
    "2020-01-01T10:00:00Z",
    "10:20:30",
    "P1D",
    1700000000,
    1700000000.5,
    "YWJj",
    "00000000-0000-4000-8000-000000000001",
    "http://a.b/c",
    "127.0.0.1",
    "é\u20ac\U0001f600",
    "nan",
    "abc def",
]
KEYS = [
    "x",
    "y",
    "z",
    "name",
    "price",
    "tags",
    "small",
    "extra",
    "item-id",
    "id",
    "kind",
    "children",
    "a",
    "0",
]


def value(rng: random.Random, depth: int = 0) -> Any:
    """Some value that JSON can say."""
    kind = rng.randrange(6) if depth < 3 else 5
    if kind == 0:
        return [value(rng, depth + 1) for _ in range(rng.randrange(4))]
    if kind in (1, 2):
        return {rng.choice(KEYS): value(rng, depth + 1) for _ in range(rng.randrange(5))}
    return rng.choice(SCALARS)


def fitting(rng: random.Random) -> Any:
    """A value with some chance to suit one of the models."""
    small: dict[str, Any] = {"x": rng.choice([1, "2", 3.0, "2020-01-01T10:00:00Z", True])}
    if rng.random() < 0.5:
        small["y"] = rng.choice(["s", 1, [1, 2], 0.5])
    item: dict[str, Any] = {"name": rng.choice(["n", 5]), "price": rng.choice([1, 2.5, "3", "1e2", -1])}
    for key, make in (
        ("tags", lambda: ["a", "b"]),
        ("small", lambda: rng.choice([None, small])),
        ("extra", lambda: value(rng, 1)),
        ("item-id", lambda: "00000000-0000-4000-8000-000000000001"),
    ):
        if rng.random() < 0.4:
            item[key] = make()
    tree = {"x": 1, "children": [{"x": 2, "children": [{"x": "3"}]}, {"x": 4}]}
    pet = {"kind": rng.choice(["cat", "dog", "cow"]), "x": rng.choice([1, "2020-01-01T10:00:00Z"])}
    numbers = [rng.choice([1, 2.0, "3", True]) for _ in range(rng.randrange(4))]
    return rng.choice(
        [
            small,
            item,
            tree,
            pet,
            numbers,
            [item],
            [small, small],
            {"k": small},
            {"1": 2, "3": 0.5},
            [1, "a"],
            {"red": 1},
        ]
    )


def text_of(rng: random.Random, content: Any) -> bytes:
    """A JSON text, sometimes an odd or a broken one."""
    text = json.dumps(content, ensure_ascii=rng.random() < 0.5, indent=rng.choice([None, None, 1]))
    kind = rng.randrange(12)
    if kind == 0:
        at = rng.randrange(len(text) + 1)
        return (
            text[:at]
            + rng.choice(["", '"', "\x00", "\ufeff", "}", "1", "e5", "\\ud800", "NaN", ",", " "])
            + text[at:]
        ).encode()
    if kind == 1 and text.startswith("{") and len(text) > 2:
        return ('{"x": 7, "name": "first", ' + text[1:]).encode()
    if kind == 2:
        return rng.choice(
            [
                b"",
                b"null",
                b" ",
                b"NaN",
                b"[Infinity]",
                b"-Infinity",
                b"\xef\xbb\xbf1",
                b"\xff",
                b'"\\ud83d\\ude00"',
                b'"\\ud83d"',
                b"1E5",
                b"-0",
                b"01",
                b"1.",
                b"[1,]",
                b"{}",
                b"[]",
                b'{"x":1,"x":2}',
                b'"\xed\xa0\x80"',
                b"[" * 300 + b"]" * 300,
                b"9" * 5000,
                b'{"x": ' + b"9" * 400 + b"}",
                "1".encode("utf-16"),
                b"5 5",
                b"1e400",
                b"tru",
            ]
        )
    return text.encode(errors="surrogatepass")


MEDIA_TYPES = [
    b"application/json",
    b"application/json; charset=utf-8",
    b"Application/Problem+JSON",
    b" application/json ",
    b"text/json",
    b"application/x-json",
    b"",
    b"text/plain",
    b"application/json, text/plain",
    b"application/jsonx",
    b"a/b/json",
]


def is_plain(request: Incoming) -> bool:
    """Whether the extractor takes it, if FastAPI does."""
    try:
        from_json(request.body)
    except ValueError:
        return not request.body
    return request.headers in ([(b"content-type", value)] for value in MEDIA_TYPES[:4])


@pytest.mark.parametrize("seed", range(4))
def test_one_body(seed: int) -> None:
    """One parameter is the whole body; what `json.loads` alone takes is refused (traps 47 to 49)."""
    rng = random.Random(seed)
    taken = 0
    for annotation in TYPES:
        default: Any = rng.choice([..., ..., None, 5, {}, [1]])
        signature = {"body": (Annotated[annotation, Body()], Parameter.empty if default is ... else default)}
        route = ComparedRoute(signature, strict_content_type=rng.random() < 0.8)
        for _ in range(40):
            body = text_of(rng, rng.choice([value, fitting])(rng))
            headers = JSON if rng.random() < 0.9 else [(b"content-type", rng.choice(MEDIA_TYPES))]
            request = Incoming(headers=[] if rng.random() < 0.02 else headers, body=body)
            result = route.compare(request)
            taken += isinstance(result, dict)
            assert result is not REFUSED or not is_plain(request), request
    assert taken > 100, taken


@pytest.mark.parametrize("seed", range(3))
def test_several_parts_of_a_body(seed: int) -> None:
    """Several parameters, or one that is embedded, are taken from the keys of an object."""
    rng = random.Random(100 + seed)
    taken = 0
    for _ in range(50):
        names = rng.sample(["x", "y", "item", "small"], rng.randrange(1, 4))
        signature: dict[str, Any] = {}
        for name in names:
            marker = Body(embed=True) if len(names) == 1 else Body(alias=rng.choice([None, None, "a-b"]))
            annotation: Any = Annotated[rng.choice(TYPES), marker]
            signature[name] = (
                annotation if rng.random() < 0.5 else (annotation, rng.choice([None, 3, [], {"a": []}]))
            )
        route = ComparedRoute(signature)
        for _ in range(40):
            content = (
                rng.choice([None, 1, [], value(rng)])
                if rng.random() < 0.1
                else {
                    rng.choice([*names, *names, "a-b", "other"]): rng.choice([value, fitting])(rng)
                    for _ in range(rng.randrange(5))
                }
            )
            headers = JSON if rng.random() < 0.9 else [(b"content-type", rng.choice(MEDIA_TYPES))]
            request = Incoming(headers=headers, body=text_of(rng, content))
            result = route.compare(request)
            taken += isinstance(result, dict)
            assert result is not REFUSED or not is_plain(request), request
    assert taken > 100, taken


def test_plain_bodies_are_taken() -> None:
    """The common cases do not go the slow way, and parse with pydantic alone."""
    route = ComparedRoute({"item": Item})
    body = b'{"name": "n", "price": 1.5, "tags": ["a"], "small": {"x": 1}}'
    item = route.taken(Incoming(headers=JSON, body=body))["item"]
    assert item == Item.model_validate_json(body)
    assert route.validate_json is not None
    route = ComparedRoute({"item": Item, "n": Annotated[int, Body()]})
    assert route.taken(Incoming(headers=JSON, body=b'{"item": ' + body + b', "n": 3}')) == {
        "item": item,
        "n": 3,
    }


@pytest.mark.parametrize(
    ("annotation", "same"),
    [
        (Item, True),
        (Tree, True),
        (Left | Right, False),
        (Cat | Small, True),
        (Decimal, False),
        (Strict, False),
        (Coercing, False),
        (Base64, False),
        (int | str | None, True),
        (datetime | str, False),
        (list[datetime], True),
        (Annotated[Cat | Dog, Field(discriminator="kind")], True),
        (SecretStr, False),
        (AnyUrl, True),
        (Sequence[int], False),
    ],
)
def test_validation_of_text(annotation: Any, same: bool) -> None:
    """`validate_json` only where it is known to give what `json.loads` and `validate_python` give."""
    route = ComparedRoute({"body": Annotated[annotation, Body()]})
    assert (route.validate_json is not None) is same


def test_the_limit_of_digits() -> None:
    """`json.loads` heeds `sys.set_int_max_str_digits`, pydantic's parser has a limit of its own."""
    route = ComparedRoute({"body": Annotated[int, Body()]})
    before = sys.get_int_max_str_digits()
    try:
        for limit in (640, 1000, 4300, 5000, 0):
            sys.set_int_max_str_digits(limit)
            for digits in (600, 641, 999, 1001, 4299, 4300, 4301, 5001):
                route.compare(Incoming(headers=JSON, body=b"9" * digits))
    finally:
        sys.set_int_max_str_digits(before)
    assert route.taken(Incoming(headers=JSON, body=b"9" * 1000)) == {"body": 10**1000 - 1}


class Validated(BaseModel):
    x: int

    @field_validator("x")
    @classmethod
    def odd(cls, value: int) -> int:
        return value


class Initialised(BaseModel):
    x: int

    def model_post_init(self, context: Any) -> None:
        pass


class WithInit(BaseModel):
    x: int

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)


class WithFactory(BaseModel):
    x: datetime = Field(default_factory=lambda: datetime(2020, 1, 1))


class WithPrivateFactory(BaseModel):
    _x: int = PrivateAttr(default_factory=lambda: 1)


@dataclass
class PostInit:
    x: int

    def __post_init__(self) -> None:
        pass


class Hashed(BaseModel):
    x: int

    def __hash__(self) -> int:
        return 1


@pytest.mark.parametrize(
    "annotation",
    [
        Validated,
        list[Validated],
        dict[str, list[Validated | None]],
        Initialised,
        WithInit,
        WithFactory,
        WithPrivateFactory,
        PostInit,
        set[Hashed],
        Annotated[list[int], AfterValidator(sorted)],
    ],
)
def test_user_code_is_not_run_early(annotation: Any) -> None:
    """Code of the user in a model may be seen to run (rule 1 of plans)."""
    with pytest.raises(NotPlannable, match="body parameter 'body' runs user code while validating"):
        ComparedRoute({"body": Annotated[annotation, Body()]})
