"""Routes: a path, parameters, dependencies and an answer, as source text and as what a client may send."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .answers import VALUE_DEFINITIONS, Answer, answer
from .dependencies import ID, Parts, for_list, use
from .draw import Draw
from .kinds import VAR
from .parameters import (
    BODY,
    FILE,
    FORM,
    HEADER,
    PATH,
    QUERY,
    Parameter,
    Wire,
    body_parameter,
    file_parameter,
    loose_parameters,
    parameter_model,
    path_parameter,
    scalar_parameter,
    signature,
)

#: What the module may define for a route; kept where a route names it.
SHOWN = """def shown(value: Any) -> Any:
    if isinstance(value, StarletteUploadFile):
        head = [value.filename, value.content_type, value.size, value.headers.items()]
        return [*head, repr(value.file.read()[:200])]
    if isinstance(value, list):
        return [shown(item) for item in value]
    return repr(value)"""

#: Decorators as users write them; `logged` gives a plain function for an `async def` too.
DECORATED = """def decorated(function: Any) -> Any:
    @wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        return await result if hasattr(result, "__await__") else result

    return wrapper"""
LOGGED = """def logged(function: Any) -> Any:
    @wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper"""

_CONVERTORS = ("", "", "", "", "", "", "int", "int", "float", "uuid", "path", "str")
_SEGMENTS = ("items", "users", "me", "a", "b", "größe", "with space", "x.y", "1", "Items")
_PLACEHOLDERS = ("item_id", "user_id", "n", "slug")


@dataclass
class Route:
    """One route of a generated app."""

    name: str
    #: Path below the router's prefix, with `{placeholders}`.
    path: str
    methods: list[str]
    #: The whole statement, with `{router}` for the router's name.
    source: str
    wires: list[Wire] = field(default_factory=list)
    router: str = "app"
    #: Prefix of the router and everything above it.
    prefix: str = ""
    sync: bool = False

    @property
    def template(self) -> str:
        """The path that a client sees."""
        return self.prefix + self.path

    def render(self) -> str:
        """The statement."""
        return self.source.replace("<router>", self.router)


def path(draw: Draw, placeholders: dict[str, str]) -> str:
    """A path template; its placeholders and their convertors are added to `placeholders`."""
    parts = []
    for _ in range(draw.randint(1, 3)):
        if draw.chance(0.45):
            name = next((name for name in draw.sample(_PLACEHOLDERS, 4) if name not in placeholders), "")
            if name:
                placeholders[name] = convertor = draw.choice(_CONVERTORS)
                text = f"{{{name}:{convertor}}}" if convertor else f"{{{name}}}"
                parts.append(draw.pick(text, text, text, f"v{text}", f"{text}.json"))
                continue
        parts.append(draw.choice(_SEGMENTS))
    return "/" + "/".join(parts) + draw.pick("", "", "", "", "/")


def route(
    parts: Parts, *, prefix: str = "", prefix_placeholders: dict[str, str] | None = None, router: str = "app"
) -> Route:
    """A new route."""
    draw = parts.draw
    placeholders = dict(prefix_placeholders or {})
    template = path(draw, placeholders)
    name = parts.definitions.fresh("route_")
    methods = _methods(draw)
    parameters, body, taken = _parameters(parts, placeholders, methods)
    echoed = [parameter.name for parameter in parameters]
    lines: list[str] = []
    if draw.chance(0.6):
        parameters.insert(0, ID)
        taken.add("x_id")
        lines.append(f'note(x_id, "{name}")')
    _dependencies(parts, parameters, echoed, body)
    awaits = _specials(parts, name, parameters, echoed, lines, body)
    ending: Answer = answer(parts, echoed)
    while ending.generates and awaits:
        # A stream that reads the request hangs behind middleware that reads it too.
        ending = answer(parts, echoed)
    if any("x_id" in line for line in ending.lines) and ID not in parameters:
        parameters.insert(0, ID)
    sync = not (awaits or ending.awaits) and draw.chance(0.5)
    _surroundings(draw, lines, sync=sync, notes=ID in parameters)
    options = list(ending.options)
    extra = draw.some(parts.dependencies, 2) if draw.chance(0.15) else []
    if extra:
        extra = [one for one in extra if one.body is None or one.body == body]
        options.append(f"dependencies=[{', '.join(for_list(parts, one) for one in extra)}]")
    if draw.chance(0.05):
        options.append(
            draw.pick(
                'tags=["t"]',
                "include_in_schema=False",
                "deprecated=True",
                'summary="s"',
                'responses={404: {"description": "d"}}',
                'operation_id="op_' + name + '"',
            )
        )
    source = _source(draw, name, template, methods, parameters, lines, ending, options, sync=sync)
    _define(parts, source)
    wires = [wire for parameter in parameters for wire in parameter.wires]
    wires += [wire for one in extra for wire in one.wires]
    # A plain parameter of a dependency is a path parameter where the path has its name.
    wires = [
        Wire(PATH, wire.name, wire.texts) if wire.place == QUERY and wire.name in placeholders else wire
        for wire in wires
    ]
    return Route(name, template, methods, source, wires, router, prefix, sync)


def _methods(draw: Draw) -> list[str]:
    if draw.chance(0.05):
        return draw.pick(["GET", "POST"], ["GET", "HEAD"], ["PUT", "PATCH"], ["PROPFIND"], ["DELETE", "GET"])
    return [
        draw.pick(
            "GET", "GET", "GET", "GET", "POST", "POST", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"
        )
    ]


def _parameters(
    parts: Parts, placeholders: dict[str, str], methods: list[str]
) -> tuple[list[Parameter], str | None, set[str]]:
    draw, definitions = parts.draw, parts.definitions
    taken = set(placeholders) | {"x_id"}
    parameters = [
        path_parameter(draw, definitions, name, convertor)
        for name, convertor in placeholders.items()
        if draw.chance(0.9)
    ]
    parameters += loose_parameters(draw, definitions, taken, 3)
    body = None
    wants = 0.85 if set(methods) & {"POST", "PUT", "PATCH"} else 0.08
    if draw.chance(wants):
        body = draw.pick(BODY, BODY, BODY, BODY, BODY, BODY, BODY, FORM, FILE)
        count = draw.pick(1, 1, 1, 2, 3)
        for _ in range(count):
            if body == BODY:
                parameters.append(body_parameter(draw, definitions, parts.models, taken, alone=count == 1))
            elif body == FILE or draw.chance(0.15):
                parameters.append(file_parameter(draw, definitions, taken))
            elif draw.chance(0.12) and count == 1:
                parameters.append(parameter_model(draw, definitions, FORM, taken))
            else:
                parameters.append(scalar_parameter(draw, definitions, FORM, taken))
    return parameters, FORM if body == FILE else body, taken


def _dependencies(parts: Parts, parameters: list[Parameter], echoed: list[str], body: str | None) -> None:
    draw = parts.draw
    if not parts.dependencies or draw.chance(0.4):
        return
    for number in range(draw.pick(1, 1, 2, 3)):
        dependency = draw.choice(parts.dependencies)
        if dependency.body is not None and dependency.body != body:
            continue
        parameters.append(use(parts, dependency, f"dep{number}"))
        echoed.append(f"dep{number}")


def _specials(
    parts: Parts,
    name: str,
    parameters: list[Parameter],
    echoed: list[str],
    lines: list[str],
    body: str | None,
) -> bool:
    """Request, Response and the like; whether the endpoint has to await."""
    draw = parts.draw
    awaits = False
    if draw.chance(0.15):
        parameters.append(Parameter("request", "request: Request"))
        fact = draw.choice(_FACTS)
        awaits = "await" in fact or "async" in fact
        if awaits and body == FORM:
            fact, awaits = "request.method", False
        lines.append(f"fact = {fact}")
        echoed.append("fact")
    if draw.chance(0.12):
        parameters.append(Parameter("response", "response: Response"))
        lines.append(draw.choice(_CHANGES))
    if draw.chance(0.1):
        parameters.append(Parameter("tasks", "tasks: BackgroundTasks"))
        if ID not in parameters:
            parameters.insert(0, ID)
        lines.append(f'tasks.add_task(note, x_id, "task of {name}")')
    if draw.chance(0.15):
        parts.definitions.add("VAR", VAR)
        lines.append("var = VAR.get()")
        echoed.append("var")
        if draw.chance(0.5):
            lines.append(f'VAR.set("leaked from {name}")')
    if draw.chance(0.15):
        source = 'x_mode: Annotated[str, Header()] = ""'
        parameters.append(
            Parameter("x_mode", source, True, (Wire(HEADER, "x-mode", ("", "", name), required=False),))
        )
        parts.definitions.add("Boom", "class Boom(Exception):\n    pass")
        error = draw.pick(
            'HTTPException(418, "teapot", {"X-Pot": "tea"})',
            'Boom("mode")',
            'ValueError("mode")',
            'HTTPException(404, {"mode": x_mode})',
        )
        lines.append(f'if x_mode == "{name}":\n    raise {error}')
    return awaits


_FACTS = (
    "str(request.url)", "request.method", "sorted(request.headers.items())", "dict(request.path_params)",
    "request.query_params.multi_items()", "request.cookies", "await request.body()",
    "await request.body()", "[(await request.json()) if await request.body() else 0]",
    "[len(chunk) async for chunk in request.stream()]", 'request.scope["raw_path"]',
    'request.scope["root_path"]', 'request.scope["route"].path', "request.app.title",
    "request.client.host", "request.base_url.path", "sorted({*request.scope} - {'fastapi'})",
    'request.scope["type"] + request.scope["http_version"] + request.scope["scheme"]',
    "repr(request.scope['query_string'])", "request.url.query", "await request.is_disconnected()",
    "type(request).__name__", "request.scope['endpoint'].__name__", "dict(request.state._state)",
    "request.scope['server'][0]", "repr(sorted(request.scope['headers']))", "repr(request.scope['asgi'])",
    "repr(request.scope.get('extensions'))", "request['method']", "len(request.scope['path'])",
    "repr(request.auth) if 'auth' in request.scope else None",
)  # fmt: skip
_CHANGES = (
    'response.headers["X-Set"] = "yes"', 'response.headers["x-shared"] = "endpoint"',
    'response.set_cookie("session", "abc=1", max_age=5, samesite="strict")', "response.status_code = 206",
    "response.status_code = 204",
    'response.headers["content-type"] = "application/odd"',
    'response.headers.append("set-cookie", "raw=1"); response.status_code = 299',
    'response.headers["etag"] = \'"é"\'',
)  # fmt: skip


def _surroundings(draw: Draw, lines: list[str], *, sync: bool, notes: bool) -> None:
    """Statements whose effect depends on the thread, task and loop that the endpoint runs in."""
    if not sync and draw.chance(0.12):
        lines.append("await asyncio.sleep(0)")
    if notes and draw.chance(0.2):
        lines.append(f"note(x_id, repr({draw.choice(_IN_THREADS if sync else _IN_TASKS)}))")


#: In a `def`: what FastAPI's worker threads allow.
_IN_THREADS = (
    "asyncio.run(asyncio.sleep(0, 5))", "from_thread.run(asyncio.sleep, 0, 7)", "via_thread()",
    "via_loop()", "running()", "Bridge().call()", "sum(range(200000)) and None",
    "time_module.sleep(0.002)", "sniffed()",
    "asyncio.new_event_loop().run_until_complete(asyncio.sleep(0, 6))", "[*map(via_thread_of, [1])]",
    "from_thread.run_sync(VAR.get)",
)  # fmt: skip
#: In an `async def`: what a task allows.
_IN_TASKS = (
    "asyncio.current_task() is not None", "await asyncio.sleep(0.001, 5)",
    "await asyncio.to_thread(VAR.get)", "await asyncio.gather(asyncio.sleep(0, 1), asyncio.sleep(0, 2))",
    "await asyncio.create_task(asyncio.sleep(0, 4))", "await asyncio.wait_for(asyncio.sleep(0.001, 3), 1)",
    "await timed()", "await grouped()", "running()", "sniffed()", "asyncio.current_task().cancelling()",
    "await run_in_threadpool(VAR.get)", "await spawned()", "asyncio.get_running_loop().is_running()",
    "await cancelled()",
)  # fmt: skip
HELPERS = {
    "via_thread": "def via_thread() -> Any:\n    return from_thread.run(asyncio.sleep, 0, 8)",
    "via_thread_of": """def via_thread_of(value: Any) -> Any:
    return from_thread.run(asyncio.sleep, 0, value)""",
    "via_loop": "def via_loop() -> Any:\n    return asyncio.run(asyncio.sleep(0, 9))",
    "Bridge": "class Bridge:\n    def call(self) -> Any:\n        return via_thread()",
    "running": """def running() -> Any:
    try:
        return type(asyncio.get_running_loop()).__mro__[-1].__name__
    except RuntimeError as error:
        return str(error)""",
    "sniffed": """def sniffed() -> Any:
    try:
        return get_cancelled_exc_class().__name__
    except Exception as error:
        return type(error).__name__""",
    "timed": """async def timed() -> Any:
    async with asyncio.timeout(1):
        return await asyncio.sleep(0, 2)""",
    "grouped": """async def grouped() -> Any:
    found: list[int] = []

    async def add(value: int) -> None:
        await asyncio.sleep(0)
        found.append(value)

    async with create_task_group() as group:
        for value in range(3):
            group.start_soon(add, value)
    return found""",
    "spawned": """async def spawned() -> Any:
    async def inner() -> Any:
        before = VAR.get()
        VAR.set("inner")
        return before

    return [await asyncio.create_task(inner()), VAR.get()]""",
    "cancelled": """async def cancelled() -> Any:
    with move_on_after(0.001) as scope:
        await asyncio.sleep(5)
    return scope.cancelled_caught""",
}


def _source(
    draw: Draw,
    name: str,
    template: str,
    methods: list[str],
    parameters: list[Parameter],
    lines: list[str],
    ending: Answer,
    options: list[str],
    *,
    sync: bool,
) -> str:
    returns = ending.returns
    if ending.generates and not sync:
        returns = re.sub(r"^Iterable", "AsyncIterable", returns)
    head = (
        f"{'' if sync else 'async '}def {name}({signature(draw, parameters)})"
        + (f" -> {returns}" if returns else "")
        + ":"
    )
    rows = [f"    {row}" for line in [*lines, *ending.lines] for row in line.splitlines()]
    arguments = ", ".join([f'"{template}"', *options])
    if (
        len(methods) == 1
        and methods[0] in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
        and draw.chance(0.95)
    ):
        decorator = f"@<router>.{methods[0].lower()}({arguments})"
    else:
        decorator = f"@<router>.api_route({arguments}, methods={methods})"
    function = "\n".join([head, *rows])
    if ending.generates or draw.chance(0.95):
        return f"{decorator}\n{function}"
    call = draw.pick(f"partial({name})", f"decorated({name})", f"logged({name})")
    first, *rest = [f'"{template}"', *options]
    added = ", ".join([first, call, *rest, f"methods={methods}"])
    return f"{function}\n\n\n<router>.add_api_route({added})"


def _define(parts: Parts, source: str) -> None:
    parts.definitions.add("shown", SHOWN)
    for name, definition in HELPERS.items():
        parts.definitions.add(name, definition)
    parts.definitions.add("VAR", VAR)
    parts.definitions.add("decorated", DECORATED)
    parts.definitions.add("logged", LOGGED)
    for name, definition in VALUE_DEFINITIONS.items():
        if re.search(rf"\b{name}\b", source):
            parts.definitions.add(name, definition)
