"""Kinds of scalar values: how each is annotated, and written in URLs and JSON; texts that break parsers."""

from __future__ import annotations

from dataclasses import dataclass

from .draw import Definitions, Draw

UUIDS = ("6ba7b810-9dad-11d1-80b4-00c04fd430c8", "6BA7B8109DAD11D180B400C04FD430C8")


@dataclass(frozen=True)
class Kind:
    """A scalar type: source text, texts and JSON values that it takes, a default, constraints it knows."""

    annotation: str
    texts: tuple[str, ...]
    values: tuple[object, ...]
    default: str
    constraints: tuple[str, ...] = ()


#: The context variable of a module.
VAR = 'VAR: ContextVar[str] = ContextVar("VAR", default="unset")'
#: Statements that some kinds need.
DEFINITIONS = {
    "Color": 'class Color(str, Enum):\n    red = "red"\n    green = "green"\n    blue = "dark blue"',
    "Level": "class Level(IntEnum):\n    low = 1\n    high = 2",
    "Plain": 'class Plain(Enum):\n    one = 1\n    two = "two"\n    three = 3.5',
    "VAR": VAR,
    "doubled": """def doubled(value: int) -> int:
    note("-1", "doubled " + VAR.get())
    return value * 2""",
    "Doubled": "Doubled = Annotated[int, AfterValidator(doubled)]",
    "Upper": "Upper = Annotated[str, BeforeValidator(str.upper), PlainSerializer(lambda value: value + '!')]",
    "Positive": "Positive = Annotated[int, Field(gt=0)]",
}

_NUMERIC = ("ge=-100", "gt=-13", "le=10**18", "lt=10**20", "ge=0", "lt=100", "multiple_of=2")
_TEXTUAL = (
    "min_length=1",
    "max_length=40",
    "max_length=12",
    "min_length=0",
    "min_length=3",
    'pattern="^[a-z]+$"',
)

INT = Kind("int", ("0", "7", "-12", "42", "123456789012345678", "99"), (0, 7, -12, 42, 10**17), "5", _NUMERIC)
STR = Kind(
    "str",
    ("abc", "x", "hello world", "grün", "a,b", "%", "a+b", "日本", "1"),
    ("abc", "", "grün", "😀", 'q"\\/\n', "1", "\u2028\x7f"),
    '"dflt"',
    _TEXTUAL,
)
KINDS = (
    INT,
    STR,
    Kind(
        "float",
        ("0", "1.5", "-2.25", "1e5", "100", "0.1"),
        (0, 1.5, -2.25, 1e22, 1e-7, 0.1),
        "1.5",
        _NUMERIC[:6],
    ),
    Kind("bool", ("true", "false", "1", "0", "on", "Off", "YES", "n"), (True, False, 1, "yes"), "False"),
    Kind("Color", ("red", "green", "dark blue"), ("red", "dark blue"), "Color.red"),
    Kind("Level", ("1", "2"), (1, 2), "Level.low"),
    Kind("Plain", ("two", "two"), (1, "two", 3.5), "Plain.two"),
    Kind('Literal["a", "b", "c d"]', ("a", "b", "c d"), ("a", "b"), '"a"'),
    Kind('Literal[1, "x", None]', ("x", "x"), (1, "x", None), '"x"'),
    Kind("UUID", UUIDS, UUIDS, f'UUID("{UUIDS[0]}")'),
    Kind("date", ("2024-02-29", "2000-01-01"), ("2024-02-29", 86400), "date(2020, 1, 2)"),
    Kind(
        "datetime",
        ("2024-02-29T12:30:00", "2024-01-01T00:00:00Z", "2024-01-01 10:20:30.123456+02:00", "1700000000"),
        ("2024-02-29T12:30:00", "2024-01-01T00:00:00Z", 1700000000, 1700000000.5),
        "datetime(2020, 1, 2, 3, 4, 5)",
    ),
    Kind("time", ("12:30", "23:59:59.5"), ("12:30:00", 3600), "time(1, 2, 3)"),
    Kind("timedelta", ("P1DT2H", "90", "1:30:00", "1.5"), ("PT90S", 90, 0.25), "timedelta(seconds=90)"),
    Kind(
        "Decimal", ("1.10", "100", "-0.5", "1E+3"), ("1.10", 1.1, 3, "1E+3"), 'Decimal("1.10")', _NUMERIC[:6]
    ),
    Kind("bytes", ("abc", "grün"), ("abc", "grün"), 'b"raw"'),
    Kind("int | str", ("1", "x", "1.0", "01"), (1, "x", "1", 1.0), '"u"'),
    Kind("float | int", ("1", "1.0", "2.5"), (1, 1.0, 2.5), "3"),
    Kind("bool | int | str", ("1", "true", "5", "zz"), (1, True, "t", 5), "None"),
    Kind("date | str", ("2024-02-29", "soon"), ("2024-02-29", "soon"), '"never"'),
    Kind("Positive", ("1", "9"), (1, 9), "1"),
    Kind("Doubled", ("1", "9"), (1, 9), "1"),
    Kind("Upper", ("abc", "ß"), ("abc", "ß"), '"u"'),
    Kind("StrictInt", ("1",), (1, 2), "1"),
    Kind("SecretStr", ("hush",), ("hush",), "None"),
    Kind("AnyUrl", ("http://example.test/a?b=c", "ftp://x"), ("http://example.test/ü",), "None"),
    Kind("IPv4Address", ("127.0.0.1",), ("10.0.0.1",), "None"),
    Kind("Any", ("any", "1"), (1, "s", None, [1, {"a": None}], {"k": 1.5}), "None"),
    Kind("object", ("any",), (1, [None], {"x": "y"}), "None"),
)
#: Kinds that no sensible app lacks: half of all parameters.
COMMON = (INT, INT, STR, STR, KINDS[2], KINDS[3])


