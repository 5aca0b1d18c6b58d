"""Dependencies of every kind; each notes its calls in the module's journal."""

from __future__ import annotations

from dataclasses import dataclass, field

from .draw import Definitions, Draw
from .kinds import VAR
from .models import Model
from .parameters import (
    BODY,
    FORM,
    HEADER,
    QUERY,
    Parameter,
    Wire,
    body_parameter,
    loose_parameters,
    scalar_parameter,
    signature,
)

#: Names the request in the journal; every request sends it.
ID = Parameter("x_id", 'x_id: Annotated[str, Header()] = "-"', True)
#: Values of `Authorization`: wrong ones for all, and right ones for a class.
_BAD_CREDENTIALS = (
    "Basic dXNlcg==",
    "Basic !!",
    "Basic",
    "Bearer",
    "Token x",
    "Basic 4oKs",
    "",
    "Digest a=b",
    "bearer  two",
    "Bearer a b",
)
_CREDENTIALS = {
    "HTTPBasic": ("Basic dXNlcjpwYXNz", "basic dTpwOnE=", "BASIC dTo="),
    "HTTPDigest": ("Digest a=b", "digest x"),
    "": ("Bearer token-1", "bearer x", "BEARER tök"),
}


@dataclass(frozen=True)
class Dependency:
    """Something that `Depends()` takes."""

    #: Expression for the call, such as `dep_1`.
    call: str
    annotation: str = "Any"
    wires: tuple[Wire, ...] = ()
    #: Whether it is a generator, which `Depends(scope=...)` speaks of.
    generates: bool = False
    security: bool = False
    #: What kind of body its tree takes, if any.
    body: str | None = None


@dataclass
class Parts:
    """What the functions of one app are made of."""

    draw: Draw
    definitions: Definitions = field(default_factory=Definitions)
    models: list[Model] = field(default_factory=list)
    dependencies: list[Dependency] = field(default_factory=list)


_SECURITY = (
    ('OAuth2PasswordBearer(tokenUrl="token"{})', "authorization"),
    ('OAuth2PasswordBearer(tokenUrl="token", scopes={{"a": "A"}}{})', "authorization"),
    ('HTTPBearer(scheme_name="b"{})', "authorization"),
    ('HTTPBasic(realm="zone"{})', "authorization"),
    ('HTTPBasic(scheme_name="basic"{})', "authorization"),
    ('HTTPDigest(scheme_name="d"{})', "authorization"),
    ('APIKeyHeader(name="X-Key"{})', "X-Key"),
    ('APIKeyQuery(name="key"{})', "key"),
    ('APIKeyCookie(name="key"{})', "key"),
    ('OpenIdConnect(openIdConnectUrl="/o"{})', "authorization"),
)


def security(parts: Parts) -> Dependency:
    """An instance of one of FastAPI's security classes."""
    draw, definitions = parts.draw, parts.definitions
    template, wire = draw.choice(_SECURITY)
    source = template.format(draw.pick("", "", ", auto_error=False"))
    name = definitions.fresh("scheme")
    definitions.add(name, f"{name} = {source}")
    if wire == "authorization":
        good = _CREDENTIALS.get(source.split("(")[0], _CREDENTIALS[""])
        wires = (Wire(HEADER, wire, good * 8 + _BAD_CREDENTIALS),)
    else:
        place = {"APIKeyHeader": "header", "APIKeyQuery": "query", "APIKeyCookie": "cookie"}[
            source.split("(")[0]
        ]
        wires = (Wire(place, wire, ("secret", "", "k k")),)
    return Dependency(name, wires=wires, security=True)


