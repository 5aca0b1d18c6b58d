"""The python tier: a route run by a coroutine of ours, with FastAPI's own functions wherever it matters.

Two shapes. A route that answers with one value runs through `_compile_plain`, which does what FastAPI's
`request_response` and request handler do, in their order. Streams and anything else run through FastAPI's two
functions themselves, the handler re-bound so that dependencies are solved from the program.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Literal, Protocol

from fastapi._compat import Undefined
from fastapi.dependencies.models import _is_async_gen_callable, _is_gen_callable
from fastapi.exceptions import FastAPIError, RequestValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from turboapi.plans.failures import answer_failure
from turboapi.plans.fast_body import UNPARSABLE, compile_body_reader
from turboapi.plans.fast_handler import Handler, bind_handler, validates_inline
from turboapi.plans.fast_response import Reply, adopt, compile_build, compile_encode, endpoint_context
from turboapi.plans.fast_solve import Solve, Solved, compile_solve, run_endpoint
from turboapi.plans.originals import ROUTING, UTILS, text_of, verify_originals, watch_routing, watch_utils
from turboapi.plans.reasons import NotPlannable
from turboapi.plans.runtime import turn

if TYPE_CHECKING:
    from turboapi.plans.dependencies import Program
    from turboapi.plans.handlers import HandlerFacts


class PaceLike(Protocol):
    """Where the next call of one synchronous callable runs (`turboapi._engine.Pace`)."""

    @property
    def inline(self) -> bool:
        """Whether to run the next call here."""

    def call(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Calls here, in a copy of the context, with no running loop visible."""

    def timed(self, function: Callable[..., Any], /) -> Callable[..., Any]:
        """A callable for a thread that reports how long it ran."""


class ExtractorLike(Protocol):
    """What takes a program's parameters from a request (`turboapi._engine.Extractor`)."""

    def from_scope(
        self, scope: dict[str, Any], path_params: dict[str, Any], body: object
    ) -> list[Any] | None:
        """The values of the program's first slots; `None` if FastAPI has to look at the request."""


class PythonPlan:
    """One route of the python tier: an ASGI callable for requests that FastAPI's router matched to it.

    The scope must hold what FastAPI's middleware and router put there. Not to be called while the app's
    telemetry is enabled.
    """

    __slots__ = ("app", "shape", "solves")

    def __init__(self, app: ASGIApp, shape: Literal["plain", "handler"], solves: bool) -> None:
        self.app = app
        self.shape = shape
        """``plain``, or ``handler`` for FastAPI's own handler re-bound."""
        self.solves = solves
        """Whether dependencies are solved from the program rather than by FastAPI's `solve_dependencies`."""

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        return self.app(scope, receive, send)


def compile_python_plan(
    facts: HandlerFacts,
    program: Program | None,
    extractor: ExtractorLike | None,
    paces: Callable[[Callable[..., Any]], PaceLike],
    *,
    guarded: bool = False,
) -> PythonPlan:
    """The plan of the route with `facts`; raises `NotPlannable`.

    Without a `program` dependencies are solved by FastAPI's own function. `extractor` fills the program's
    first slots; it may be `None` only if there are none. `guarded` says that whoever calls the plan looks at
    what `watch_routing` and `watch_utils` name before; else the plan does.
    """
    verify_originals()
    solve = None
    if program is not None:
        if extractor is None and program.request > 0:
            raise NotPlannable("nothing extracts its parameters")
        solve = compile_solve(program, extractor, paces)
    call = facts.dependant.call
    if call is None:
        raise NotPlannable("its endpoint is missing")
    generates = _is_gen_callable(call) or _is_async_gen_callable(call)
    pace = None if generates or facts.is_coroutine else paces(call)
    handler, watched = bind_handler(facts, solve, pace)
    bound = ROUTING["request_response"](handler)
    if generates or facts.is_sse_stream or facts.is_json_stream:
        utils, original = watch_utils(), facts.app

        async def run_handler(scope: Scope, receive: Receive, send: Send) -> None:
            # These are more names than guards know.
            current = utils.read(UTILS) == utils.values and watched.read(ROUTING) == watched.values
            await (bound if current else original)(scope, receive, send)

        return PythonPlan(run_handler, "handler", solve is not None)
    run = None if pace is None else run_endpoint(call, pace)
    respond = _compile_respond(facts, solve, run, handler)
    plan = _compile_plain(facts, respond)
    return PythonPlan(plan if guarded else _guarded(plan, facts.app), "plain", solve is not None)


