"""What an endpoint answers: values, models, responses, streams, exceptions."""

from __future__ import annotations

from dataclasses import dataclass, field

from .dependencies import BOOM, Parts
from .models import Model, container


@dataclass
class Answer:
    """The end of an endpoint."""

    #: Statements, the last of which returns, raises or yields.
    lines: list[str]
    #: Arguments of the decorator.
    options: list[str] = field(default_factory=list)
    #: The return annotation, empty for none.
    returns: str = ""
    generates: bool = False
    #: Whether it awaits, and so needs an `async def`.
    awaits: bool = False


#: Expressions whose encoding has a rule of its own.
VALUES = (
    "1.0", "0.1 + 0.2", "1e16", "1e-7", "123456789012345680.0", "-0.0", "float('nan')", "float('inf')",
    "10**40", "True", "None", '"grün 😀 \\u2028 </script>"', '"\\x00\\x1f\\x7f"', '"\\ud800"', 'b"bytes"',
    'b"\\xff"', "{1, 2, 3}", "frozenset()", "(1, (2, [3]))", "[]", "{}", '""',
    "{1: 2, None: 3, True: 4, 1.5: 5}", '{"_sa_x": 1, "x": {"_sa_y": 2, "_s": 3}}', '{(1, 2): "tuple"}',
    "Decimal('1.10')", "Decimal('100')", "Decimal('NaN')", "datetime(2020, 1, 2, 3, 4, 5, 678)",
    "date(2020, 1, 2)", "time(1, 2, 3)", "timedelta(seconds=90.5)",
    f"UUID('{'6ba7b810-9dad-11d1-80b4-00c04fd430c8'}')", "Color.red", "Level.high", "Plain.three", "Plain",
    "[Color.red, {Color.green: Level.low}]", "range(3)", "(n for n in range(3))", "deque([1, 2])",
    "object()", "lambda: 1", "Exotic('s')", "ExoticDict(a=1)", "ExoticInt(7)", "SecretStr('s')",
    "IPv4Address('10.0.0.1')", "Path('/tmp/x')", "re.compile('a+')", "1j", "[[[[[[[[[[]]]]]]]]]]",
    "{'a': [1, {'b': (2, None)}]}", "nested(60)", "nested(300)", "{'k' + str(n): n for n in range(50)}",
    "[{'n': n, 'half': n / 2} for n in range(40)]", "'x' * 3000", "OrderedDict(b=1, a=2)",
    "{'float': 3.0, 'big': 2**70, 'neg': -5e-324}", "Ellipsis", "type('T', (), {})",
    "MappingProxyType({'a': 1})", "[float('-inf')]", "{'nan': float('nan')}", "defaultdict(int, a=1)",
    "namedtuple('P', 'x y')(1, 2)", "bytearray(b'ab')", "memoryview(b'ab')", "ValueError('as a value')",
    "ZoneInfo('UTC')", "datetime(2020, 1, 1, tzinfo=timezone.utc)", "(yes for yes in 'ab')",
    "map(str, [1, 2])", "{'key': b'\\xc3\\xbc'}", "'\\\\ \" / \\b\\f\\n\\r\\t'",
)  # fmt: skip
VALUE_DEFINITIONS = {
    "Exotic": "class Exotic(str):\n    pass",
    "ExoticDict": "class ExoticDict(dict[str, Any]):\n    pass",
    "ExoticInt": "class ExoticInt(int):\n    pass",
    "nested": "def nested(depth: int) -> Any:\n    return [nested(depth - 1)] if depth else []",
    "Color": 'class Color(str, Enum):\n    red = "red"\n    green = "green"\n    blue = "dark blue"',
    "Level": "class Level(IntEnum):\n    low = 1\n    high = 2",
    "Plain": 'class Plain(Enum):\n    one = 1\n    two = "two"\n    three = 3.5',
}
_STATUSES = (200, 200, 201, 201, 202, 203, 206, 207, 218, 299, 400, 404, 418, 451, 500, 503)
_BODILESS = (204, 304, 204)


def answer(parts: Parts, echoed: list[str]) -> Answer:
    """An ending for an endpoint whose parameters are `echoed`."""
    draw = parts.draw
    chance = draw.random()
    if chance < 0.34 or (not parts.models and chance < 0.55):
        return _echo(parts, echoed)
    if chance < 0.55:
        return _model(parts)
    if chance < 0.68:
        return _value(parts)
    if chance < 0.82:
        return _response(parts, echoed)
    if chance < 0.89:
        return _stream(parts)
    if chance < 0.95:
        return _raise(parts)
    return _typed(parts)


def _options(parts: Parts, *, bodiless: bool) -> list[str]:
    draw = parts.draw
    options = []
    if bodiless and draw.chance(0.05):
        options.append(f"status_code={draw.choice(_BODILESS)}")
    elif draw.chance(0.2):
        options.append(f"status_code={draw.choice(_STATUSES)}")
    if draw.chance(0.07):
        options.append(
            "response_class="
            + draw.pick(
                "JSONResponse",
                "JSONResponse",
                "PlainTextResponse",
                "HTMLResponse",
                "Wrapped",
                "RedirectResponse",
                "Response",
            )
        )
        if options[-1].endswith("Wrapped"):
            parts.definitions.add("Wrapped", WRAPPED)
    return options


