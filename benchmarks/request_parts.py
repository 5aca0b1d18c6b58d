"""Time of the parts of a request: JSON bodies, and parameters of path, query, headers and cookies.

    python -m benchmarks.request_parts [--quick]

Bodies: pydantic-core's ``from_json`` is what the engine calls where it cannot validate bytes directly,
`json.loads` what FastAPI calls; orjson beside them. A body model: the engine's ``Extractor`` from bytes to
the endpoint's argument, against `json.loads` and validation, as FastAPI does it, and ``validate_json``
alone. Parameters: the ``Extractor`` against FastAPI's own ``request_params_to_args`` on a new ``Request``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, cast

from fastapi import Cookie, FastAPI, Header, Request
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import request_params_to_args
from pydantic import TypeAdapter
from pydantic_core import from_json
from starlette.routing import Match

from benchmarks.apps.plans import Item, Order
from benchmarks.json_encoding import trees
from benchmarks.plan_rows import ITEM, ORDER
from benchmarks.timing import Table, compare, installed, show
from turboapi._engine import Extractor
from turboapi.plans.bodies import compile_body
from turboapi.plans.handlers import handler_facts
from turboapi.plans.parameters import compile_parameter

JSON = [(b"content-type", b"application/json")]
HEADERS = [(b"host", b"example.org"), (b"accept", b"*/*"), (b"x-trace", b"t-1"), (b"cookie", b"a=1; seen=7")]


def decoding(*, quick: bool = False) -> Table:
    """From bytes to Python objects."""
    orjson = installed("orjson")
    rows: Table = {}
    for name, value in trees().items():
        text = json.dumps(value, ensure_ascii=False).encode()
        calls: dict[str, Callable[[], object]] = {
            "from_json": partial(from_json, text),
            "json.loads": partial(json.loads, text),
        }
        if orjson is not None:
            calls["orjson"] = partial(orjson.loads, text)
        for call in calls.values():
            if call() != value:
                raise RuntimeError(f"{name}: {call} read another value")
        rows[name] = compare(calls, quick=quick)
    return rows


def models(*, quick: bool = False) -> Table:
    """From bytes to models."""
    rows: Table = {}
    for name, model, text in (("item", Item, ITEM), (f"order, {len(ORDER) // 1024} KB", Order, ORDER)):

        async def endpoint(body: Any) -> None:
            """Declared, not called."""

        endpoint.__annotations__["body"] = model
        route = _Route("/", endpoint)
        adapter: TypeAdapter[Any] = TypeAdapter(model)
        extract = partial(route.extractor.from_request, "", JSON, [], text)
        in_python = partial(_load_and_validate, adapter, text)
        if extract() != [in_python()]:
            raise RuntimeError(f"{name}: {extract()!r}")
        calls: dict[str, Callable[[], object]] = {
            "Extractor": extract,
            "loads + validate": in_python,
            "validate_json": partial(adapter.validator.validate_json, text),
        }
        rows[name] = compare(calls, quick=quick)
    return rows


def parameters(*, quick: bool = False) -> Table:
    """From the parts of a request head to the endpoint's arguments."""

    async def path(item_id: int) -> None:
        """Declared, not called."""

    async def query(q: str | None = None, skip: int = 0, limit: int = 10) -> None:
        """Declared, not called."""

    async def every(
        item_id: int,
        tag: Annotated[str, Header(alias="x-trace")],
        seen: Annotated[int, Cookie()],
        q: str | None = None,
        price: float = 0.0,
        exact: bool = False,
    ) -> None:
        """Declared, not called."""

    cases: tuple[tuple[str, str, Callable[..., Any], str, list[str], list[Any]], ...] = (
        ("int of the path", "/items/{item_id}", path, "", ["42"], [42]),
        ("three of the query", "/items", query, "q=plan&limit=5", [], ["plan", 0, 5]),
        (
            "path, header, cookie, three of the query",
            "/items/{item_id}",
            every,
            "q=caf%C3%A9+noir&price=2.5&exact=true",
            ["42"],
            [42, "café noir", 2.5, True, "t-1", 7],
        ),
    )
    rows: Table = {}
    for name, template, endpoint, text, given, want in cases:
        route = _Route(template, endpoint)
        # The convertor that the template names, not the type of the parameter.
        path_values = [("str", value) for value in given]
        extract = partial(route.extractor.from_request, text, HEADERS, path_values)
        in_python = partial(route.by_fastapi, template.replace("{item_id}", "42"), text)
        if extract() != want or in_python() != want:
            raise RuntimeError(f"{name}: {extract()!r} and {in_python()!r} are not {want!r}")
        rows[name] = compare({"Extractor": extract, "FastAPI": in_python}, quick=quick)
    return rows


class _Route:
    """The compiled parameters of one endpoint, and FastAPI's own."""

    def __init__(self, template: str, endpoint: Callable[..., Any]) -> None:
        app = FastAPI()
        app.post(template)(endpoint)
        self._route = cast(Any, app.routes[-1])
        facts = handler_facts(self._route.app)
        self._dependant: Dependant = facts.dependant
        names = list(self._route.param_convertors)
        fields = self._dependant.body_params
        self.extractor = Extractor(
            [compile_parameter(field, place, names) for place, group in self._groups() for field in group],
            compile_body(fields, facts) if fields else None,
        )

    def _groups(self) -> tuple[tuple[Any, list[Any]], ...]:
        return (
            ("path", self._dependant.path_params),
            ("query", self._dependant.query_params),
            ("header", self._dependant.header_params),
            ("cookie", self._dependant.cookie_params),
        )

    def by_fastapi(self, path: str, query: str) -> list[Any]:
        """The same values, by the functions that FastAPI's handler calls, in its order."""
        scope: dict[str, Any] = {"type": "http", "method": "POST", "path": path, "headers": HEADERS}
        scope["query_string"] = query.encode()
        match, child = self._route.matches(scope)
        if match is not Match.FULL:
            raise RuntimeError(f"{path} is not this route's")
        request = Request(scope | child)
        received = {
            "path": request.path_params,
            "query": request.query_params,
            "header": request.headers,
            "cookie": request.cookies,
        }
        values: list[Any] = []
        for place, fields in self._groups():
            found, errors = request_params_to_args(fields, received[place])
            if errors:
                raise RuntimeError(errors)
            values.extend(found.values())
        return values


def _load_and_validate(adapter: TypeAdapter[Any], text: bytes) -> Any:
    return adapter.validator.validate_python(json.loads(text), from_attributes=True)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.request_parts", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short rounds, for a look")
    quick = parser.parse_args().quick
    print(show("JSON to objects", decoding(quick=quick)))
    print(show("JSON to a model", models(quick=quick)))
    print(show("parameters", parameters(quick=quick)))


if __name__ == "__main__":
    main()
