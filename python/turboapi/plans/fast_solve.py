"""Solving the dependencies of a request from its program, in place of FastAPI's walk over the tree.

Everything is taken from the request and validated first; only then is anything of the user's called. So a
request that the extractor refuses is still untouched, and FastAPI's own `solve_dependencies` answers for it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from fastapi import BackgroundTasks
from fastapi.dependencies.utils import SolvedDependency
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from turboapi.plans.generators import enter_async_generator, enter_generator
from turboapi.plans.reasons import NotPlannable

if TYPE_CHECKING:
    from turboapi.plans.dependencies import Call, Program
    from turboapi.plans.python_plan import ExtractorLike, PaceLike


Solved: TypeAlias = tuple[dict[str, Any], BackgroundTasks | None, Response | None]
"""What the endpoint is called with, and what goes into its response.

The injected response is there only if something takes one.
"""

Solve = Callable[[Request, Any], Awaitable[Solved | None]]
_Run = Callable[[dict[str, Any], Request], Awaitable[Any]]


def compile_solve(
    program: Program, extractor: ExtractorLike | None, paces: Callable[[Callable[..., Any]], PaceLike]
) -> Solve:
    """The function from a request and its parsed body to what the endpoint is called with.

    `None` is a refusal, before anything of the user's was called.
    """
    calls = program.calls[:-1]
    first = next((call for call in calls if call.kind == "asyncgen"), None)
    steps = tuple(
        (call.call, _compile_run(call, paces, first=call is first), call.arguments, call.out)
        for call in calls
    )
    endpoint = program.calls[-1].arguments
    uses = program.uses
    takes_response, takes_background = program.response in uses, program.background in uses
    request_slot, response_slot, background_slot = program.request, program.response, program.background
    makers = program.makers
    others = [None] * (program.slots - program.request)

    async def solve(request: Request, body: Any) -> Solved | None:
        slots: list[Any] | None
        if extractor is None:
            slots = []
        else:
            scope = request.scope
            slots = (
                extractor.from_scope(scope, request.path_params, body) if isinstance(scope, dict) else None
            )
            if slots is None:
                return None
        slots.extend(others)
        slots[request_slot] = request
        response = background = None
        if takes_response:
            slots[response_slot] = response = injected_response()
        if takes_background:
            slots[background_slot] = background = BackgroundTasks()
        for slot, make in makers:
            slots[slot] = make()
        for call, run, names, out in steps:
            arguments = {name: slots[slot] for name, slot in names}
            slots[out] = await (call(**arguments) if run is None else run(arguments, request))
        return {name: slots[slot] for name, slot in endpoint}, background, response

    return solve


def injected_response() -> Response:
    """The response object that a parameter of type `Response` gets: no status yet and no headers."""
    response = Response()
    del response.headers["content-length"]
    response.status_code = None  # type: ignore[assignment]
    return response


def run_endpoint(call: Callable[..., Any], pace: PaceLike) -> Callable[[dict[str, Any]], Awaitable[Any]]:
    """A coroutine function that calls a `def` endpoint where its pace says: here, or in a thread."""

    async def run(arguments: dict[str, Any]) -> Any:
        if pace.inline:
            # StopIteration leaves this coroutine as the RuntimeError that it is when it leaves a thread.
            return pace.call(call, **arguments)
        # Bound first: run_in_threadpool has a parameter of its own, whose name is free for endpoints.
        return await run_in_threadpool(partial(pace.timed(call), **arguments))

    return run


def _compile_run(call: Call, paces: Callable[[Callable[..., Any]], PaceLike], *, first: bool) -> _Run | None:
    """How a dependency is run that is not simply awaited."""
    function = call.call
    if call.kind == "async":
        return None
    stack_key = "fastapi_function_astack" if call.scope == "function" else "fastapi_inner_astack"
    if call.kind == "asyncgen":
        return enter_async_generator(function, stack_key, first=first)
    pace = paces(function)
    if call.kind == "gen":
        return enter_generator(function, pace, stack_key)
    if any(name == "func" for name, _ in call.arguments):
        raise NotPlannable("a parameter is called func, which run_in_threadpool takes for its own")

    async def run(arguments: dict[str, Any], request: Request) -> Any:
        if pace.inline:
            return pace.call(function, **arguments)
        return await run_in_threadpool(pace.timed(function), **arguments)

    return run


# What FastAPI's handler reads from the injected response when nothing took one.
class _NoHeaders:
    raw: tuple[()] = ()


class _NoResponse:
    status_code = None
    headers = _NoHeaders()


NO_RESPONSE: Any = _NoResponse()


def solved_dependency(solved: Solved) -> SolvedDependency:
    """`solved` in the form in which FastAPI's handler takes it."""
    values, background, response = solved
    return SolvedDependency(
        values=values,
        errors=[],
        background_tasks=background,
        response=NO_RESPONSE if response is None else response,
        dependency_cache={},
    )
