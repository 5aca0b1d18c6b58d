"""Path, query, header and cookie parameters: the extractor gives what FastAPI gives, or refuses."""

from __future__ import annotations

import random
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, quote, quote_plus
from uuid import UUID

import pytest
from fastapi import Cookie, Header, Path, Query
from pydantic import AfterValidator, AliasChoices, AnyUrl, BaseModel, Field, Json, SecretStr

from tests.plans.extraction import REFUSED, ComparedRoute, Incoming
from turboapi.plans.reasons import NotPlannable


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    LOW = 1
    HIGH = 10


TYPES: list[Any] = [
    str,
    int,
    float,
    bool,
    str | None,
    int | None,
    float | None,
    bool | None,
    bytes,
    UUID,
    Decimal,
    date,
    datetime,
    time,
    timedelta,
    Colour,
    Level,
    Literal["red", "blue"],
    Literal[1, 2, None],
    int | str,
    float | bool,
    UUID | int,
    Any,
    AnyUrl,
    SecretStr,
    complex,
    Annotated[int, Field(ge=1, lt=50)],
    Annotated[int, Field(gt=1, le=10)] | None,
    Annotated[int, Field(gt=1.0)],
    Annotated[int, Field(multiple_of=3)],
    Annotated[str, Field(max_length=3)] | None,
    Annotated[int, Field(strict=True)],
    Annotated[float, Field(gt=0.5, allow_inf_nan=False)],
    Annotated[str, Field(min_length=2, max_length=4)],
    Annotated[str, Field(pattern="^[a-z]+$")],
    Annotated[Decimal, Field(max_digits=4, decimal_places=2)],
]
SEQUENCES: list[Any] = [
    list[str],
    list[int],
    list[int] | None,
    set[str],
    tuple[int, str],
    frozenset[int],
    Annotated[list[str], Field(min_length=2)],
    list[Colour],
    list,
]
WORDS = [
    "0",
    "-0",
    "00",
    "1",
    "2",
    "3",
    "7",
    "10",
    "42",
    "-5",
    "+1",
    "1_000",
    "1.0",
    "1.5",
    "-1.5",
    ".5",
    "1.",
    "1e3",
    "-0.0",
    "0.1",
    "99.990",
    "nan",
    "inf",
    "-Infinity",
    "0x10",
    "true",
    "True",
    "TRUE",
    "t",
    "T",
    "yes",
    "on",
    "y",
    "1",
    "0",
    "false",
    "F",
    "off",
    "NO",
    "n",
    "None",
    "null",
    "red",
    "RED",
    "blue",
    "a",
    "ab",
    "abc",
    "abcd",
    "abcde",
    "2020-01-01",
    "2020-01-01T00:00:00Z",
    "1700000000",
    "12:30:00",
    "P1DT2H",
    "90",
    "1.10",
    "{not}",
    "[1,2]",
    '"q"',
    'a"b',
    "http://a.b/c",
    "1+2j",
    "00000000-0000-4000-8000-000000000001",
    "00000000000040008000000000000001",
    "999999999999999999",
    "9999999999999999999",
    "-999999999999999999",
    "123456789012345",
    "1234567890123456",
    "0.123456789012345678",
]
TEXTS = [
    *WORDS,
    "",
    " ",
    " 1",
    "1 ",
    "a b",
    "\t",
    "٣",
    "é",
    "日本",
    "a=b",
    "a&b",
    "a%b",
    "a+b",
    "a;b",
    "\x00",
    "x" * 300,
]


def query_text(rng: random.Random) -> str:
    """A value in one of its encodings, or nonsense."""
    text = rng.choice(TEXTS)
    kind = rng.randrange(6)
    if kind == 0:
        return "".join(rng.choices("a1%+=2fFéE\u20ac", k=rng.randrange(6)))
    if kind == 1:
        return "".join(f"%{byte:02x}" for byte in text.encode())
    if kind == 2:
        return rng.choice(["%ff", "%", "%2", "%zz", "a%00", "%C3%A9", "%C3", "%ED%A0%80", "%2541"])
    return quote_plus(text) if kind == 3 else quote(text, safe="/:[]{}\"'+,")


def ascii_text(rng: random.Random) -> bytes:
    """A value as it may stand in a header field."""
    return rng.choice([text for text in TEXTS if "\x00" not in text]).encode("latin-1", "ignore")


def defaulted(rng: random.Random, annotation: Any, marker: Any) -> Any:
    """`annotation` with a marker, required or with some default."""
    defaults = [None, 5, "d", 1.5, [], ["x"], (), {"a": [1]}, Colour.RED, date(2020, 1, 1), {3}]
    options: dict[str, Any] = {"validate_default": True} if rng.random() < 0.1 else {}
    if rng.random() < 0.5:
        return Annotated[annotation, marker(**options)]
    if rng.random() < 0.1:
        return Annotated[annotation, marker(default_factory=list, **options)]
    return (Annotated[annotation, marker(**options)], rng.choice(defaults))


