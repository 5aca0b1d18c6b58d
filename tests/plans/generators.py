"""Dependencies with `yield`, and endpoints, that record their steps and end as told."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse

Events = list[Any]
Build = Callable[[FastAPI, Events], None]


class Broken(Exception):
    """Raised on purpose."""


class Handled(Exception):
    """Raised on purpose, and handled by the app."""


def generator(events: Events, name: str, kind: str, behaviour: str = "plain") -> Callable[..., Any]:
    """A dependency with `yield` that records its steps and behaves as told."""

    def before() -> None:
        events.append(f"enter {name}")
        if behaviour == "raise before":
            raise Broken(name)
        if behaviour == "http before":
            raise HTTPException(418, name)

    def caught(error: BaseException) -> None:
        events.append(f"{name} got {error!r}")
        if behaviour in ("swallow", "swallow twice"):
            return
        if behaviour == "convert":
            raise HTTPException(409, "converted") from error
        if behaviour == "other":
            raise Broken("other")
        raise error

    def after() -> None:
        events.append(f"exit {name}")
        if behaviour == "raise after":
            raise Broken(f"after {name}")
        if behaviour == "http after":
            raise HTTPException(410, name)
        if behaviour == "stop after":
            raise StopIteration(name)

    if kind == "async":

        async def depend() -> AsyncIterator[str]:
            before()
            if behaviour == "no yield":
                return
            try:
                yield name
            except BaseException as error:
                caught(error)
            finally:
                await asyncio.sleep(0)
                after()
            if behaviour in ("twice", "swallow twice"):
                yield name

        return depend

    def depend_sync() -> Iterator[str]:
        before()
        if behaviour == "no yield":
            return
        try:
            yield name
        except BaseException as error:
            caught(error)
        finally:
            after()
        if behaviour in ("twice", "swallow twice"):
            yield name

    return depend_sync


BEHAVIOURS = [
    "plain",
    "raise before",
    "http before",
    "swallow",
    "convert",
    "other",
    "raise after",
    "http after",
    "stop after",
    "no yield",
    "twice",
    "swallow twice",
]
ENDPOINTS: dict[str, Callable[[], Any]] = {}


def endpoint(function: Callable[[], Any]) -> Callable[[], Any]:
    """Lists `function` among what an endpoint may do."""
    ENDPOINTS[function.__name__] = function
    return function


@endpoint
def returns() -> Any:
    return {"a": 1}


@endpoint
def raises() -> Any:
    raise Broken("endpoint")


@endpoint
def raises_http() -> Any:
    raise HTTPException(401, "no", headers={"x-why": "because"})


@endpoint
def raises_handled() -> Any:
    raise Handled("handled")


@endpoint
def raises_stop() -> Any:
    raise StopIteration("stop")


@endpoint
def raises_stop_async() -> Any:
    raise StopAsyncIteration("stop")


@endpoint
def raises_runtime() -> Any:
    raise RuntimeError("generator didn't stop")


@endpoint
def raises_cancelled() -> Any:
    raise asyncio.CancelledError


@endpoint
def unserialisable() -> Any:
    return {"a": float("nan")}


@endpoint
def wrong_type() -> Any:
    return {"a": "text"}


def new_app(events: Events) -> FastAPI:
    """An app that records what its handlers are given."""
    app = FastAPI()

    @app.exception_handler(Handled)
    async def handle(request: Request, error: Handled) -> JSONResponse:
        events.append(("handler", repr(error), sorted(request.scope), type(error.__context__).__name__))
        return JSONResponse({"handled": str(error)}, 499)

    @app.exception_handler(HTTPException)
    def handle_http(request: Request, error: HTTPException) -> JSONResponse:
        events.append(("http handler", repr(error)))
        return JSONResponse({"http": error.detail}, error.status_code, headers=error.headers)

    return app
