"""What happened on a board: recording it, and waking the streams that show it.

Rows in the database are the truth; a wake-up only says "look again". A stream in another process is not
woken, it finds the rows at its next poll, so several workers can serve one board.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from .models import Activity, Membership, Message, Project, User

ROWS_AT_ONCE = 100


class Wakeups:
    """Wakes the streams of this event loop that follow a project."""

    def __init__(self) -> None:
        self._waiting: dict[int, set[asyncio.Event]] = {}

    @contextmanager
    def follow(self, project_id: int) -> Iterator[asyncio.Event]:
        """Yield an event that is set at each change until the block is left."""
        wake = asyncio.Event()
        followers = self._waiting.setdefault(project_id, set())
        followers.add(wake)
        try:
            yield wake
        finally:
            followers.discard(wake)
            if not followers and self._waiting.get(project_id) is followers:
                del self._waiting[project_id]

    def notify(self, project_id: int) -> None:
        for wake in self._waiting.get(project_id, ()):
            wake.set()


async def wait(wake: asyncio.Event, seconds: float) -> None:
    """Wait for a wake-up, but no longer than `seconds`."""
    with anyio.move_on_after(seconds):
        await wake.wait()


async def next_seq(session: AsyncSession, project_id: int) -> int:
    """Take the project's next sequence number.

    The row stays locked until commit, so numbers become visible in order and a reader that asks for
    "everything after n" misses nothing.
    """
    result = await session.scalars(
        update(Project)
        .where(Project.id == project_id)
        .values(last_seq=Project.last_seq + 1)
        .returning(Project.last_seq)
        .execution_options(synchronize_session=False)
    )
    return result.one()


class ActivityLog:
    """Writes the activity of one request and announces it once it is committed."""

    def __init__(self, session: AsyncSession, wakeups: Wakeups, actor: User) -> None:
        self.session = session
        self._wakeups = wakeups
        self._actor = actor
        self._projects: set[int] = set()

    async def record(self, project_id: int, kind: str, summary: str, task_id: int | None = None) -> None:
        """Add an entry to the open transaction."""
        seq = await next_seq(self.session, project_id)
        entry = Activity(
            project_id=project_id,
            seq=seq,
            kind=kind,
            summary=summary[:400],
            actor_id=self._actor.id,
            task_id=task_id,
        )
        self.session.add(entry)
        self.touch(project_id)

    def touch(self, project_id: int) -> None:
        """Wake the project's streams at commit, with or without an entry."""
        self._projects.add(project_id)

    async def commit(self) -> None:
        await self.session.commit()
        for project_id in self._projects:
            self._wakeups.notify(project_id)
        self._projects.clear()


async def is_member(session: AsyncSession, project_id: int, user_id: int) -> bool:
    query = select(Membership.role).where(Membership.project_id == project_id, Membership.user_id == user_id)
    return (await session.scalar(query)) is not None


async def activity_after(session: AsyncSession, project_id: int, seq: int) -> list[Activity]:
    """Entries later than `seq`, oldest first."""
    query = select(Activity).where(Activity.project_id == project_id, Activity.seq > seq)
    return list(await session.scalars(query.order_by(Activity.seq).limit(ROWS_AT_ONCE)))


async def messages_after(session: AsyncSession, project_id: int, seq: int) -> list[Message]:
    """Messages later than `seq`, oldest first."""
    query = select(Message).where(Message.project_id == project_id, Message.seq > seq)
    return list(await session.scalars(query.order_by(Message.seq).limit(ROWS_AT_ONCE)))
