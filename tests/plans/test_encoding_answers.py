"""The engine's answers against those of FastAPI's own handler: statuses, headers, bodies and exceptions."""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from http import HTTPStatus
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any
from uuid import UUID

import pytest
from fastapi import Response
from fastapi.exceptions import ResponseValidationError
from fastapi.responses import (
    FileResponse,
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    StreamingResponse,
)
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, computed_field, field_serializer

from turboapi.plans.reasons import NotPlannable

from .encoding import Answer, Failure, Route, same_answer


class Color(Enum):
    RED = "red"


class Owner(BaseModel):
    name: str
    email: str | None = None


class Item(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    title: str = Field(default="none", alias="Title", validation_alias="title")
    price: float = 1.5
    tags: list[str] = []
    owner: Owner | None = None
    color: Color = Color.RED
    when: datetime | None = None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def double(self) -> float:
        """Twice the price."""
        return self.price * 2

    @field_serializer("when")
    def _when(self, when: datetime | None) -> str | None:
        return None if when is None else when.isoformat()


class SubItem(Item):
    secret: str = "s"


@dataclasses.dataclass
class Point:
    x: int
    y: float = 0.5


class Wrapped(JSONResponse):
    """What an app may use for an envelope."""

    media_type = "application/vnd.api+json"

    def render(self, content: Any) -> bytes:
        return super().render({"data": content})


class Latin(PlainTextResponse):
    charset = "latin-1"


class Odd(JSONResponse):
    def __init__(self, content: Any, **options: Any) -> None:
        super().__init__(content, **options)


VALUES: dict[str, Callable[[], Any]] = {
    "dict": lambda: {"message": "hello"},
    "empty dict": dict,
    "none": lambda: None,
    "text": lambda: "text é",
    "number": lambda: 5,
    "float": lambda: 1e-7,
    "true": lambda: True,
    "list": lambda: [1, 2.5, "a", None, [True]],
    "tuple": lambda: (1, (2,)),
    "private keys": lambda: {"_sa_instance_state": object(), "a": {"_sa": 1, "b": 1}},
    "number keys": lambda: {1: 1, 2.5: 2, None: 3, False: 4},
    "colliding keys": lambda: {2: 1, "2": 2},
    "large": lambda: [{"id": number, "name": "n" * 30} for number in range(1000)],
    "nan": lambda: {"a": math.nan},
    "surrogate": lambda: {"a": "\ud800"},
    "decimal": lambda: {"a": Decimal("1.10"), "b": Decimal(3)},
    "datetime": lambda: {"a": datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC), "b": timedelta(seconds=90)},
    "uuid and set": lambda: {"a": UUID(int=1), "b": {1}},
    "bytes": lambda: b"bytes",
    "bad bytes": lambda: b"\xff",
    "enum": lambda: [Color.RED],
    "model": lambda: Item(id=1, when=datetime(2020, 1, 2, tzinfo=UTC)),
    "models": lambda: [Item(id=1), SubItem.model_validate({"id": 2, "title": "t"})],
    "dataclass": lambda: Point(1),
    "generator": lambda: (number for number in range(3)),
    "object": lambda: SimpleNamespace(a=1),
    "no object": object,
    "tuple key": lambda: {(1, 2): 3},
    "bytes key": lambda: {b"a": 3},
}

CLASSES: dict[str, dict[str, Any]] = {
    "default": {},
    "json": {"response_class": JSONResponse},
    "html": {"response_class": HTMLResponse},
    "text": {"response_class": PlainTextResponse},
    "plain": {"response_class": Response},
    "redirect": {"response_class": RedirectResponse},
    "own": {"response_class": Wrapped},
    "latin": {"response_class": Latin},
}

STATUSES = [None, 200, 201, HTTPStatus.ACCEPTED, 204, 205, 304, 404, 500, 599]


@pytest.mark.parametrize("make", VALUES.values(), ids=VALUES)
@pytest.mark.parametrize("route", CLASSES.values(), ids=CLASSES)
def test_values_without_a_model(make: Callable[[], Any], route: dict[str, Any]) -> None:
    same_answer(make, **route)


@pytest.mark.parametrize("status", STATUSES, ids=repr)
@pytest.mark.parametrize("route", CLASSES.values(), ids=CLASSES)
@pytest.mark.parametrize("make", [lambda: "text", lambda: None], ids=["text", "none"])
def test_declared_statuses(make: Callable[[], Any], route: dict[str, Any], status: int | None) -> None:
    same_answer(make, status_code=status, **route)


