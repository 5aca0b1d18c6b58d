"""A route of FastAPI beside the extractor compiled from it: what the one gets, what the other gives."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, is_dataclass
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from pydantic import BaseModel
from pydantic_core import PydanticUndefined
from starlette.routing import Match

from turboapi._engine import Extractor
from turboapi.plans.bodies import compile_body
from turboapi.plans.handlers import handler_facts
from turboapi.plans.parameters import compile_parameter

REFUSED = "refused"


@dataclass(frozen=True)
class Incoming:
    """A request as it comes from a server; `path` is decoded."""

    path: str = "/"
    query: str = ""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""


class ComparedRoute:
    """One endpoint with the parameters of `signature`, served by FastAPI and compiled for the extractor."""

    def __init__(
        self, signature: Mapping[str, Any], *, path: str = "/", strict_content_type: bool = True
    ) -> None:
        self.names: list[str] = []
        self._received: dict[str, Any] | None = None
        self.app = FastAPI(strict_content_type=strict_content_type)
        self.app.post(path)(self._endpoint(signature))
        (self.route,) = (route for route in self.app.routes if getattr(route, "path", None) == path)
        facts = handler_facts(self.route.app)  # type: ignore[attr-defined]
        self.extractor = Extractor(*self._compiled(facts.dependant, facts))
        self.takes_body = facts.body_field is not None
        self.strict_content_type = strict_content_type

    def _endpoint(self, signature: Mapping[str, Any]) -> Callable[..., Any]:
        async def endpoint(**values: Any) -> None:
            self._received = values

        parameters = []
        for name, annotation in signature.items():
            default = inspect.Parameter.empty
            if isinstance(annotation, tuple):
                annotation, default = annotation
            parameters.append(
                inspect.Parameter(
                    name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default
                )
            )
        endpoint.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return endpoint

    def _compiled(self, dependant: Dependant, facts: Any) -> tuple[list[Any], Any]:
        path_names = list(self.route.param_convertors)  # type: ignore[attr-defined]
        self.specs: list[Any] = []
        groups: list[tuple[Any, list[Any]]] = [
            ("path", dependant.path_params),
            ("query", dependant.query_params),
            ("header", dependant.header_params),
            ("cookie", dependant.cookie_params),
        ]
        for location, fields in groups:
            for one in fields:
                self.names.append(one.name)
                self.specs.append(compile_parameter(one, location, path_names))
        self.names.extend(one.name for one in dependant.body_params)
        if not dependant.body_params:
            return self.specs, None
        body = compile_body(dependant.body_params, facts)
        self.validate_json = body.fields[0].validate_json
        return self.specs, body

    def expected(self, request: Incoming) -> dict[str, Any] | None:
        """What FastAPI calls the endpoint with; None if it does not call it."""
        self._received = None
        messages = [{"type": "http.request", "body": request.body, "more_body": False}]

        async def receive() -> Any:
            return messages.pop()

        async def send(message: Any) -> None:
            pass

        try:
            self.app(self._scope(request), receive, send).send(None)
        except StopIteration:
            pass
        except Exception:
            # FastAPI answers 500 and raises, as with digits beyond Python's limit or NaN in an error.
            self._received = None
        return self._received

    def given(self, request: Incoming) -> dict[str, Any] | None:
        """What the extractor gives for the request as the engine has it."""
        values = self.extractor.from_request(
            request.query, request.headers, self._path(request), request.body if self.takes_body else None
        )
        return None if values is None else dict(zip(self.names, values, strict=True))

    def given_from_scope(self, request: Incoming) -> dict[str, Any] | None:
        """What the extractor gives inside FastAPI's own handler."""
        scope = self._scope(request)
        _, child = self.route.matches(scope)
        try:
            body = self._parsed(request)
        except ValueError:
            return None
        values = self.extractor.from_scope(scope, child["path_params"], body)
        return None if values is None else dict(zip(self.names, values, strict=True))

    def compare(self, request: Incoming) -> dict[str, Any] | str | None:
        """Assert that nothing given differs from what FastAPI gives; returns that, or `REFUSED`.

        `REFUSED` stands for a request that FastAPI takes and the extractor does not, None for one neither
        takes.
        """
        given, from_scope = self.given(request), self.given_from_scope(request)
        expected = self.expected(request)
        for values in (given, from_scope):
            assert values is None or expected is not None, f"{request}: FastAPI refuses, but got {values}"
            assert values is None or same(values, expected), f"{request}: {values} instead of {expected}"
        return REFUSED if expected is not None and given is None else expected

    def taken(self, request: Incoming) -> dict[str, Any]:
        """As `compare`, and assert that the extractor takes the request both ways."""
        result = self.compare(request)
        assert isinstance(result, dict), f"{request}: {result}"
        assert self.given_from_scope(request) is not None, f"{request}: refused inside the handler"
        return result

    def _path(self, request: Incoming) -> list[tuple[str, str]]:
        found = self.route.path_regex.match(request.path)  # type: ignore[attr-defined]
        assert found, request.path
        kinds = {"String": "str", "Path": "path", "Integer": "int", "Float": "float", "UUID": "uuid"}
        return [
            (kinds[type(convertor).__name__.removesuffix("Convertor")], found[name])
            for name, convertor in self.route.param_convertors.items()  # type: ignore[attr-defined]
        ]

    def _scope(self, request: Incoming) -> dict[str, Any]:
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": request.path,
            "raw_path": request.path.encode(),
            "query_string": request.query.encode(),
            "root_path": "",
            "headers": list(request.headers),
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 2),
        }
        assert self.route.matches(scope)[0] is Match.FULL, request.path
        return scope

    def _parsed(self, request: Incoming) -> Any:
        """The body as FastAPI's handler passes it on."""
        if not self.takes_body or not request.body:
            return PydanticUndefined
        media_types = [value for name, value in request.headers if name == b"content-type"]
        media_type = media_types[0].lower().partition(b";")[0].strip() if media_types else b""
        if not media_type and not self.strict_content_type:
            return json.loads(request.body)
        kind, _, subtype = media_type.partition(b"/")
        if kind == b"application" and (subtype == b"json" or subtype.endswith(b"+json")):
            return json.loads(request.body)
        return request.body


def same(left: Any, right: Any) -> bool:
    """Whether two values are equal in type and value, all the way down."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return len(left) == len(right) and all(
            same(a, b)
            for pair in zip(left.items(), right.items(), strict=True)
            for a, b in zip(*pair, strict=True)
        )
    if isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, (set, frozenset)):
        return sorted(map(repr, left)) == sorted(map(repr, right))
    if isinstance(left, (float, complex)):
        return repr(left) == repr(right)
    if isinstance(left, BaseModel):
        return (
            left.model_fields_set == right.model_fields_set
            and same(left.__dict__, right.__dict__)
            and same(left.__pydantic_extra__, right.__pydantic_extra__)
            and same(left.__pydantic_private__, right.__pydantic_private__)
        )
    if is_dataclass(left):
        return same(left.__dict__, right.__dict__)
    return bool(left == right) and repr(left) == repr(right)
