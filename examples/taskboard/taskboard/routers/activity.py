"""What happened on a board: as a list and as a stream of Server-Sent Events."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent
from sqlalchemy import func, select

from ..dependencies import FollowerDep, MemberDep, SessionDep, SessionsDep, SettingsDep, WakeupsDep
from ..events import activity_after, is_member, wait
from ..models import Activity, Project
from ..schemas import ActivityRead, Page, Paging

router = APIRouter(prefix="/projects/{project_id}", tags=["activity"])

MAX_SEQ = 2_147_483_647


@router.get("/activity")
async def list_activity(
    session: SessionDep, membership: MemberDep, paging: Annotated[Paging, Query()]
) -> Page[ActivityRead]:
    """Latest first."""
    mine = Activity.project_id == membership.project_id
    total = await session.scalar(select(func.count(Activity.id)).where(mine))
    rows = await session.scalars(
        select(Activity).where(mine).order_by(Activity.seq.desc()).limit(paging.limit).offset(paging.offset)
    )
    items = [ActivityRead.model_validate(entry) for entry in rows]
    return Page(items=items, total=total or 0, limit=paging.limit, offset=paging.offset)


@router.get("/events", response_class=EventSourceResponse)
async def follow_activity(
    sessions: SessionsDep,
    settings: SettingsDep,
    wakeups: WakeupsDep,
    follower: FollowerDep,
    after: Annotated[int | None, Query(ge=0, le=MAX_SEQ, description="start behind this entry")] = None,
    limit: Annotated[int | None, Query(ge=1, description="end after this many entries")] = None,
    last_event_id: Annotated[int | None, Header(ge=0, le=MAX_SEQ)] = None,
) -> AsyncIterator[ServerSentEvent]:
    """Entries as they happen. A browser that reconnects gets what it missed."""
    project_id = follower.project_id
    seq = last_event_id if last_event_id is not None else after
    sent = 0
    if seq is None:
        # Before the first byte, so that whatever happens after it is sent.
        async with sessions() as session:
            seq = await session.scalar(select(Project.last_seq).where(Project.id == project_id)) or 0
    with wakeups.follow(project_id) as wake:
        yield ServerSentEvent(comment="following", retry=2000)
        while True:
            wake.clear()
            async with sessions() as session:
                if not await is_member(session, project_id, follower.user_id):
                    return
                rows = await activity_after(session, project_id, seq)
            for row in rows:
                data = ActivityRead.model_validate(row)
                yield ServerSentEvent(event="activity", id=str(row.seq), data=data)
                seq = row.seq
                sent += 1
                if sent == limit:
                    return
            if not rows:
                await wait(wake, settings.poll_seconds)