MODELS: dict[str, dict[str, Any]] = {
    "item": {"response_model": Item},
    "items": {"response_model": list[Item]},
    "any": {"response_model": Any},
    "dict": {"response_model": dict[str, Item]},
    "scalar": {"response_model": float},
    "nothing": {"response_model": None},
    "dataclass": {"response_model": Point},
    "union": {"response_model": Item | Owner | list[Owner]},
    "optional": {"response_model": Item | None},
    "include": {"response_model": Item, "response_model_include": {"id", "title"}},
    "exclude": {"response_model": Item, "response_model_exclude": {"id": True, "owner": {"name"}}},
    "names": {"response_model": Item, "response_model_by_alias": False},
    "unset": {"response_model": Item, "response_model_exclude_unset": True},
    "defaults": {"response_model": Item, "response_model_exclude_defaults": True},
    "no none": {"response_model": Item, "response_model_exclude_none": True},
    "all": {
        "response_model": list[Item],
        "response_model_exclude": {"__all__": {"tags"}},
        "response_model_by_alias": False,
        "response_model_exclude_unset": True,
        "response_model_exclude_none": True,
    },
    "decimal": {"response_model": dict[str, Decimal]},
    "user code": {"response_model": Annotated[Any, AfterValidator(lambda value: [value])]},
}

MODEL_VALUES: dict[str, Callable[[], Any]] = {
    **{name: VALUES[name] for name in ("dict", "none", "number", "nan", "decimal")},
    **{name: VALUES[name] for name in ("model", "models", "surrogate")},
    "whole": lambda: {"id": 1, "title": "t", "price": 2, "tags": ("a",), "owner": {"name": "o"}, "more": 1},
    "sub": lambda: SubItem(id=1, owner=Owner(name="n")),
    "attributes": lambda: SimpleNamespace(id=7, title="x", owner=SimpleNamespace(name="n")),
    "list of attributes": lambda: [SimpleNamespace(id=7), Item(id=8), {"id": 9}],
    "dict of items": lambda: {"a": Item(id=1), "_sa": {"id": 2}},
    "point": lambda: Point(1, 1e-7),
    "constructed": lambda: Item.model_construct(id="no number", title=5),
    "invalid": lambda: {"id": "x", "owner": 5},
    "infinity": lambda: math.inf,
}  # fmt: skip


@pytest.mark.parametrize("make", MODEL_VALUES.values(), ids=MODEL_VALUES)
@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("name", ["default", "json", "text", "own"])
def test_response_models(make: Callable[[], Any], model: dict[str, Any], name: str) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Pydantic serializer warnings")
        same_answer(make, **model, **CLASSES[name])


def test_serializer_warnings_are_given() -> None:
    route = Route(response_model=Item)
    with pytest.warns(UserWarning, match="Pydantic serializer warnings"):
        route.by_engine(MODEL_VALUES["constructed"])


def test_serializer_warnings_may_be_errors() -> None:
    same_answer(MODEL_VALUES["constructed"], response_model=Item)


def test_a_value_the_model_refuses_raises_what_fastapi_raises() -> None:
    body = {"id": "x"}
    route = Route(response_model=Item, path="/items/{id}")
    encoder = route.encoder()
    with pytest.raises(ResponseValidationError) as caught:
        encoder.encode(body, None, "PUT", "/api/")
    error = caught.value
    assert error.body is body
    assert error.errors()[0]["loc"] == ("response", "id")
    assert "PUT /api/items/{id}" in str(error)
    assert error.__cause__ is None
    assert error.__context__ is None
    assert isinstance(route.by_fastapi(lambda: body), Failure)


def _set(**attributes: Any) -> Callable[[Response], None]:
    def mutate(response: Response) -> None:
        for name, value in attributes.items():
            setattr(response, name, value)

    return mutate


def _all_of_it(response: Response) -> None:
    response.status_code = 201
    response.headers["X-One"] = "é"
    response.headers.append("X-One", "two")
    response.set_cookie("a", "b", httponly=True)
    response.delete_cookie("c")


def _replaced_list(response: Response) -> None:
    response.headers["x-kept"] = "1"
    response.raw_headers = [(b"x-lost", b"1")]


MUTATIONS: dict[str, Callable[[Response], object]] = {
    "nothing": lambda response: None,
    "everything": _all_of_it,
    "status": _set(status_code=418),
    "status without body": _set(status_code=204),
    "status 205": _set(status_code=205),
    "status zero": _set(status_code=0),
    "status enum": _set(status_code=HTTPStatus.ACCEPTED),
    "status 304": _set(status_code=304),
    "another content-type": lambda response: response.headers.update({"content-type": "text/x"}),
    "content-length": lambda response: response.headers.update({"content-length": "3"}),
    "transfer-encoding": lambda response: response.headers.update({"transfer-encoding": "chunked"}),
    "replaced list": _replaced_list,
    "body": _set(body=b"ignored", background=None),
    "invalid header": lambda response: response.headers.raw.append((b"x y", b"a\nb")),
}


