"""Upload and download of files that belong to tasks."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, File, Form, UploadFile
from fastapi.responses import FileResponse
from sqlalchemy import select

from ..dependencies import (
    ActivityLogDep,
    AttachmentDep,
    CurrentUser,
    SessionDep,
    SettingsDep,
    TaskDep,
    Visitor,
    find_attachment,
)
from ..errors import NotFound
from ..models import Attachment, Task
from ..schemas import AttachmentRead, RowId
from ..storage import remove, safe_filename, safe_media_type, save

router = APIRouter(tags=["attachments"])


@router.get("/tasks/{task_id}/attachments", response_model=list[AttachmentRead])
async def list_attachments(session: SessionDep, task: TaskDep) -> Sequence[Attachment]:
    query = select(Attachment).where(Attachment.task_id == task.id)
    return (await session.scalars(query.order_by(Attachment.id))).all()


@router.post("/tasks/{task_id}/attachments", response_model=AttachmentRead, status_code=201)
async def upload(
    session: SessionDep,
    settings: SettingsDep,
    user: CurrentUser,
    task: TaskDep,
    log: ActivityLogDep,
    file: Annotated[UploadFile, File()],
    note: Annotated[str, Form(max_length=200)] = "",
) -> Attachment:
    stored = await save(file, settings.attachments_dir, settings.max_upload_bytes)
    attachment = Attachment(
        task_id=task.id,
        filename=safe_filename(file.filename),
        note=note.strip(),
        content_type=safe_media_type(file.content_type),
        size=stored.size,
        sha256=stored.sha256,
        storage_name=stored.storage_name,
        uploaded_by=user,
    )
    session.add(attachment)
    try:
        summary = f"{user.name} attached {attachment.filename} to \u201c{task.title}\u201d"
        await log.record(task.project_id, "attachment.added", summary, task.id)
        await log.commit()
    except BaseException:
        remove(settings.attachments_dir, [stored.storage_name])
        raise
    return attachment


@router.get("/attachments/{attachment_id}", response_class=FileResponse)
async def download(
    session: SessionDep, settings: SettingsDep, visitor: Visitor, attachment_id: RowId
) -> FileResponse:
    attachment = await find_attachment(session, visitor, attachment_id)
    path = settings.attachments_dir / attachment.storage_name
    if not path.is_file():
        raise NotFound("The file is gone.")
    # Other people's files are saved, never shown: a page from this origin could act as its reader.
    return FileResponse(
        path,
        media_type=attachment.content_type,
        filename=attachment.filename,
        content_disposition_type="attachment",
        headers={"X-Content-Type-Options": "nosniff", "Cache-Control": "private, no-cache"},
    )


@router.delete("/attachments/{attachment_id}", status_code=204)
async def delete_attachment(
    session: SessionDep,
    settings: SettingsDep,
    user: CurrentUser,
    attachment: AttachmentDep,
    log: ActivityLogDep,
    background: BackgroundTasks,
) -> None:
    task = await session.get_one(Task, attachment.task_id)
    background.add_task(remove, settings.attachments_dir, [attachment.storage_name])
    await session.delete(attachment)
    summary = f"{user.name} removed {attachment.filename} from \u201c{task.title}\u201d"
    await log.record(task.project_id, "attachment.removed", summary, task.id)
    await log.commit()