def use(parts: Parts, dependency: Dependency, name: str, *, function_scope: bool = True) -> Parameter:
    """A parameter that depends on `dependency`."""
    draw = parts.draw
    arguments = [dependency.call]
    call = "Depends"
    if draw.chance(0.1):
        arguments.append("use_cache=False")
    if (dependency.security and draw.chance(0.6)) or draw.chance(0.06):
        call = "Security"
        if draw.chance(0.7):
            arguments.append(f"scopes={draw.pick(['a'], ['a', 'b'], ['c'], [])}")
    elif dependency.generates and function_scope and draw.chance(0.4):
        arguments.append('scope="function"')
    wired = tuple(wire for wire in dependency.wires)
    text = f"{call}({', '.join(arguments)})"
    if draw.chance(0.6):
        return Parameter(name, f"{name}: Annotated[{dependency.annotation}, {text}]", False, wired)
    return Parameter(name, f"{name}: {dependency.annotation} = {text}", True, wired)


def for_list(parts: Parts, dependency: Dependency) -> str:
    """The source of an item of `dependencies=[...]`."""
    call = parts.draw.pick(
        "Depends({})", "Depends({})", "Depends({}, use_cache=False)", 'Security({}, scopes=["r"])'
    )
    return call.format(dependency.call)


def dependency(parts: Parts) -> Dependency:
    """A new dependency, which may use those made before."""
    draw, definitions = parts.draw, parts.definitions
    if draw.chance(0.12):
        return security(parts)
    if draw.chance(0.06):
        return _odd(parts)
    name = definitions.fresh("dep_")
    taken = {"x_id"}
    parameters: list[Parameter] = [ID]
    parameters += loose_parameters(draw, definitions, taken, 2)
    lines = [f'note(x_id, "{name}")']
    if draw.chance(0.06):
        # A path parameter on routes whose path has this name, and a query parameter on others.
        parameters.append(
            Parameter("item_id", "item_id: str", False, (Wire(QUERY, "item_id", ("1", "abc")),))
        )
    shown = [parameter.name for parameter in parameters[1:]]
    generates = draw.chance(0.3)
    body = None
    if draw.chance(0.04):
        parameters.append(body_parameter(draw, definitions, parts.models, taken, alone=False))
        shown.append(parameters[-1].name)
        body = BODY
    elif draw.chance(0.03):
        parameters.append(scalar_parameter(draw, definitions, FORM, taken))
        shown.append(parameters[-1].name)
        body = FORM
    for number in range(draw.randint(0, 2) if parts.dependencies else 0):
        inner = draw.choice(parts.dependencies)
        if inner.body and body and inner.body != body:
            continue
        body = body or inner.body
        parameters.append(use(parts, inner, f"sub_{number}", function_scope=False))
        shown.append(f"sub_{number}")
    lines += _extras(parts, name, parameters, shown)
    wires = tuple(wire for parameter in parameters for wire in parameter.wires)
    value = "{" + ", ".join(f'"{item}": {item}' for item in shown) + "}" if shown else f'"{name}"'
    if draw.chance(0.15):
        value = f"repr({value})"
    parts.definitions.add(name, "")
    is_async = draw.chance(0.5)
    if generates:
        definitions.sources[name] = _generator(draw, name, parameters, lines, value, is_async)
        return Dependency(name, wires=wires, generates=True, body=body)
    if draw.chance(0.12):
        return _class(parts, name, parameters, lines, value, wires, body)
    if draw.chance(0.08):
        return _instance(parts, name, parameters, lines, value, wires, body, is_async)
    head = f"{'async ' if is_async else ''}def {name}({signature(draw, parameters)}) -> Any:"
    pause = ["await asyncio.sleep(0)"] if is_async and draw.chance(0.15) else []
    definitions.sources[name] = _text(head, [*lines, *pause, f"return {value}"])
    return Dependency(name, wires=wires, body=body)