def kind(draw: Draw, definitions: Definitions, name: str = "") -> Kind:
    """A scalar kind, with what it needs defined.

    Things of one `name` are mostly of one kind, so that one value serves them all.
    """
    if name and draw.chance(0.9):
        return definitions.kinds.setdefault(name, kind(draw, definitions))
    chosen = draw.pick(*COMMON) if draw.chance(0.5) else draw.pick(*KINDS)
    for name, source in DEFINITIONS.items():
        if name in chosen.annotation or (chosen.annotation == "Doubled" and name in ("VAR", "doubled")):
            definitions.add(name, source)
    return chosen


#: Texts that parsers of numbers, dates and booleans disagree about.
HOSTILE_TEXTS = (
    "", " ", "a", "٣", "\uff11\uff12", "1_000", "1__0", "_1", "+1", "-0", "+", "-", "1.0", "1.", ".5",
    "1.00", "1e3", "1E3", "0x10", "0b1", "inf", "nan", "-inf", "Infinity", "NaN", "true", "TRUE", "tRuE",
    "On", "yes ", " 1", "1 ", "\t1", "1\n", "\u00a01", "1\u2003", "9" * 25, "-" + "9" * 19,
    "9223372036854775807", "9223372036854775808", "-9223372036854775808", "1" * 400, "0" * 50 + "1", "é",
    "\u2028", "😀", "\u0130", "ﬁ", "null", "None", "[]", "{}", "[1]", "1,2", "a;b", "a&b", "a=b", "a#b",
    "a?b", "a/b", "/", "//", "2024-02-30", "2024-02-29T25:00", "2024-02-29T12:00:00+25:00", "24:00", "P1Y",
    "00000000-0000-0000-0000-000000000000", "{6ba7b810-9dad-11d1-80b4-00c04fd430c8}",
    "urn:uuid:6ba7b810-9dad-11d1-80b4-00c04fd430c8", "RED", "red ", "1.10", "1e400", "-1", "5", "0", "1",
    "100", "x" * 3000, "..", ".", "a\x00b", "\x00", "a\x7fb", "a\nb", "a\n", "'", "\\", "%41", "%", "+",
    "~", "*", "!", "$", "(a)", "1.7976931348623157e308", "4.9e-324", "0.1", "123456789012345.123456789",
    "1700000000", "1e10", "-0.0", "\u0661.\u0665", "1\u066b5", "²",
)  # fmt: skip
#: Percent sequences as they are put on the wire.
HOSTILE_RAW = (
    b"%", b"%z", b"%zz", b"%f", b"%ff", b"%00", b"%C3%28", b"%ED%A0%80", b"%E2%82%AC", b"%c3%bc", b"\xfc",
    b"gr\xc3\xbcn", b"\xff\xfe", b"%2525", b"%u20AC", b"%0A", b"%0a1", b"1%0A", b"%0D%0A", b"%20", b"+",
    b"++1", b"%2B1", b"%3D", b"%26", b"%3B", b";", b"a;b=1", b"1%201", b"%D9%A3", b"%EF%BC%91", b"%C2%A01",
    b"1%C2%A0", b"%1F1", b"%E2%80%A8", b"a%2Fb", b"%2F", b"%2e%2e", b"[]", b"{}", b"|",
)  # fmt: skip
#: Leaves of a JSON document.
HOSTILE_VALUES: tuple[object, ...] = (
    None, True, False, 0, 1, -1, 1.0, 1.5, -0.0, 1e400, float("nan"), 1e22, 1e-7, 10**30, -(10**19), 2**63,
    2**64, 10**400, "", " ", "a", "1", "1.0", " 1 ", "true", "é", "\ud800", "\udc00a", "a\x00b", "😀",
    "null", [], {}, [1], [None], [[]], {"a": 1}, {"": None}, "2024-01-01", "2024-01-01T00:00:00Z",
    "2024-02-30", 1700000000, 1700000000.25, "12:30", "PT1S", "red",
    "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "x" * 2000, 0.1, 123456789.123456789, "1_000", "+1", "٣", 3,
    100, "b",
)  # fmt: skip
