"""The chat room of a project, over a WebSocket."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Annotated

import anyio
from fastapi import APIRouter, Depends, Query, WebSocket, WebSocketDisconnect, WebSocketException, status
from fastapi.requests import HTTPConnection
from pydantic import BaseModel, ValidationError
from sqlalchemy import select

from ..dependencies import Follower, RoomsDep, SessionsDep, SettingsDep, WakeupsDep, get_follower
from ..errors import TaskboardError
from ..events import is_member, messages_after, next_seq, wait
from ..models import Message
from ..schemas import MessageRead, RoomError, RoomMessage, RoomPresence, RowId, Say, UserRead

router = APIRouter(tags=["rooms"])

HISTORY = 50
"""Messages shown to somebody who enters."""


async def get_guest(
    connection: HTTPConnection,
    sessions: SessionsDep,
    settings: SettingsDep,
    project_id: RowId,
    ticket: Annotated[str | None, Query()] = None,
) -> Follower:
    """As for the other streams, but a refusal is a WebSocket's."""
    try:
        return await get_follower(connection, sessions, settings, project_id, ticket)
    except TaskboardError as exc:
        raise WebSocketException(status.WS_1008_POLICY_VIOLATION, exc.detail) from None


class Room:
    """One guest's connection."""

    def __init__(
        self,
        websocket: WebSocket,
        guest: Follower,
        sessions: SessionsDep,
        settings: SettingsDep,
        wakeups: WakeupsDep,
        rooms: RoomsDep,
    ) -> None:
        self.websocket = websocket
        self.guest = guest
        self.project_id = guest.project_id
        self.sessions = sessions
        self.poll_seconds = settings.poll_seconds
        self.wakeups = wakeups
        self.rooms = rooms

    async def send(self, event: BaseModel) -> None:
        await self.websocket.send_text(event.model_dump_json())

    async def _history_start(self) -> int:
        async with self.sessions() as session:
            query = select(Message.seq).where(Message.project_id == self.project_id)
            oldest = await session.scalar(query.order_by(Message.seq.desc()).offset(HISTORY).limit(1))
            return oldest or 0

    async def speak(self) -> None:
        """Send what is new until the guest leaves or loses access."""
        seq = await self._history_start()
        shown: list[UserRead] | None = None
        with self.wakeups.follow(self.project_id) as wake:
            while True:
                wake.clear()
                async with self.sessions() as session:
                    if not await is_member(session, self.project_id, self.guest.user_id):
                        await self.websocket.close(status.WS_1008_POLICY_VIOLATION, "no longer a member")
                        return
                    rows = await messages_after(session, self.project_id, seq)
                for row in rows:
                    await self.send(RoomMessage(message=MessageRead.model_validate(row)))
                    seq = row.seq
                online = self.rooms.online(self.project_id)
                if not rows and online != shown:
                    await self.send(RoomPresence(online=online))
                    shown = online
                if not rows:
                    await wait(wake, self.poll_seconds)

    async def listen(self) -> None:
        """Store what the guest says until the connection ends."""
        while True:
            frame = await self.websocket.receive()
            if frame["type"] == "websocket.disconnect":
                return
            try:
                say = Say.model_validate_json(frame.get("text") or "")
            except ValidationError as exc:
                first = exc.errors(include_url=False, include_context=False)[0]
                place = ".".join(str(part) for part in first["loc"])
                await self.send(RoomError(detail=f"{place}: {first['msg']}" if place else first["msg"]))
                continue
            async with self.sessions() as session:
                if not await is_member(session, self.project_id, self.guest.user_id):
                    continue
                seq = await next_seq(session, self.project_id)
                session.add(
                    Message(project_id=self.project_id, seq=seq, text=say.text, author_id=self.guest.user_id)
                )
                await session.commit()
            self.wakeups.notify(self.project_id)


@router.websocket("/projects/{project_id}/room")
async def room(
    websocket: WebSocket,
    guest: Annotated[Follower, Depends(get_guest)],
    sessions: SessionsDep,
    settings: SettingsDep,
    wakeups: WakeupsDep,
    rooms: RoomsDep,
) -> None:
    await websocket.accept()
    here = Room(websocket, guest, sessions, settings, wakeups, rooms)
    with rooms.enter(guest.project_id, UserRead(id=guest.user_id, name=guest.name)):
        async with anyio.create_task_group() as tasks:

            async def until_the_end(step: Callable[[], Awaitable[None]]) -> None:
                with suppress(WebSocketDisconnect):
                    await step()
                tasks.cancel_scope.cancel()

            tasks.start_soon(until_the_end, here.speak)
            tasks.start_soon(until_the_end, here.listen)
