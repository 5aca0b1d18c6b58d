"""Projects and who takes part in them."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Query, Response
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from ..dependencies import ActivityLogDep, CurrentUser, MemberDep, OwnerDep, SessionDep, SettingsDep
from ..errors import Conflict, NotAllowed, NotFound
from ..models import Attachment, Membership, Project, Role, Status, Task, User
from ..schemas import (
    MemberAdd,
    MemberRead,
    Page,
    ProjectCreate,
    ProjectFilter,
    ProjectRead,
    ProjectUpdate,
    RowId,
)
from ..storage import remove

router = APIRouter(prefix="/projects", tags=["projects"])


async def _read(session: AsyncSession, memberships: Sequence[Membership]) -> list[ProjectRead]:
    ids = [m.project_id for m in memberships]
    counts = {project_id: dict.fromkeys(Status, 0) for project_id in ids}
    query = (
        select(Task.project_id, Task.status, func.count())
        .where(Task.project_id.in_(ids))
        .group_by(Task.project_id, Task.status)
    )
    for project_id, status, count in await session.execute(query):
        counts[project_id][status] = count
    return [
        ProjectRead(
            id=m.project.id,
            name=m.project.name,
            description=m.project.description,
            created_at=m.project.created_at,
            role=m.role,
            task_counts=counts[m.project_id],
        )
        for m in memberships
    ]


@router.get("")
async def list_projects(
    session: SessionDep, user: CurrentUser, filters: Annotated[ProjectFilter, Query()]
) -> Page[ProjectRead]:
    mine = select(Membership).join(Project).where(Membership.user_id == user.id)
    if filters.q:
        mine = mine.where(Project.name.icontains(filters.q, autoescape=True))
    total = await session.scalar(select(func.count()).select_from(mine.subquery()))
    rows = await session.scalars(
        mine.order_by(func.lower(Project.name), Project.id).limit(filters.limit).offset(filters.offset)
    )
    items = await _read(session, rows.all())
    return Page(items=items, total=total or 0, limit=filters.limit, offset=filters.offset)


@router.post("", status_code=201)
async def create_project(
    session: SessionDep, user: CurrentUser, log: ActivityLogDep, new: ProjectCreate, response: Response
) -> ProjectRead:
    project = Project(name=new.name, description=new.description)
    membership = Membership(project=project, user=user, role=Role.owner)
    session.add(membership)
    await session.flush()
    await log.record(project.id, "project.created", f"{user.name} created the project")
    await log.commit()
    response.headers["Location"] = f"/api/projects/{project.id}"
    return (await _read(session, [membership]))[0]


@router.get("/{project_id}")
async def get_project(session: SessionDep, membership: MemberDep) -> ProjectRead:
    return (await _read(session, [membership]))[0]


@router.patch("/{project_id}")
async def update_project(
    session: SessionDep, user: CurrentUser, membership: OwnerDep, log: ActivityLogDep, changes: ProjectUpdate
) -> ProjectRead:
    for field, value in changes.model_dump(exclude_unset=True).items():
        setattr(membership.project, field, value)
    await log.record(membership.project_id, "project.updated", f"{user.name} edited the project")
    await log.commit()
    return (await _read(session, [membership]))[0]


@router.delete("/{project_id}", status_code=204)
async def delete_project(
    session: SessionDep,
    settings: SettingsDep,
    membership: OwnerDep,
    log: ActivityLogDep,
    background: BackgroundTasks,
) -> None:
    files = await session.scalars(
        select(Attachment.storage_name).join(Task).where(Task.project_id == membership.project_id)
    )
    background.add_task(remove, settings.attachments_dir, list(files))
    log.touch(membership.project_id)
    await session.delete(membership.project)
    await log.commit()


@router.get("/{project_id}/members", response_model=list[MemberRead])
async def list_members(session: SessionDep, membership: MemberDep) -> Sequence[Membership]:
    query = select(Membership).join(User).where(Membership.project_id == membership.project_id)
    return (await session.scalars(query.order_by(func.lower(User.name), User.id))).all()


@router.post("/{project_id}/members", response_model=MemberRead, status_code=201)
async def add_member(
    session: SessionDep, user: CurrentUser, membership: OwnerDep, log: ActivityLogDep, new: MemberAdd
) -> Membership:
    guest = await session.scalar(select(User).where(User.email == new.email.lower()))
    if guest is None:
        raise NotFound("Nobody has an account with this address.")
    if await session.get(Membership, (membership.project_id, guest.id)):
        raise Conflict(f"{guest.name} takes part already.")
    added = Membership(project_id=membership.project_id, user=guest, role=Role.member)
    session.add(added)
    await log.record(membership.project_id, "member.added", f"{user.name} added {guest.name}")
    await log.commit()
    return added


@router.delete("/{project_id}/members/{user_id}", status_code=204)
async def remove_member(
    session: SessionDep, user: CurrentUser, membership: MemberDep, log: ActivityLogDep, user_id: RowId
) -> None:
    """The owner may remove others, and everybody else may leave."""
    if membership.role is not Role.owner and user_id != user.id:
        raise NotAllowed("Only the project's owner may do this.")
    leaving = await session.get(Membership, (membership.project_id, user_id))
    if leaving is None:
        raise NotFound("There is no such member.")
    if leaving.role is Role.owner:
        raise Conflict("The owner cannot leave the project.")
    name = leaving.user.name
    await session.delete(leaving)
    summary = f"{name} left" if user_id == user.id else f"{user.name} removed {name}"
    await log.record(membership.project_id, "member.removed", summary)
    await log.commit()
