"""Tasks: the list with its filters, CRUD, and the CSV export."""

import csv
import io
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, BackgroundTasks, Query, Response
from fastapi.responses import StreamingResponse
from sqlalchemy import case, func, select
from sqlalchemy.sql import ColumnElement

from ..dependencies import (
    ActivityLogDep,
    CurrentUser,
    FollowerDep,
    MemberDep,
    SessionDep,
    SessionsDep,
    SettingsDep,
    TaskDep,
)
from ..errors import Rejected
from ..events import is_member
from ..models import Attachment, Priority, Project, Task, User
from ..notifications import send_assignment_mail
from ..schemas import Page, TaskCreate, TaskFilter, TaskRead, TaskUpdate
from ..storage import remove

router = APIRouter(tags=["tasks"])

_URGENCY = case({p: n for n, p in enumerate(Priority)}, value=Task.priority)
_ORDER: dict[str, ColumnElement[Any]] = {
    "created": Task.id.asc(),
    "-created": Task.id.desc(),
    "due": Task.due_on.asc().nulls_last(),
    "-due": Task.due_on.desc().nulls_last(),
    "priority": _URGENCY.asc(),
    "-priority": _URGENCY.desc(),
    "title": func.lower(Task.title).asc(),
    "-title": func.lower(Task.title).desc(),
}


def _conditions(project_id: int, user_id: int, filters: TaskFilter) -> list[ColumnElement[bool]]:
    conditions = [Task.project_id == project_id]
    if filters.q:
        title, text = Task.title, Task.description
        conditions.append(
            title.icontains(filters.q, autoescape=True) | text.icontains(filters.q, autoescape=True)
        )
    if filters.status:
        conditions.append(Task.status.in_(filters.status))
    if filters.priority:
        conditions.append(Task.priority.in_(filters.priority))
    if filters.assignee == "none":
        conditions.append(Task.assignee_id.is_(None))
    elif filters.assignee is not None:
        conditions.append(Task.assignee_id == (user_id if filters.assignee == "me" else filters.assignee))
    if filters.due_before:
        conditions.append(Task.due_on < filters.due_before)
    return conditions


@router.get("/projects/{project_id}/tasks")
async def list_tasks(
    session: SessionDep, user: CurrentUser, membership: MemberDep, filters: Annotated[TaskFilter, Query()]
) -> Page[TaskRead]:
    conditions = _conditions(membership.project_id, user.id, filters)
    total = await session.scalar(select(func.count(Task.id)).where(*conditions))
    rows = await session.scalars(
        select(Task)
        .where(*conditions)
        .order_by(_ORDER[filters.sort], Task.id.desc())
        .limit(filters.limit)
        .offset(filters.offset)
    )
    items = [TaskRead.model_validate(task) for task in rows]
    return Page(items=items, total=total or 0, limit=filters.limit, offset=filters.offset)


async def _check_assignee(session: SessionDep, project_id: int, assignee_id: int | None) -> User | None:
    if assignee_id is None:
        return None
    assignee = await session.get(User, assignee_id)
    if assignee is None or not await is_member(session, project_id, assignee_id):
        raise Rejected("The assignee does not take part in this project.")
    return assignee


@router.post("/projects/{project_id}/tasks", response_model=TaskRead, status_code=201)
async def create_task(
    session: SessionDep,
    settings: SettingsDep,
    user: CurrentUser,
    membership: MemberDep,
    log: ActivityLogDep,
    background: BackgroundTasks,
    new: TaskCreate,
    response: Response,
) -> Task:
    assignee = await _check_assignee(session, membership.project_id, new.assignee_id)
    task = Task(project_id=membership.project_id, **new.model_dump())
    session.add(task)
    await session.flush()
    summary = f"{user.name} added \u201c{task.title}\u201d"
    await log.record(task.project_id, "task.created", summary, task.id)
    await log.commit()
    if assignee and assignee.id != user.id:
        background.add_task(
            send_assignment_mail,
            settings.outbox_dir,
            assignee.email,
            user.name,
            membership.project.name,
            task.title,
        )
    await session.refresh(task)
    response.headers["Location"] = f"/api/tasks/{task.id}"
    return task


@router.get("/tasks/{task_id}", response_model=TaskRead)
async def get_task(task: TaskDep) -> Task:
    return task


def _summary(name: str, changes: dict[str, object], task: Task, assignee: User | None) -> tuple[str, str]:
    title = f"\u201c{task.title}\u201d"
    if set(changes) == {"status"}:
        return "task.moved", f"{name} moved {title} to {task.status.value}"
    if set(changes) == {"assignee_id"}:
        return "task.assigned", f"{name} gave {title} to {assignee.name if assignee else 'nobody'}"
    return "task.updated", f"{name} edited {title}"


@router.patch("/tasks/{task_id}", response_model=TaskRead)
async def update_task(
    session: SessionDep,
    settings: SettingsDep,
    user: CurrentUser,
    task: TaskDep,
    log: ActivityLogDep,
    background: BackgroundTasks,
    update: TaskUpdate,
) -> Task:
    changes = {k: v for k, v in update.model_dump(exclude_unset=True).items() if getattr(task, k) != v}
    if not changes:
        return task
    assignee = await _check_assignee(session, task.project_id, changes.get("assignee_id"))
    for field, value in changes.items():
        setattr(task, field, value)
    kind, summary = _summary(user.name, changes, task, assignee)
    await log.record(task.project_id, kind, summary, task.id)
    await log.commit()
    if assignee and assignee.id != user.id:
        project = await session.get_one(Project, task.project_id)
        background.add_task(
            send_assignment_mail,
            settings.outbox_dir,
            assignee.email,
            user.name,
            project.name,
            task.title,
        )
    await session.refresh(task)
    return task


@router.delete("/tasks/{task_id}", status_code=204)
async def delete_task(
    session: SessionDep,
    settings: SettingsDep,
    user: CurrentUser,
    task: TaskDep,
    log: ActivityLogDep,
    background: BackgroundTasks,
) -> None:
    files = await session.scalars(select(Attachment.storage_name).where(Attachment.task_id == task.id))
    background.add_task(remove, settings.attachments_dir, list(files))
    await session.delete(task)
    await log.record(task.project_id, "task.deleted", f"{user.name} deleted \u201c{task.title}\u201d")
    await log.commit()


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    # A spreadsheet would run such a cell as a formula.
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


@router.get("/projects/{project_id}/tasks.csv", response_class=StreamingResponse)
async def export_tasks(sessions: SessionsDep, follower: FollowerDep) -> StreamingResponse:
    """All tasks as CSV, sent while they are read from the database."""

    async def rows() -> AsyncIterator[str]:
        buffer = io.StringIO()
        writer = csv.writer(buffer)
        writer.writerow(["id", "title", "status", "priority", "assignee", "due", "created"])
        async with sessions() as session:
            query = select(Task).where(Task.project_id == follower.project_id).order_by(Task.id)
            stream = await session.stream_scalars(query.execution_options(yield_per=200))
            async for partition in stream.partitions():
                for t in partition:
                    name = t.assignee.name if t.assignee else None
                    cells = [t.id, t.title, t.status, t.priority, name, t.due_on, t.created_at.isoformat()]
                    writer.writerow(map(_cell, cells))
                yield buffer.getvalue()
                buffer.seek(0)
                buffer.truncate()
        yield buffer.getvalue()

    headers = {"Content-Disposition": 'attachment; filename="tasks.csv"'}
    return StreamingResponse(rows(), media_type="text/csv; charset=utf-8", headers=headers)
