"""FastAPI's own request handler with other functions in its namespace.

The code object of the route's handler, bound to a copy of the names it looks up in ``fastapi.routing``; among
them solving dependencies and calling the endpoint are ours. Streams, server-sent events and every other kind
of endpoint thereby stay FastAPI's own code.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from types import FunctionType
from typing import TYPE_CHECKING, Any, cast

from fastapi.dependencies.utils import SolvedDependency
from fastapi.routing import serialize_response
from pydantic import PydanticUserError
from starlette.requests import Request
from starlette.responses import Response

from turboapi.plans import schemas
from turboapi.plans.fast_solve import Solve, run_endpoint, solved_dependency
from turboapi.plans.originals import ROUTING, Watched, global_names
from turboapi.plans.reasons import NotPlannable

if TYPE_CHECKING:
    from turboapi.plans.handlers import HandlerFacts
    from turboapi.plans.python_plan import PaceLike

Handler = Callable[[Request], Awaitable[Response]]

_NO_OPERATION: AbstractContextManager[None] = nullcontext()


def bind_handler(facts: HandlerFacts, solve: Solve | None, pace: PaceLike | None) -> tuple[Handler, Watched]:
    """The handler of `facts` with `solve` in it (FastAPI's own if `None`), and the names that it looks up.

    `pace` is that of a synchronous endpoint. The handler takes part in no telemetry: it must not be called
    while the app's is enabled.
    """
    code = facts.handler.__code__
    names = {name for name in global_names(code) if name in ROUTING}
    watched = Watched(ROUTING, names)
    namespace: dict[str, Any] = {name: ROUTING[name] for name in names}
    for name in ("__builtins__", "__name__", "__file__"):
        namespace[name] = ROUTING[name]
    namespace["_operation"] = _no_operation
    namespace["get_telemetry_data"] = _no_telemetry_data
    if solve is not None:
        namespace["solve_dependencies"] = _solve_with(solve, ROUTING["solve_dependencies"])
    if pace is not None and facts.dependant.call is not None:
        namespace["run_endpoint_function"] = _run_with(run_endpoint(facts.dependant.call, pace))
        if validates_inline(facts):
            namespace["serialize_response"] = _serialize_inline
    handler = FunctionType(
        code, namespace, facts.handler.__name__, facts.handler.__defaults__, facts.handler.__closure__
    )
    handler.__kwdefaults__ = facts.handler.__kwdefaults__
    return cast("Handler", handler), watched


def validates_inline(facts: HandlerFacts) -> bool:
    """Whether the response of a `def` endpoint can be validated without the thread that FastAPI uses.

    Only if it runs no Python of the user's.
    """
    field = facts.response_field
    try:
        if field is not None:
            schemas.check(field._type_adapter.core_schema, field.config)
    except (NotPlannable, PydanticUserError):
        # A model with a name that is not resolved has no schema yet.
        return False
    return True


def _solve_with(solve: Solve, original: Callable[..., Awaitable[SolvedDependency]]) -> Callable[..., Any]:
    async def solve_dependencies(*, request: Request, body: Any, **others: Any) -> SolvedDependency:
        solved = await solve(request, body)
        if solved is None:
            return await original(request=request, body=body, **others)
        return solved_dependency(solved)

    return solve_dependencies


def _run_with(run: Callable[[dict[str, Any]], Awaitable[Any]]) -> Callable[..., Any]:
    async def run_endpoint_function(*, dependant: object, values: dict[str, Any], is_coroutine: bool) -> Any:
        return await run(values)

    return run_endpoint_function


async def _serialize_inline(**arguments: Any) -> Any:
    arguments["is_coroutine"] = True
    return await serialize_response(**arguments)


def _no_operation(*, name: str, function: object = None) -> AbstractContextManager[None]:
    return _NO_OPERATION


def _no_telemetry_data(context: object = None) -> None:
    return None