WRAPPED = """class Wrapped(JSONResponse):
    media_type = "application/x-wrapped"

    def render(self, content: Any) -> bytes:
        return b"wrapped " + super().render(content)"""


def echo(parts: Parts, echoed: list[str]) -> str:
    """An expression that shows the values of `echoed`."""
    draw = parts.draw
    if not echoed:
        return draw.pick(
            '{"ok": True}', "None", "[]", '"plain"', '{"hello": "wörld", "n": 1, "f": 1.5, "l": [1, None]}'
        )
    if draw.chance(0.5):
        return "{" + ", ".join(f'"{name}": shown({name})' for name in echoed) + "}"
    return "{" + ", ".join(f'"{name}": {name}' for name in echoed) + "}"


def _echo(parts: Parts, echoed: list[str]) -> Answer:
    returns = parts.draw.pick("", "", "", "Any", "dict[str, Any]")
    return Answer([f"return {echo(parts, echoed)}"], _options(parts, bodiless=returns == ""), returns)


def _model(parts: Parts) -> Answer:
    draw = parts.draw
    model = draw.choice(parts.models)
    sample = model.sample(draw)
    value = repr(sample)
    if draw.chance(0.15) and isinstance(sample, dict):
        sample.pop(next(iter(sample), ""), None)
        value = repr({**sample, "unknown": 1, "a": "wrong"})
    elif model.pydantic and draw.chance(0.5):
        value = f"{model.annotation}.model_validate({value})"
    elif model.pydantic and isinstance(sample, dict) and draw.chance(0.3):
        value = _unusual(parts, model, sample)
    annotation = model.annotation
    shape = draw.random()
    if shape < 0.2:
        annotation, value = f"list[{annotation}]", f"[{value}] * {draw.randint(0, 3)}"
    elif shape < 0.28:
        annotation, value = f"dict[str, {annotation}]", f'{{"k": {value}}}'
    elif shape < 0.36:
        annotation = f"{annotation} | None"
        value = draw.pick("None", value)
    elif shape < 0.42:
        annotation = container(draw, model).annotation
    options = _options(parts, bodiless=False)
    if draw.chance(0.4):
        fields = draw.some(model.fields, 2) or ["a"]
        options.append(
            "response_model_"
            + draw.pick(
                "exclude_unset=True",
                "exclude_defaults=True",
                "exclude_none=True",
                "by_alias=False",
                f"include={set(fields)!r}",
                f"exclude={set(fields)!r}",
            )
        )
    if draw.chance(0.5):
        return Answer([f"return {value}"], [f"response_model={annotation}", *options], draw.pick("", "Any"))
    if draw.chance(0.05):
        options.append("response_model=None")
    return Answer([f"return {value}"], options, annotation)


def _unusual(parts: Parts, model: Model, sample: dict[str, object]) -> str:
    """Objects that are not what the annotation says, but that FastAPI takes, or tries to."""
    draw = parts.draw
    fields = {name: value for name, value in sample.items() if name.isidentifier()}
    if draw.chance(0.35):
        return f"SimpleNamespace(**{fields!r})"
    if draw.chance(0.5) or not model.annotation.startswith("Model"):
        return f"{model.annotation}.model_construct(**{fields!r})"
    name = parts.definitions.fresh("Sub")
    parts.definitions.add(name, f"class {name}({model.annotation}):\n    secret: int = 42")
    return f"{name}.model_validate({sample!r})"


def _value(parts: Parts) -> Answer:
    value = _expression(parts)
    returns = parts.draw.pick("", "", "", "Any")
    if parts.draw.chance(0.3):
        value = parts.draw.pick(f"[{value}]", f'{{"value": {value}}}', f"({value}, 1)")
    return Answer([f"return {value}"], _options(parts, bodiless=returns == ""), returns)


def _expression(parts: Parts) -> str:
    value = parts.draw.choice(VALUES)
    for name, source in VALUE_DEFINITIONS.items():
        if name in value:
            parts.definitions.add(name, source)
    return value


def _typed(parts: Parts) -> Answer:
    """A builtin annotation, and a value that may not fit."""
    returns = parts.draw.pick(
        "int",
        "str",
        "float",
        "bool",
        "list[int]",
        "dict[str, float]",
        "Decimal",
        "datetime",
        "bytes",
        "int | None",
        "None",
        "set[str]",
        "timedelta",
        "tuple[int, str]",
    )
    value = parts.draw.pick(
        "1",
        '"2"',
        "1.5",
        "[1, 2]",
        '["3"]',
        '{"a": 1}',
        "None",
        "datetime(2020, 1, 2)",
        'b"x"',
        '{"a", "b"}',
        '(1, "x")',
        "True",
        "1e400",
        _expression(parts),
    )
    return Answer([f"return {value}"], _options(parts, bodiless=False), returns)


