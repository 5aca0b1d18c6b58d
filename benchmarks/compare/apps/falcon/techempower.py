"""The six TechEmpower tests on Falcon (ASGI)."""

from __future__ import annotations

from typing import Any

import falcon
import falcon.asgi
import worlds
from constants import TEXT


class Pool:
    """Opens the pool when the server starts."""

    pool: Any = None

    async def process_startup(self, scope: Any, event: Any) -> None:
        self.pool = await worlds.open_pool()

    async def process_shutdown(self, scope: Any, event: Any) -> None:
        await self.pool.close()


state = Pool()


class Message:
    async def on_get(self, request: Any, response: Any) -> None:
        response.media = {"message": TEXT}


class Plaintext:
    async def on_get(self, request: Any, response: Any) -> None:
        response.content_type = falcon.MEDIA_TEXT
        response.text = TEXT


class Db:
    async def on_get(self, request: Any, response: Any) -> None:
        response.media = await worlds.one(state.pool)


class Queries:
    async def on_get(self, request: Any, response: Any) -> None:
        response.media = await worlds.several(state.pool, worlds.count_of(request.get_param("queries")))


class Fortunes:
    async def on_get(self, request: Any, response: Any) -> None:
        response.content_type = falcon.MEDIA_HTML
        response.text = await worlds.fortunes(state.pool)


class Updates:
    async def on_get(self, request: Any, response: Any) -> None:
        response.media = await worlds.update(state.pool, worlds.count_of(request.get_param("queries")))


app = falcon.asgi.App(middleware=[state])
app.add_route("/json", Message())
app.add_route("/plaintext", Plaintext())
app.add_route("/db", Db())
app.add_route("/queries", Queries())
app.add_route("/fortunes", Fortunes())
app.add_route("/updates", Updates())
