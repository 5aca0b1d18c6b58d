"""The engine's router against Starlette's linear matcher, on random tables and paths made to meet."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.types import Receive, Scope, Send

from turboapi._engine import Router

#: Route tables for each seed; each is asked 60 requests.
TABLES = int(os.environ.get("TURBOAPI_ROUTER_TABLES", "60"))

METHODS = ("GET", "PUT", "HEAD", "DELETE", "PURGE")
PARAMETERS = ("{p}", "{p}", "{p:str}", "{p:int}", "{p:float}", "{p:uuid}", "{p:path}")
UUID = "0123456789abcdef0123456789ABCDEF"

# Alphabets so small that templates and paths meet; some of it means something to a regular expression,
# to percent-encoding, or to somebody who parses templates in another way than Starlette.
TEMPLATE_TEXT = ("a", "b", "A", "1", "1.5", ".", "-", "+", "\u00e9", "\U0001f600", "\n", "%", " ")
TEMPLATE_ODD = ("{", "}", "{}", "{{", "{1}", "{a-b}", "{*p}", "{p:}", "(", "[^/]+", "\\", "$", "^", "|", "?")
PATH_TEXT = (*TEMPLATE_TEXT, *TEMPLATE_ODD, "12", "007", "1.", "\u0663", "\r", "\x00", UUID, UUID[:-1])


async def endpoint(scope: Scope, receive: Receive, send: Send) -> None:
    """Never called."""


class Endpoint:
    """An endpoint that is no function, whose routes serve every method unless they name some."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Never called."""


class Tables:
    """Random routes and requests."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def segment(self) -> str:
        """A segment of a template: mostly one text or one parameter, at times anything."""
        kind = self.random.random()
        if kind < 0.4:
            return self.random.choice(TEMPLATE_TEXT)
        if kind < 0.75:
            return self.random.choice(PARAMETERS)
        pieces = self.random.choices(
            (*TEMPLATE_TEXT, *TEMPLATE_ODD, *PARAMETERS * 3), k=self.random.randrange(4)
        )
        return "".join(pieces)

    def template(self) -> str:
        """A template; its parameters have different names."""
        count = self.random.choice((1, 1, 2, 2, 3, 4))
        text = "/" + "/".join(self.segment() for _ in range(count))
        numbers = iter(range(100))
        return re.sub(r"\{p(?=[:}])", lambda _: f"{{p{next(numbers)}", text)

    def route(self) -> BaseRoute:
        """A route or a mount."""
        if self.random.random() < 0.15:
            prefix = self.template() if self.random.random() < 0.8 else ""
            return Mount(prefix + self.random.choice(("", "", "/", "//")), app=Endpoint())
        methods = self.random.choice((None, [], ["GET"], ["GET", "PUT"], ["DELETE"], ["PURGE", "PUT"]))
        return Route(self.template(), Endpoint(), methods=methods)

    def routes(self) -> list[BaseRoute]:
        """A table; some templates occur more than once."""
        routes = [self.route() for _ in range(self.random.randint(1, 10))]
        for route in list(routes):
            if isinstance(route, Route) and self.random.random() < 0.3:
                methods = self.random.sample(METHODS, k=2)
                routes.insert(
                    self.random.randint(0, len(routes)), Route(route.path, Endpoint(), methods=methods)
                )
        return routes

    def path(self, routes: list[BaseRoute]) -> str:
        """A path: some at random, most from a template of the table with values put in, and then damaged."""
        if self.random.random() < 0.2:
            return "/" + "/".join(self.text() for _ in range(self.random.randint(0, 4)))
        template = template_of(self.random.choice(routes))
        path = re.sub(r"\{\w+(:\w+)?\}", lambda found: self.value(found[1]), template)
        if self.random.random() < 0.4:
            at = self.random.randint(1, len(path))
            path = path[:at] + self.random.choice((*PATH_TEXT, "/")) + path[at + self.random.randint(0, 2) :]
        return path + self.random.choice(("", "", "", "", "", "\n", "/"))

    def text(self) -> str:
        """A segment of a path."""
        return "".join(self.random.choices(PATH_TEXT, k=self.random.randrange(3)))

    def value(self, convertor: str | None) -> str:
        """A value for a parameter, mostly one that its convertor takes."""
        match convertor if self.random.random() < 0.8 else None:
            case ":int":
                return self.random.choice(("1", "12", "007"))
            case ":float":
                return self.random.choice(("1", "1.5", "0.10"))
            case ":uuid":
                groups = (UUID[:8], UUID[8:12], UUID[12:16], UUID[16:20], UUID[20:])
                return "".join(group + self.random.choice("- ").strip() for group in groups[:-1]) + groups[-1]
            case ":path":
                return self.random.choice(("", "/", "a", "a/b", "a/1/", "\u00e9//x"))
            case _:
                return self.text()


def template_of(route: BaseRoute) -> str:
    """The template that a route compiled."""
    assert isinstance(route, Route | Mount)
    return route.path if isinstance(route, Route) else route.path + "/{path:path}"


def methods_of(route: BaseRoute) -> list[str] | None:
    """The methods that a route serves."""
    return None if isinstance(route, Mount) or route.methods is None else list(route.methods)  # type: ignore[attr-defined]


def linear(routes: list[BaseRoute], method: str, path: str) -> tuple[str, int, dict[str, str]] | None:
    """What Starlette's router chooses (`starlette.routing.Router.app`), with the text of the parameters."""
    scope = {"type": "http", "method": method, "path": path, "root_path": ""}
    partial = None
    for number, route in enumerate(routes):
        match, child = route.matches(scope)
        if match is Match.NONE:
            continue
        text = route.path_regex.match(path).groupdict()  # type: ignore[attr-defined]
        assert_converted(route, text, child["path_params"])
        if match is Match.FULL:
            return "full", number, text
        partial = partial or ("partial", number, text)
    return partial