def _response(parts: Parts, echoed: list[str]) -> Answer:
    draw = parts.draw
    extra = draw.pick(
        "",
        "",
        ', headers={"X-Own": "1", "x-shared": "two"}',
        ', background=BackgroundTask(note, x_id, "own task")',
        ', media_type="text/x-odd"',
    )
    status = draw.pick("", "", f", status_code={draw.choice(_STATUSES)}")
    value = echo(parts, echoed)
    made = draw.pick(
        f"JSONResponse({value}{status}{extra})",
        f"JSONResponse(jsonable_encoder({value}){status}{extra})",
        f'PlainTextResponse("text é"{status}{extra})',
        f'HTMLResponse("<b>é</b>"{status}{extra})',
        f'Response(b"\\x00raw"{status}{extra})',
        f"Response({status[2:] or 'None'}{extra})",
        f"Response(status_code={draw.choice(_BODILESS)}{extra})",
        f'RedirectResponse("/a b?c=é"{status})',
        f'StreamingResponse(iter(["a", "", "é"]){status}{extra})',
        f'StreamingResponse(pieces(3), media_type="text/csv"{status})',
        "StreamingResponse(pieces(-1))",
        f"FileResponse(__file__{status})",
        'FileResponse(__file__, filename="näme.py", media_type="text/x-python")',
        f"Wrapped({value}{status}{extra})",
        f"JSONResponse({_expression(parts)}{status})",
    )
    if extra.startswith(", media_type") and "StreamingResponse(pieces" in made:
        made = made.replace(extra, "")
    if "pieces" in made:
        parts.definitions.add("pieces", PIECES)
    if "Wrapped" in made:
        parts.definitions.add("Wrapped", WRAPPED)
    returns = draw.pick("", "", "Response", made.split("(")[0])
    if draw.chance(0.2):
        lines = [
            f"result = {made}",
            'result.set_cookie("own", "1")',
            'result.headers.append("x-own", "twice")',
            "return result",
        ]
        return Answer(lines, [], returns)
    return Answer([f"return {made}"], [] if returns else _options(parts, bodiless=True), returns)


PIECES = (
    "async def pieces(count: int) -> AsyncIterator[bytes]:\n    if count < 0:\n"
    '        yield b"before"\n        raise ValueError("in a stream")\n'
    '    for number in range(count):\n        yield b"piece %d," % number'
)


def _stream(parts: Parts) -> Answer:
    """An endpoint that yields: JSON lines, server-sent events or raw text."""
    draw = parts.draw
    kind = draw.random()
    item = draw.choice(parts.models) if parts.models else Model("int", lambda draw: 1)
    values = [repr(item.sample(draw)) for _ in range(draw.randint(0, 3))]
    if kind < 0.4:
        annotation = item.annotation if draw.chance(0.6) else "Any"
        lines = [f"yield {value}" for value in values] or ["yield 1"]
        return Answer(lines, [], f"Iterable[{annotation}]", generates=True)
    if kind < 0.75:
        lines = [f"yield {value}" for value in values]
        event = draw.pick(
            "ServerSentEvent(data={'a': 1}, event='e', id='7')",
            "ServerSentEvent(raw_data='a\\nb', retry=5)",
            "ServerSentEvent(comment='c')",
            "'text'",
        )
        return Answer(
            [*lines, f"yield {event}"],
            ["response_class=EventSourceResponse"],
            draw.pick("", "Iterable[Any]"),
            generates=True,
        )
    if kind < 0.85:
        return Answer(
            ['yield "one"', 'raise ValueError("while streaming")'],
            ["response_class=StreamingResponse"],
            "",
            generates=True,
        )
    return Answer(
        ['yield "één,"', 'yield b"two"'],
        ["response_class=" + draw.pick("StreamingResponse", "PlainTextResponse")],
        "",
        generates=True,
    )


def _raise(parts: Parts) -> Answer:
    draw = parts.draw
    parts.definitions.add("Boom", BOOM)
    parts.definitions.add("SubError", "class SubError(HTTPException):\n    pass")
    error = draw.pick(
        "HTTPException(404)",
        'HTTPException(400, "grün", {"X-Why": "because"})',
        'HTTPException(409, detail={"a": [1.5, None]})',
        "HTTPException(204)",
        "HTTPException(304)",
        'HTTPException(410, "gone")',
        "HTTPException(422, ['list'])",
        'HTTPException(500, float("nan"))',
        "HTTPException(503, headers={'Retry-After': '5', 'Content-Type': 'text/odd'})",
        'StarletteHTTPException(405, "from below")',
        'SubError(402, "sub")',
        'Boom("custom")',
        'ValueError("nobody handles")',
        "RequestValidationError([{'loc': ('body', 1), 'msg': 'm', 'type': 't'}])",
        "ResponseValidationError([])",
        "KeyError('k')",
        "asyncio.TimeoutError()",
        "asyncio.CancelledError()",
        "ExceptionGroup('several', [ValueError(1)])",
        "StopIteration(1)",
        "HTTPException(404, None)",
        "HTTPException(404, b'bytes')",
    )
    return Answer([f"raise {error}"], _options(parts, bodiless=True))