@pytest.mark.parametrize("seed", range(4))
def test_query_parameters(seed: int) -> None:
    """Whatever the query says and whatever the parameters are."""
    rng = random.Random(seed)
    taken = 0
    for _ in range(40):
        names = rng.sample(["a", "b", "q_1", "item", "é"], rng.randrange(1, 4))
        signature = {name: defaulted(rng, rng.choice(TYPES + SEQUENCES), Query) for name in names}
        route = ComparedRoute(signature)
        for _ in range(60):
            pairs = []
            for _ in range(rng.randrange(5)):
                name = rng.choice([*names, *names, "other", ""])
                name = rng.choice([name, quote(name), "".join(f"%{byte:02X}" for byte in name.encode())])
                pairs.append(name + rng.choice(["=", "=", "=", "", "%3D"]) + query_text(rng))
            query = rng.choice(["&", "&", "&", "&&", ";"]).join(pairs)
            result = route.compare(Incoming(query=query))
            taken += isinstance(result, dict)
            if result is REFUSED:
                assert not query.isascii() or "\ufffd" in repr(parse_qsl(query)), query
    assert taken > 100, taken


@pytest.mark.parametrize("seed", range(2))
def test_header_parameters(seed: int) -> None:
    """First of several lines, all of them for a list, bytes outside ASCII as ISO 8859-1."""
    rng = random.Random(seed)
    taken = 0
    for _ in range(40):
        names = rng.sample(["a", "x_long_name", "user_agent", "host"], rng.randrange(1, 4))
        signature = {name: defaulted(rng, rng.choice(TYPES + SEQUENCES), Header) for name in names}
        route = ComparedRoute(signature)
        for _ in range(40):
            headers = [
                (rng.choice(names).replace("_", "-").encode(), ascii_text(rng))
                for _ in range(rng.randrange(4))
            ]
            result = route.compare(Incoming(headers=headers))
            taken += isinstance(result, dict)
            assert result is not REFUSED, headers
    assert taken > 100, taken


@pytest.mark.parametrize("seed", range(2))
def test_cookie_parameters(seed: int) -> None:
    """Cookies over several lines, quoted, with spaces, without names."""
    rng = random.Random(seed)
    taken = 0
    for _ in range(40):
        names = rng.sample(["a", "session", "c3"], rng.randrange(1, 3))
        signature = {name: defaulted(rng, rng.choice(TYPES), Cookie) for name in names}
        route = ComparedRoute(signature)
        for _ in range(40):
            lines = []
            for _ in range(rng.randrange(3)):
                pairs = []
                for _ in range(rng.randrange(4)):
                    value = ascii_text(rng)
                    if rng.random() < 0.1:
                        value = b'"' + value.replace(b'"', rng.choice([b'\\"', b""])) + b'"'
                    pairs.append(rng.choice(names).encode() + rng.choice([b"=", b"=", b" = ", b""]) + value)
                lines.append((b"cookie", rng.choice([b"; ", b";", b" ;\t"]).join(pairs)))
            result = route.compare(Incoming(headers=lines))
            taken += isinstance(result, dict)
            if result is REFUSED:
                assert any(b"\\" in line or not line.isascii() for _, line in lines), lines
    assert taken > 100, taken


@pytest.mark.parametrize("convertor", ["", ":str", ":path", ":int", ":float", ":uuid"])
def test_path_parameters(convertor: str) -> None:
    """What Starlette's convertor makes of the text, then the field's type."""
    samples = {
        ":int": ["0", "00", "7", "42", "007", "9" * 18, "9" * 19, "1" * 40],
        ":float": ["0", "1", "1.5", "00.10", "9" * 30, "0.1234567890123456789", "9" * 400],
        ":uuid": ["00000000-0000-4000-8000-000000000001", "00000000000040008000000000000001", "F" * 32],
    }
    taken = 0
    for annotation in TYPES:
        route = ComparedRoute({"item": Annotated[annotation, Path()]}, path=f"/x/{{item{convertor}}}/y")
        for text in samples.get(
            convertor, [text for text in TEXTS if text and "/" not in text and "\x00" not in text]
        ):
            taken += isinstance(route.compare(Incoming(path=f"/x/{text}/y")), dict)
    assert taken > 0


