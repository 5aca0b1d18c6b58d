"""Answers one returned value twice: through FastAPI's whole app, and through the engine's `Encoder`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple

from fastapi import FastAPI, Response
from starlette.responses import Response as StarletteResponse
from starlette.types import Message, Scope

from turboapi._engine import Encoder
from turboapi.plans.handlers import HandlerFacts, handler_facts
from turboapi.plans.responses import compile_response

Mutate = Callable[[Response], object]


class Answer(NamedTuple):
    """What was sent."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Failure(NamedTuple):
    """What was raised instead."""

    kind: type[BaseException]
    text: str


class Route:
    """A route whose endpoint returns what it is told to."""

    def __init__(
        self, *, mutate: Mutate | None = None, sync: bool = False, path: str = "/", **options: Any
    ) -> None:
        self.returned: Any = None
        self._mutate = mutate
        self._path = path
        self.app = FastAPI()
        self.app.get(path, **options)(self._sync_endpoint() if sync else self._endpoint())
        self.facts: HandlerFacts = handler_facts(self.app.routes[-1].app)  # type: ignore[attr-defined]

    def encoder(self) -> Encoder:
        """The engine's part of the route; raises `NotPlannable`."""
        return Encoder(compile_response(self.facts))

    def by_fastapi(self, make: Callable[[], Any]) -> Answer | Failure:
        """The answer of the app."""
        self.returned = make()
        return _sent(lambda scope, receive, send: self.app(scope, receive, send), self._path)

    def by_engine(self, make: Callable[[], Any]) -> Answer | Failure:
        """The answer of the encoder, or of the `Response` that it leaves to be called."""
        injected = None
        if self._mutate is not None:
            injected = Response()
            del injected.headers["content-length"]
            injected.status_code = None  # type: ignore[assignment]
            self._mutate(injected)
        try:
            encoded = self.encoder().encode(make(), injected)
        except Exception as error:
            return Failure(type(error), str(error))
        if isinstance(encoded, StarletteResponse):
            return _sent(encoded, self._path)
        return Answer(*encoded)

    def _endpoint(self) -> Callable[..., Any]:
        if self._mutate is None:

            async def endpoint():  # type: ignore[no-untyped-def]  # noqa: ANN202
                return self.returned

            return endpoint
        mutate = self._mutate

        async def mutating(response: Response):  # type: ignore[no-untyped-def]  # noqa: ANN202
            mutate(response)
            return self.returned

        return mutating

    def _sync_endpoint(self) -> Callable[..., Any]:
        def endpoint():  # type: ignore[no-untyped-def]  # noqa: ANN202
            return self.returned

        return endpoint


def same_answer(make: Callable[[], Any], **route: Any) -> Answer | Failure:
    """The answer both give; fails where they differ."""
    tested = Route(**route)
    expected = tested.by_fastapi(make)
    assert tested.by_engine(make) == expected
    return expected


def _sent(app: Callable[..., Any], path: str) -> Answer | Failure:
    messages: list[Message] = []

    requests: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Message:
        if not requests:
            await asyncio.Event().wait()
        return requests.pop()

    async def send(message: Message) -> None:
        messages.append(message)

    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
        "state": {},
    }
    try:
        asyncio.run(app(scope, receive, send))
    except Exception as error:
        return Failure(type(error), str(error))
    start = messages[0]
    body = b"".join(bytes(message.get("body", b"")) for message in messages[1:])
    return Answer(start["status"], list(start["headers"]), body)