def _extras(parts: Parts, name: str, parameters: list[Parameter], shown: list[str]) -> list[str]:
    """Special parameters and what is done with them; `parameters` and `shown` grow."""
    draw = parts.draw
    lines = []
    if draw.chance(0.2):
        texts = ("", "", "", name, f"{name} 403", "none")
        parameters.append(
            Parameter(
                "x_mode",
                'x_mode: Annotated[str, Header()] = ""',
                True,
                (Wire(HEADER, "x-mode", texts, required=False),),
            )
        )
        error = draw.pick(
            'HTTPException(401, "no entry", {"WWW-Authenticate": "Bearer"})',
            'HTTPException(403, {"why": [1, None, "ü"]})',
            "HTTPException(418)",
            "HTTPException(404)",
            'Boom("in a dependency")',
            'ValueError("not handled")',
        )
        parts.definitions.add("Boom", BOOM)
        lines.append(f'if x_mode == "{name}":\n    raise {error}')
    if draw.chance(0.12):
        parameters.append(
            Parameter("request", f"request: {draw.pick('Request', 'Request', 'HTTPConnection')}")
        )
        facts = (
            "request.url.path",
            "request.headers.getlist('x-mode')",
            "dict(request.path_params)",
            "request.query_params.multi_items()",
            "dict(request.cookies)",
        )
        lines.append(f"seen = {draw.choice(facts)}")
        shown.append("seen")
        if draw.chance(0.3):
            lines.append(f'request.state.{name} = "set"')
    if draw.chance(0.15):
        parameters.append(Parameter("response", "response: Response"))
        lines.append(
            draw.pick(
                f'response.headers["x-{name.replace("_", "-")}"] = "1"',
                'response.headers["x-shared"] = "grün"',
                f'response.set_cookie("{name}", "v", httponly=True)',
                f'response.headers.append("x-many", "{name}")',
                "response.status_code = 202",
                'response.headers["cache-control"] = "no-store"',
                'response.headers["content-type"] = "text/odd"',
            )
        )
    if draw.chance(0.1):
        parameters.append(Parameter("tasks", "tasks: BackgroundTasks"))
        lines.append(f'tasks.add_task(note, x_id, "task of {name}")')
    if draw.chance(0.08):
        parameters.append(Parameter("scopes", "scopes: SecurityScopes"))
        lines.append("granted = [*scopes.scopes, scopes.scope_str]")
        shown.append("granted")
    if draw.chance(0.12):
        parts.definitions.add("VAR", VAR)
        lines.append(draw.pick(f'VAR.set(VAR.get() + "+{name}")', "var = VAR.get()"))
        if lines[-1].startswith("var"):
            shown.append("var")
    return lines


BOOM = "class Boom(Exception):\n    pass"


def _text(head: str, lines: list[str]) -> str:
    return "\n".join([head, *(f"    {row}" for line in lines for row in line.splitlines())])


def _generator(
    draw: Draw, name: str, parameters: list[Parameter], lines: list[str], value: str, is_async: bool
) -> str:
    prefix = "async " if is_async else ""
    kind = "AsyncIterator" if is_async else "Iterator"
    out = f'note(x_id, "{name} out")'
    shape = draw.random()
    if shape < 0.35:
        ending = [f"yield {value}", out]
        if draw.chance(0.1):
            ending.append(
                draw.pick(
                    'raise HTTPException(417, "late")', 'raise ValueError("late")', 'raise Boom("late")'
                )
            )
    elif shape < 0.6:
        ending = ["try:", f"    yield {value}", "finally:", f"    {out}"]
    else:
        then = draw.pick(
            "raise",
            "raise",
            "raise",
            'raise HTTPException(419, "converted") from error',
            'raise ValueError("other") from error',
            "pass",
        )
        caught = draw.pick("Exception", "Exception", "HTTPException", "ValueError")
        ending = ["try:", f"    yield {value}", f"except {caught} as error:"]
        ending += [
            f'    note(x_id, f"{name} caught {{type(error).__name__}}")',
            f"    {then}",
            "finally:",
            f"    {out}",
        ]
    return _text(f"{prefix}def {name}({signature(draw, parameters)}) -> {kind}[Any]:", [*lines, *ending])