def assert_converted(route: BaseRoute, text: dict[str, str], values: dict[str, Any]) -> None:
    """The text of the parameters is what Starlette made its values of."""
    convertors = route.param_convertors  # type: ignore[attr-defined]
    expected = {name: convertors[name].convert(value) for name, value in text.items()}
    if isinstance(route, Mount):
        del expected["path"]
    assert values == expected


def cases(tables: Tables) -> Iterator[tuple[list[BaseRoute], str, str]]:
    """Tables and requests."""
    for _ in range(TABLES):
        routes = tables.routes()
        for _ in range(60):
            yield routes, tables.random.choice(METHODS), tables.path(routes)


@pytest.mark.parametrize("seed", range(10))
def test_the_router_finds_what_starlette_finds(seed: int) -> None:
    known: tuple[list[BaseRoute], Router] | None = None
    kinds = {"full": 0, "partial": 0, "none": 0}
    for routes, method, path in cases(Tables(seed)):
        if known is None or known[0] is not routes:
            known = routes, Router([(methods_of(route), template_of(route)) for route in routes])
        expected = linear(routes, method, path)
        kinds[expected[0] if expected else "none"] += 1
        assert known[1].at(method, path) == expected, (method, path, [template_of(route) for route in routes])
    # The generator would prove nothing if its paths met no templates.
    assert min(kinds.values()) > TABLES, kinds


@pytest.mark.parametrize(
    "template",
    [
        "/{a}/{a}",
        "/{a:int}{a}",
        "/{a:date}",
        "/{a:Str}",
        "/{a:str1}",
        "/{a:int}/{b:path2}",
        "users",
        "{a}",
        "*",
    ],
)
def test_templates_that_starlette_refuses_are_refused(template: str) -> None:
    with pytest.raises((AssertionError, ValueError)):
        Route(template, Endpoint())
    with pytest.raises(ValueError, match="route"):
        Router([(None, template)])


def test_an_empty_template_serves_the_empty_path() -> None:
    """FastAPI accepts `app.get("")`; the path is empty when it is the root path and nothing more."""
    route = APIRoute("", endpoint=lambda: None)
    router = Router([(methods_of(route), route.path)])
    for path in ("", "\n", "/", "a"):
        assert router.at("GET", path) == linear([route], "GET", path), path


def test_a_long_hostile_path_has_the_values_of_the_regular_expression() -> None:
    """Ten times longer, Python's `re` would not come back; the router does not care."""
    routes: list[BaseRoute] = [Route("/{a}-{b}{c}x", Endpoint()), Route("/{a:path}/{b}.{c:path}", Endpoint())]
    router = Router([(None, template_of(route)) for route in routes])
    for path in ("/" + "-" * 80, "/" + "a-" * 60 + "x", "/" + "a/" * 60 + "b.c.d", "/" + "\u00e9." * 70):
        assert router.at("GET", path) == linear(routes, "GET", path)
    assert router.at("GET", "/" + "-" * 50_000) is None