@pytest.mark.parametrize("mutate", MUTATIONS.values(), ids=MUTATIONS)
@pytest.mark.parametrize("status", [None, 200, 201, 204, 304])
@pytest.mark.parametrize(
    "route",
    [{}, {"response_model": Any}, {"response_class": HTMLResponse}, {"response_class": RedirectResponse}],
    ids=["default", "model", "html", "redirect"],
)
def test_what_the_response_parameter_collected(
    mutate: Callable[[Response], object], status: int | None, route: dict[str, Any]
) -> None:
    if "response_model" in route and status in (204, 304):
        pytest.skip("FastAPI refuses the route")
    same_answer(lambda: "text", mutate=mutate, status_code=status, **route)


def _with_cookie() -> Response:
    response = JSONResponse({"a": 1}, headers={"X-A": "1"})
    response.set_cookie("a", "b")
    return response


class LoudResponse(Response):
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 299, "headers": []})
        await send({"type": "http.response.body", "body": b"loud"})


def _chunks() -> Any:
    yield b"a"
    yield b"b"


RESPONSES: dict[str, Callable[[], Response]] = {
    "empty": Response,
    "bytes": lambda: Response(b"bytes", media_type="application/octet-stream"),
    "large": lambda: Response(b"x" * 100_000),
    "memoryview": lambda: Response(memoryview(b"view")),
    "text": lambda: PlainTextResponse("é"),
    "html": lambda: HTMLResponse("<p>", status_code=201),
    "json": lambda: JSONResponse({"a": math.pi}, status_code=HTTPStatus.ACCEPTED),
    "json without body": lambda: JSONResponse({"a": 1}, status_code=204),
    "reset content": lambda: Response(status_code=205),
    "redirect": lambda: RedirectResponse("/ä?b=c"),
    "cookie": _with_cookie,
    "own length": lambda: Response(b"four", headers={"content-length": "4"}),
    "wrong length": lambda: Response(b"four", headers={"content-length": "5"}),
    "stream": lambda: StreamingResponse(_chunks()),
    "file": lambda: FileResponse(Path(__file__)),
    "loud": LoudResponse,
    "own class": lambda: Wrapped([1]),
}


@pytest.mark.parametrize("make", RESPONSES.values(), ids=RESPONSES)
@pytest.mark.parametrize("route", [{}, {"response_model": Any, "status_code": 201}, {"mutate": _all_of_it}])
def test_responses_are_sent_as_they_are(make: Callable[[], Response], route: dict[str, Any]) -> None:
    same_answer(make, **route)


def test_plain_responses_need_no_call() -> None:
    encoder = Route().encoder()
    for name in ("empty", "bytes", "text", "html", "json", "redirect", "cookie", "own length", "own class"):
        assert isinstance(encoder.encode(RESPONSES[name]()), tuple), name
    for name in ("memoryview", "wrong length", "stream", "file", "loud"):
        assert isinstance(encoder.encode(RESPONSES[name]()), Response), name


def test_a_response_with_background_work_is_called() -> None:
    response = Response()
    response.background = SimpleNamespace()  # type: ignore[assignment]
    assert Route().encoder().encode(response) is response


@pytest.mark.parametrize(
    "name", ["dict", "none", "text", "list", "large", "model", "models", "decimal", "datetime"]
)
def test_json_needs_no_response_object(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = Route().encoder()

    def refuse(*arguments: Any, **options: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(Response, "__init__", refuse)
    assert isinstance(encoder.encode(VALUES[name]()), tuple)


def _stream() -> Any:
    yield 1


async def _stream_items() -> Any:
    yield 1


@pytest.mark.parametrize("endpoint", [_stream, _stream_items])
def test_streams_are_left_to_fastapi(endpoint: Callable[..., Any]) -> None:
    from fastapi import FastAPI

    from turboapi.plans.handlers import handler_facts
    from turboapi.plans.responses import compile_response

    app = FastAPI()
    app.get("/", response_class=StreamingResponse)(endpoint)
    with pytest.raises(NotPlannable, match="stream"):
        compile_response(handler_facts(app.routes[-1].app))  # type: ignore[attr-defined]


def test_a_class_that_does_more_is_left_to_fastapi() -> None:
    with pytest.raises(NotPlannable, match="Odd"):
        Route(response_class=Odd).encoder()


def test_user_code_of_a_def_endpoint_stays_in_its_thread() -> None:
    model = Annotated[int, AfterValidator(lambda value: value)]
    Route(response_model=model).encoder()
    Route(response_model=Item, sync=True).encoder()
    with pytest.raises(NotPlannable, match="user code"):
        Route(response_model=model, sync=True).encoder()


@pytest.mark.parametrize("name", ["render", "init_headers", "__call__", "__init__"])
def test_a_patched_response_class_is_left_to_fastapi(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    original = getattr(Response, name)
    monkeypatch.setattr(Response, name, lambda *arguments, **options: original(*arguments, **options))
    with pytest.raises(NotPlannable, match=name):
        Route().encoder()


def test_answers_are_compared_whole() -> None:
    assert same_answer(lambda: {"a": 1}) == Answer(
        200, [(b"content-length", b"7"), (b"content-type", b"application/json")], b'{"a":1}'
    )