def _odd(parts: Parts) -> Dependency:
    """Callables that are no functions of the module."""
    draw, definitions = parts.draw, parts.definitions
    plain = [one for one in parts.dependencies if one.call.startswith("dep_") and not one.generates]
    inner = draw.choice(plain) if plain else None
    kind = draw.randrange(6)
    if kind == 0 and inner is not None:
        name = definitions.fresh("partial_")
        definitions.add(name, f'{name} = partial({inner.call}, x_id="0")')
        return Dependency(name, wires=inner.wires, body=inner.body)
    if kind == 1 and inner is not None:
        name = definitions.fresh("wrapped_")
        lines = [
            f"@wraps({inner.call})",
            f"async def {name}(*args: Any, **kwargs: Any) -> Any:",
            f"    result = {inner.call}(*args, **kwargs)",
            '    return ["wrapped", await result if hasattr(result, "__await__") else result]',
        ]
        definitions.add(name, "\n".join(lines))
        return Dependency(name, wires=inner.wires, body=inner.body)
    if kind == 2:
        name = definitions.fresh("Equal")
        lines = [
            f"class {name}:",
            "    def __init__(self, level: int) -> None:",
            "        self.level = level",
            "",
            "    def __eq__(self, other: object) -> bool:",
            f"        return isinstance(other, {name})",
            "",
            "    def __hash__(self) -> int:",
            "        return 1",
            "",
            f"    {draw.pick('', 'async ')}def __call__(self, q: str = '') -> Any:",
            "        return [self.level, q]",
        ]
        definitions.add(name, "\n".join(lines))
        return Dependency(
            f"{name}({draw.randint(1, 3)})", wires=(Wire(QUERY, "q", ("1", "a"), required=False),)
        )
    if kind == 3:
        name = definitions.fresh("Service")
        prefix = draw.pick("", "async ")
        lines = [
            f"class {name}:",
            f"    {prefix}def get(self, limit: int = 3) -> Any:",
            "        return limit * 2",
        ]
        definitions.add(name, "\n".join(lines))
        return Dependency(f"{name}().get", wires=(Wire(QUERY, "limit", ("1", "7"), required=False),))
    if kind == 4:
        name = definitions.fresh("Filter")
        base = draw.pick("(BaseModel)", "(BaseModel)", "")
        lines = [] if base else ["@dataclass"]
        lines += [f"class {name}{base}:", "    q: str", "    skip: int = 0", "    tag: str | None = None"]
        definitions.add(name, "\n".join(lines))
        wires = (Wire(QUERY, "q", ("a", "b")), Wire(QUERY, "skip", ("1", "2"), required=False))
        return Dependency(name, draw.pick("Any", name), wires)
    return Dependency(draw.pick("lambda: 7", "lambda q='x': q", "lambda: {}", "object"))


def _class(
    parts: Parts,
    name: str,
    parameters: list[Parameter],
    lines: list[str],
    value: str,
    wires: tuple[Wire, ...],
    body: str | None,
) -> Dependency:
    head = f"    def __init__(self, {signature(parts.draw, parameters)}) -> None:"
    rows = _text(head, [*lines, f"self.value = {value}"]).replace("\n    ", "\n        ")
    shown = '    def __repr__(self) -> str:\n        return f"made {self.value!r}"'
    parts.definitions.sources[name] = f"class {name}:\n{rows}\n\n{shown}"
    return Dependency(name, parts.draw.pick("Any", name), wires, body=body)


def _instance(
    parts: Parts,
    name: str,
    parameters: list[Parameter],
    lines: list[str],
    value: str,
    wires: tuple[Wire, ...],
    body: str | None,
    is_async: bool,
) -> Dependency:
    kind = name.replace("dep_", "Checker")
    head = (
        f"    {'async ' if is_async else ''}def __call__(self, {signature(parts.draw, parameters)}) -> Any:"
    )
    rows = _text(head, [*lines, f"return [self.level, {value}]"]).replace("\n    ", "\n        ")
    start = "    def __init__(self, level: int) -> None:\n        self.level = level"
    parts.definitions.sources[name] = (
        f"class {kind}:\n{start}\n\n{rows}\n\n\n{name} = {kind}({parts.draw.randint(1, 3)})"
    )
    return Dependency(name, "Any", wires, body=body)
