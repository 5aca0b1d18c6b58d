"""Dependencies, from the session at the bottom to "a task this user may touch" at the top."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Query
from fastapi.requests import HTTPConnection
from fastapi.security import OAuth2PasswordBearer
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from .config import Settings, get_settings
from .db import Sessions
from .errors import NotAllowed, NotAuthenticated, NotFound
from .events import ActivityLog, Wakeups, is_member
from .models import Attachment, Membership, Role, Task, User
from .rooms import Rooms
from .schemas import RowId
from .security import TokenUse, read_token

SettingsDep = Annotated[Settings, Depends(get_settings)]


def get_sessions(connection: HTTPConnection) -> Sessions:
    return cast(Sessions, connection.state.sessions)


def get_wakeups(connection: HTTPConnection) -> Wakeups:
    return cast(Wakeups, connection.state.wakeups)


def get_rooms(connection: HTTPConnection) -> Rooms:
    return cast(Rooms, connection.state.rooms)


SessionsDep = Annotated[Sessions, Depends(get_sessions)]
WakeupsDep = Annotated[Wakeups, Depends(get_wakeups)]
RoomsDep = Annotated[Rooms, Depends(get_rooms)]


async def get_session(sessions: SessionsDep) -> AsyncIterator[AsyncSession]:
    """One session a request, shared by all its dependencies; what was not committed is rolled back."""
    async with sessions() as session:
        yield session


SessionDep = Annotated[AsyncSession, Depends(get_session)]

oauth2_scheme = OAuth2PasswordBearer(tokenUrl="/api/auth/token", auto_error=False)


async def _find_user(session: AsyncSession, settings: Settings, token: str | None, use: TokenUse) -> User:
    user_id = read_token(settings, token, use) if token else None
    user = await session.get(User, user_id) if user_id is not None else None
    if user is None:
        raise NotAuthenticated("Please log in.")
    return user


async def get_current_user(
    session: SessionDep, settings: SettingsDep, token: Annotated[str | None, Depends(oauth2_scheme)]
) -> User:
    return await _find_user(session, settings, token, "access")


CurrentUser = Annotated[User, Depends(get_current_user)]


def get_activity_log(session: SessionDep, wakeups: WakeupsDep, user: CurrentUser) -> ActivityLog:
    return ActivityLog(session, wakeups, user)


ActivityLogDep = Annotated[ActivityLog, Depends(get_activity_log)]


async def _find_membership(session: AsyncSession, project_id: int, user: User) -> Membership:
    membership = await session.get(Membership, (project_id, user.id))
    if membership is None:
        # The same answer for "no such project" and "not yours": ids cannot be probed.
        raise NotFound("There is no such project.")
    return membership


async def get_membership(session: SessionDep, user: CurrentUser, project_id: RowId) -> Membership:
    return await _find_membership(session, project_id, user)


MemberDep = Annotated[Membership, Depends(get_membership)]


async def get_ownership(membership: MemberDep) -> Membership:
    if membership.role is not Role.owner:
        raise NotAllowed("Only the project's owner may do this.")
    return membership


OwnerDep = Annotated[Membership, Depends(get_ownership)]


async def get_task(session: SessionDep, user: CurrentUser, task_id: RowId) -> Task:
    task = await session.get(Task, task_id)
    if task is None or not await is_member(session, task.project_id, user.id):
        raise NotFound("There is no such task.")
    return task


TaskDep = Annotated[Task, Depends(get_task)]


async def find_attachment(session: AsyncSession, user: User, attachment_id: int) -> Attachment:
    query = (
        select(Attachment)
        .join(Task, Task.id == Attachment.task_id)
        .join(Membership, Membership.project_id == Task.project_id)
        .where(Attachment.id == attachment_id, Membership.user_id == user.id)
    )
    attachment = await session.scalar(query)
    if attachment is None:
        raise NotFound("There is no such attachment.")
    return attachment


async def get_attachment(session: SessionDep, user: CurrentUser, attachment_id: RowId) -> Attachment:
    return await find_attachment(session, user, attachment_id)


AttachmentDep = Annotated[Attachment, Depends(get_attachment)]


async def find_visitor(
    session: AsyncSession, settings: Settings, token: str | None, ticket: str | None
) -> User:
    """The user behind a bearer token or, where a browser cannot send one, behind a ticket in the URL."""
    if ticket is not None:
        return await _find_user(session, settings, ticket, "ticket")
    return await _find_user(session, settings, token, "access")


async def get_visitor(
    session: SessionDep,
    settings: SettingsDep,
    token: Annotated[str | None, Depends(oauth2_scheme)],
    ticket: Annotated[str | None, Query(description="from POST /api/auth/ticket")] = None,
) -> User:
    return await find_visitor(session, settings, token, ticket)


Visitor = Annotated[User, Depends(get_visitor)]


@dataclass(frozen=True, slots=True)
class Follower:
    """Someone who may follow a project for as long as the connection lasts."""

    project_id: int
    user_id: int
    name: str


async def get_follower(
    connection: HTTPConnection,
    sessions: SessionsDep,
    settings: SettingsDep,
    project_id: RowId,
    ticket: Annotated[str | None, Query(description="from POST /api/auth/ticket")] = None,
) -> Follower:
    """Access check of the long-lived connections. Its session is closed before the stream begins."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    async with sessions() as session:
        user = await find_visitor(session, settings, token if scheme.lower() == "bearer" else None, ticket)
        await _find_membership(session, project_id, user)
        return Follower(project_id=project_id, user_id=user.id, name=user.name)


FollowerDep = Annotated[Follower, Depends(get_follower)]