def test_plain_requests_are_taken() -> None:
    """The common cases do not go the slow way."""
    route = ComparedRoute(
        {"item_id": int, "q": (str | None, None), "skip": (int, 0)}, path="/items/{item_id}"
    )
    assert route.taken(Incoming(path="/items/42")) == {"item_id": 42, "q": None, "skip": 0}
    assert route.taken(Incoming("/items/-1", "q=x&skip=10&q=a+b%20%E2%82%AC")) == {
        "item_id": -1,
        "q": "a b €",
        "skip": 10,
    }
    assert [spec.literal.name for spec in route.specs] == ["int", "str", "int"]


def test_mutable_defaults_are_fresh() -> None:
    """A list that one request changes is not the default of the next."""
    default: list[dict[str, Any]] = [{"a": [1]}]
    for value in ([], [1], default):
        route = ComparedRoute({"q": (Annotated[list[Any], Query()], value)})
        first, second = route.given(Incoming()), route.given(Incoming())
        assert first == second == {"q": value}
        assert first is not None
        assert second is not None
        assert first["q"] is not second["q"]
        assert first["q"] is not value
        if value is default:
            assert first["q"][0]["a"] is not default[0]["a"]


class Filters(BaseModel):
    limit: int = Field(10, le=100)
    tags: list[str] = []
    order_by: Literal["a", "b"] = "a"
    x_token: str | None = None


class Open(Filters):
    model_config = {"extra": "allow"}


class Closed(Filters):
    model_config = {"extra": "forbid"}


@pytest.mark.parametrize("model", [Filters, Open, Closed, Filters | None])
@pytest.mark.parametrize("marker", [Query, Header, Cookie])
def test_parameter_models(model: Any, marker: Any) -> None:
    """Models of parameters, with whatever else there is kept, dropped or forbidden."""
    rng = random.Random(1)
    route = ComparedRoute({"filters": Annotated[model, marker()]})
    taken = 0
    for _ in range(150):
        pairs = [
            (
                rng.choice(["limit", "tags", "order_by", "order-by", "x-token", "x_token", "other"]),
                rng.choice(["1", "a", "b", "200", "", "x y"]),
            )
            for _ in range(rng.randrange(4))
        ]
        if marker is Query:
            request = Incoming(query="&".join(f"{name}={quote_plus(value)}" for name, value in pairs))
        elif marker is Header:
            request = Incoming(headers=[(name.encode(), value.encode()) for name, value in pairs])
        else:
            request = Incoming(headers=[(b"cookie", "; ".join(map("=".join, pairs)).encode())])
        result = route.compare(request)
        assert result is not REFUSED
        taken += isinstance(result, dict)
    assert taken > 20


def test_aliases() -> None:
    """Aliases, choices of them, and header names that are not converted."""
    route = ComparedRoute(
        {
            "q": (Annotated[str | None, Query(alias="item-query")], None),
            "c": (Annotated[str | None, Query(validation_alias=AliasChoices("first", "second"))], None),
            "h": (Annotated[str | None, Header(alias="X-Thing")], None),
            "under_score": (Annotated[str | None, Header(convert_underscores=False)], None),
        }
    )
    headers = [(b"x-thing", b"1"), (b"under_score", b"2")]
    assert route.taken(Incoming(query="second=s&item-query=i&q=no&first=f", headers=headers)) == {
        "q": "i",
        "c": "f",
        "h": "1",
        "under_score": "2",
    }
    assert route.taken(Incoming(query="second=s&c=no"))["c"] == "s"


def test_json_in_a_parameter() -> None:
    """`Json` is parsed by pydantic from one text, whatever its type inside."""
    route = ComparedRoute({"data": Annotated[Json[list[int]], Query()]})
    assert route.taken(Incoming(query="data=%5B1%2C2%5D")) == {"data": [1, 2]}
    assert route.compare(Incoming(query="data=%5B1")) is None


def shout(value: str) -> str:
    """Code of a user."""
    return value.upper()


class Odd(str):
    """A type of a user."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(cls)


class Lenient(Enum):
    A = "a"

    @classmethod
    def _missing_(cls, value: object) -> Lenient:
        return cls.A


class Copied(BaseModel):
    def __deepcopy__(self, memo: Any = None) -> Copied:
        return self


@pytest.mark.parametrize(
    "annotation",
    [
        Annotated[str, AfterValidator(shout)],
        Annotated[list[Annotated[str, AfterValidator(shout)]], Query()],
        Annotated[str, Field(default_factory=lambda: "x")],
        Odd,
        Lenient,
        (Annotated[Any, Query()], Copied()),
    ],
)
def test_user_code_is_not_run_early(annotation: Any) -> None:
    """Validators, default factories and copies that are the user's may be seen to run (rule 1 of plans)."""
    with pytest.raises(NotPlannable, match="query parameter 'q' runs user code while validating"):
        ComparedRoute({"q": annotation})