_Run = Callable[[dict[str, Any]], Awaitable[Any]]
_Respond = Callable[[Request, Receive], Awaitable[Response | Reply]]


def _compile_respond(
    facts: HandlerFacts, solve: Solve | None, run: _Run | None, handler: Handler
) -> _Respond:
    """What the request handler does: from the request to its response, everything but sending it.

    `run` calls a synchronous endpoint.
    """
    call = facts.dependant.call
    assert call is not None
    read_body = compile_body_reader(facts)
    encode = compile_encode(facts)
    build = compile_build(facts, validates_inline=validates_inline(facts))

    async def respond(request: Request, receive: Receive) -> Response | Reply:
        body: Any = Undefined
        if read_body is not None:
            body = await read_body(request, receive)
            if body is UNPARSABLE:
                return await handler(request)
        solved = None if solve is None else await solve(request, body)
        if solved is None:
            solved = await _solve(facts, request, body)
        values, background, injected = solved
        raw = await (call(**values) if run is None else run(values))
        if isinstance(raw, Response):
            return adopt(raw, background)
        if encode is None:
            return await build(raw, solved, request)
        scope = request.scope
        answer = encode(raw, injected, scope["method"], scope.get("root_path", ""))
        if isinstance(answer, tuple):
            return *answer, background
        return adopt(answer, background)

    return respond


async def _solve(facts: HandlerFacts, request: Request, body: Any) -> Solved:
    result = await ROUTING["solve_dependencies"](
        request=request,
        dependant=facts.dependant,
        body=body,
        dependency_overrides_provider=facts.dependency_overrides_provider,
        async_exit_stack=request.scope["fastapi_inner_astack"],
        embed_body_fields=facts.embed_body_fields,
    )
    if result.errors:
        raise RequestValidationError(
            result.errors,
            body=None if body is Undefined else body,
            endpoint_ctx=endpoint_context(facts, request),
        )
    return result.values, result.background_tasks, result.response


def _compile_plain(facts: HandlerFacts, respond: _Respond) -> ASGIApp:
    """What the route's ASGI callable does around its handler."""
    not_awaited = text_of(facts.app.__code__, "Response not awaited")
    send_plainly = Response.__call__

    async def plan(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        started = False
        request_stack: Any
        function_stack: Any
        try:
            response_awaited = False
            # The two stacks are left as `async with` would leave them, for nothing if they are empty.
            scope["fastapi_inner_astack"] = request_stack = AsyncExitStack()
            try:
                scope["fastapi_function_astack"] = function_stack = AsyncExitStack()
                try:
                    response: Any = await respond(request, receive)
                except BaseException as error:
                    if not (function_stack._exit_callbacks and await _leave(function_stack, error)):
                        raise
                else:
                    if function_stack._exit_callbacks:
                        await function_stack.__aexit__(None, None, None)
                if type(response) is tuple:
                    status, headers, body, background = response
                    started = True
                    await send({"type": "http.response.start", "status": status, "headers": headers})
                    await send({"type": "http.response.body", "body": body})
                    if background is not None:
                        await turn()
                        await background()
                elif type(response).__call__ is send_plainly:
                    start = {
                        "type": "http.response.start",
                        "status": response.status_code,
                        "headers": response.raw_headers,
                    }
                    started = True
                    await send(start)
                    await send({"type": "http.response.body", "body": response.body})
                    if response.background is not None:
                        await turn()
                        await response.background()
                else:

                    async def sender(message: Message) -> None:
                        nonlocal started
                        if message["type"] == "http.response.start":
                            started = True
                        await send(message)

                    await response(scope, receive, sender)
                response_awaited = True
            except BaseException as error:
                if not (request_stack._exit_callbacks and await _leave(request_stack, error)):
                    raise
            else:
                if request_stack._exit_callbacks:
                    await request_stack.__aexit__(None, None, None)
            if not response_awaited:
                raise FastAPIError(not_awaited)
        except Exception as exception:
            await answer_failure(exception, request, receive, send, started=started)

    return plan


async def _leave(stack: AsyncExitStack, error: BaseException) -> bool | None:
    """Whether an exit on the stack took the exception."""
    return await stack.__aexit__(type(error), error, error.__traceback__)


def _guarded(plan: ASGIApp, original: ASGIApp) -> ASGIApp:
    """`plan` as long as FastAPI's functions are those it was compiled from."""
    routing, utils = watch_routing(), watch_utils()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        current = routing.read(ROUTING) == routing.values and utils.read(UTILS) == utils.values
        await (plan if current else original)(scope, receive, send)

    return app
