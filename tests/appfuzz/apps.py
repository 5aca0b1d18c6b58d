"""A whole generated app: routers, handlers, middleware, and its module as text."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection
from dataclasses import dataclass, field

from .answers import VALUE_DEFINITIONS
from .dependencies import BOOM, Parts, dependency, for_list
from .dispatch import dispatch_functions, features_of
from .draw import Draw
from .kinds import VAR
from .models import model
from .pieces import CHANGES, HANDLERS, LIFESPAN, MIDDLEWARE, PREAMBLE
from .routes import Route, route

_SUB = """sub = FastAPI(title="sub")


@sub.get("/deep/{n}")
def deep(n: int, request: Request) -> Any:
    return {"n": n, "root_path": request.scope["root_path"], "path": request.url.path}


app.mount("/sub", sub)"""
_OVERRIDE = "app.dependency_overrides[{0}] = lambda: {{'overridden': '{0}'}}"
_ROUTE_CLASS = """class Timed(APIRoute):
    def get_route_handler(self) -> Any:
        original = super().get_route_handler()

        async def handler(request: Request) -> Any:
            response = await original(request)
            response.headers["x-timed"] = "1"
            return response

        return handler"""


@dataclass
class App:
    """A generated app."""

    title: str
    parts: Parts
    create: str
    routes: list[Route]
    #: Statements that make the routers, and those that include them, innermost first.
    routers: list[str] = field(default_factory=list)
    includes: list[str] = field(default_factory=list)
    #: Handlers and middleware, each of which can be left out.
    additions: list[str] = field(default_factory=list)
    future: bool = False
    #: Whether it has a route that changes it while it runs.
    changes: bool = False
    #: Whether routers are included before they and the app have routes.
    includes_first: bool = False
    #: Options of both servers.
    options: tuple[str, ...] = ()

    def render(self, routes: Collection[str] | None = None, additions: Collection[int] | None = None) -> str:
        """The module; only with the routes named and the additions numbered, if given."""
        chosen = [route for route in self.routes if routes is None or route.name in routes]
        extra = [
            text for number, text in enumerate(self.additions) if additions is None or number in additions
        ]
        texts = [route.render() for route in chosen]
        routers, includes = self._routers_of(chosen) if routes is not None else (self.routers, self.includes)
        definitions = self.parts.definitions.needed_by([self.create, *routers, *includes, *texts, *extra])
        head = PREAMBLE.format(
            title=self.title, future="from __future__ import annotations\n\n" if self.future else ""
        )
        app = [self.create, 'app.add_route("/journal", journal)', *routers]
        if self.includes_first:
            body = ["\n".join([*app, *reversed(includes)]), *texts, *extra]
        else:
            body = ["\n".join(app), *texts, "\n".join(includes), *extra]
        return "\n\n\n".join([head.rstrip(), *definitions, *body]).rstrip() + "\n"

    def _routers_of(self, routes: list[Route]) -> tuple[list[str], list[str]]:
        """The statements that make and include the routers of `routes` and those above them."""
        wanted = {route.router for route in routes}
        includes = []
        # The innermost come first.
        for text in self.includes:
            parent, _, child = text.partition(".include_router(")
            if re.split(r"\W", child)[0] in wanted:
                wanted.add(parent)
                includes.append(text)
        made = [text for text in self.routers if text.split(" ")[0] in wanted]
        return made, includes

    @property
    def has_context(self) -> bool:
        """Whether it sets context variables, which uvicorn leaks to requests in one piece with it."""
        return any("VAR.set(" in text for text in (*self.parts.definitions.sources.values(), *self._texts()))

    @property
    def dispatch_functions(self) -> list[list[str]]:
        """What each of its dispatch functions does."""
        return features_of(self.additions)

    @property
    def leaves_bodies_unread(self) -> bool:
        """Whether a dispatch function may answer with something else than the response that it was given."""
        leaving = {"replace", "replace-errors", "raise-after"}
        return any(not leaving.isdisjoint(features) for features in self.dispatch_functions)

    @property
    def races_with_files(self) -> bool:
        """Whether a dispatch function adds a task to what one further out may throw away.

        A file that is thrown away is read in threads until its response hears of that: it runs its own
        tasks before that other one or after it, in Starlette too.
        """
        functions = self.dispatch_functions
        return any(
            "task" in inner and not {"replace", "replace-errors"}.isdisjoint(outer)
            for inner, outer in itertools.combinations(functions, 2)
        )

    @property
    def dispatch_tasks(self) -> list[str]:
        """What the journal calls the tasks of dispatch functions."""
        names = [re.findall(r"task of dispatch_\d+", text) for text in self.additions]
        return [name for found in names for name in found]

    @property
    def tasks_beside_exits(self) -> list[str]:
        """What the journal calls the tasks of dispatch functions that run beside exits of dependencies.

        The inner app goes on while the task runs. A `def` dependency leaves in a thread, or, with the
        engine, on the spot: which of the two comes first is chance in Starlette already.
        """
        sources = self.parts.definitions.sources.values()
        if not any(source.startswith("def ") and "yield " in source for source in sources):
            return []
        return self.dispatch_tasks

    def _texts(self) -> list[str]:
        return [*(route.source for route in self.routes), *self.additions]


def app(seed: str, *, count: int = 25) -> App:
    """The app of a seed, with about `count` routes."""
    draw = Draw(seed)
    parts = Parts(draw)
    for _ in range(draw.randint(2, 6)):
        parts.models.append(model(draw, parts.definitions, parts.models))
    for _ in range(draw.randint(4, 12)):
        parts.dependencies.append(dependency(parts))
    parts.definitions.add("Boom", BOOM)
    arguments = ['title="fuzzed"', *_app_options(parts)]
    made = App(
        f"Generated by tests.appfuzz, seed {seed}", parts, f"app = FastAPI({', '.join(arguments)})", []
    )
    made.future = draw.chance(0.2)
    made.options = draw.pick(*[()] * 14, ("--root-path", "/mounted"), ("--no-proxy-headers",))
    routers: list[tuple[str, str, dict[str, str]]] = [("app", "", {})]
    for number in range(draw.randint(0, 3)):
        routers.append(_router(made, number, routers))
    for _ in range(count):
        name, prefix, placeholders = draw.choice(routers) if draw.chance(0.5) else routers[0]
        made.routes.append(route(parts, prefix=prefix, prefix_placeholders=placeholders, router=name))
    made.includes.reverse()
    made.includes_first = draw.chance(0.3)
    _additions(made)
    for name, source in VALUE_DEFINITIONS.items():
        parts.definitions.add(name, source)
    return made


def _free(parts: Parts) -> list[str]:
    """Dependencies for routers and apps: those that ask nothing of the body."""
    return [for_list(parts, one) for one in parts.draw.some(parts.dependencies, 2) if one.body is None]


def _app_options(parts: Parts) -> list[str]:
    draw = parts.draw
    options = []
    if draw.chance(0.1) and (items := _free(parts)):
        options.append(f"dependencies=[{', '.join(items)}]")
    if draw.chance(0.1):
        options.append(
            "default_response_class="
            + draw.pick("JSONResponse", "PlainTextResponse", "HTMLResponse", "JSONResponse")
        )
    if draw.chance(0.08):
        options.append("redirect_slashes=False")
    if draw.chance(0.08):
        options.append("strict_content_type=False")
    if draw.chance(0.05):
        options.append('root_path="/proxy"')
    if draw.chance(0.1):
        parts.definitions.add("VAR", VAR)
        parts.definitions.add("lifespan", LIFESPAN)
        options.append("lifespan=lifespan")
    return options


def _router(
    made: App, number: int, routers: list[tuple[str, str, dict[str, str]]]
) -> tuple[str, str, dict[str, str]]:
    parts = made.parts
    draw = parts.draw
    name = f"router_{number}"
    parent, above, placeholders = draw.choice(routers)
    own, placeholders = "", dict(placeholders)
    options = []
    if draw.chance(0.6):
        own = draw.pick("/api", "/v1", "/items", "/a")
        options.append(f'prefix="{own}"')
    if draw.chance(0.2) and (items := _free(parts)):
        options.append(f"dependencies=[{', '.join(items)}]")
    if draw.chance(0.06):
        options.append("default_response_class=JSONResponse")
    if draw.chance(0.06):
        parts.definitions.add("Timed", _ROUTE_CLASS)
        options.append("route_class=Timed")
    made.routers.append(f"{name} = APIRouter({', '.join(options)})")
    arguments = [name]
    included = ""
    if draw.chance(0.4):
        included = draw.pick("/in", "/{tenant}", "/b", "/{tenant:int}")
        if "tenant" in included:
            if "tenant" in placeholders:
                included = "/in"
            else:
                placeholders["tenant"] = "int" if ":" in included else ""
        arguments.append(f'prefix="{included}"')
    if draw.chance(0.15) and (items := _free(parts)):
        arguments.append(f"dependencies=[{', '.join(items)}]")
    made.includes.append(f"{parent}.include_router({', '.join(arguments)})")
    return name, above + included + own, placeholders


def _additions(made: App) -> None:
    draw, definitions = made.parts.draw, made.parts.definitions
    handlers = draw.some(HANDLERS, 3) if draw.chance(0.6) else []
    named: set[str] = set()
    for handler in handlers:
        key = handler.split("(")[1].split(")")[0]
        if key not in named:
            named.add(key)
            made.additions.append(handler)
    if draw.chance(0.12):
        made.additions.append(_SUB)
    plain = [one.call for one in made.parts.dependencies if one.call.startswith("dep_")]
    if plain and draw.chance(0.25):
        made.changes = True
        # In front of all routes, so that none hides it.
        made.routers.insert(0, "\n\n" + CHANGES.replace("OVERRIDDEN", draw.choice(plain)) + "\n\n")
    if plain and draw.chance(0.06):
        made.additions.append(_OVERRIDE.format(draw.choice(plain)))
    elif len(plain) > 1 and draw.chance(0.06):
        # By one made before, which cannot depend on it: that would be a cycle.
        later = draw.randrange(1, len(plain))
        earlier = plain[draw.randrange(later)]
        made.additions.append(f"app.dependency_overrides[{plain[later]}] = {earlier}")
    around = draw.some(sorted(MIDDLEWARE), 3) if draw.chance(0.35) else []
    layers = [MIDDLEWARE[name] for name in around]
    definitions.add("VAR", VAR)
    if draw.chance(0.4):
        for function in dispatch_functions(made.parts):
            layers.insert(draw.randint(0, len(layers)), function)
    made.additions += layers
