"""What goes over the wire."""

from datetime import date, datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, EmailStr, Field, SecretStr, StringConstraints

from .models import Priority, Role, Status

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
ProjectName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]
TaskTitle = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
LongText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=5000)]

RowId = Annotated[int, Field(ge=1, le=2_147_483_647)]
"""A primary key: what fits the integer column of both databases."""

Item = TypeVar("Item")

UNSET: Any = None
"""Default of update fields: only what the client sent is applied, and an explicit null is invalid."""


class Read(BaseModel):
    """Base of response models: filled from mapped objects."""

    model_config = ConfigDict(from_attributes=True)


class Write(BaseModel):
    """Base of request bodies: a field nobody knows is an error."""

    model_config = ConfigDict(extra="forbid")


class Page(BaseModel, Generic[Item]):
    """A slice of a longer list."""

    items: list[Item]
    total: int
    limit: int
    offset: int


class UserCreate(Write):
    email: EmailStr
    name: Name
    password: Annotated[SecretStr, Field(min_length=8, max_length=128)]


class UserRead(Read):
    id: int
    name: str


class MeRead(UserRead):
    email: str
    created_at: datetime


class Token(BaseModel):
    access_token: str
    token_type: Literal["bearer"] = "bearer"
    expires_in: int
    """Seconds."""


class Ticket(BaseModel):
    """Short-lived token for URLs, where a header cannot be sent (EventSource, WebSocket, downloads)."""

    ticket: str
    expires_in: int
    """Seconds."""


class ProjectCreate(Write):
    name: ProjectName
    description: LongText = ""


class ProjectUpdate(Write):
    name: ProjectName = UNSET
    description: LongText = UNSET


class ProjectRead(Read):
    id: int
    name: str
    description: str
    created_at: datetime
    role: Role
    task_counts: dict[Status, int]


class MemberAdd(Write):
    email: EmailStr


class MemberRead(Read):
    user: UserRead
    role: Role


class TaskCreate(Write):
    title: TaskTitle
    description: LongText = ""
    status: Status = Status.todo
    priority: Priority = Priority.normal
    assignee_id: RowId | None = None
    due_on: date | None = None


class TaskUpdate(Write):
    title: TaskTitle = UNSET
    description: LongText = UNSET
    status: Status = UNSET
    priority: Priority = UNSET
    assignee_id: RowId | None = None
    due_on: date | None = None


class TaskRead(Read):
    id: int
    project_id: int
    title: str
    description: str
    status: Status
    priority: Priority
    assignee: UserRead | None
    due_on: date | None
    attachment_count: int
    created_at: datetime
    updated_at: datetime


class Paging(BaseModel):
    """Query parameters of every list."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=100)] = 20
    offset: Annotated[int, Field(ge=0, le=1_000_000)] = 0


class TaskFilter(Paging):
    """Query parameters of the task list; a repeated parameter means "any of these"."""

    q: Annotated[str, StringConstraints(strip_whitespace=True, max_length=100)] = ""
    status: list[Status] = []
    priority: list[Priority] = []
    assignee: Literal["me", "none"] | RowId | None = None
    due_before: date | None = None
    sort: Literal["created", "-created", "due", "-due", "priority", "-priority", "title", "-title"] = (
        "-created"
    )


class ProjectFilter(Paging):
    q: Annotated[str, StringConstraints(strip_whitespace=True, max_length=100)] = ""


class AttachmentRead(Read):
    id: int
    task_id: int
    filename: str
    note: str
    content_type: str
    size: int
    sha256: str
    uploaded_by: UserRead | None
    created_at: datetime


class ActivityRead(Read):
    seq: int
    kind: str
    summary: str
    actor: UserRead | None
    task_id: int | None
    created_at: datetime


class MessageRead(Read):
    seq: int
    text: str
    author: UserRead | None
    created_at: datetime


class Say(Write):
    """What a client may send in a room."""

    type: Literal["say"]
    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]


class RoomMessage(BaseModel):
    type: Literal["message"] = "message"
    message: MessageRead


class RoomPresence(BaseModel):
    type: Literal["presence"] = "presence"
    online: list[UserRead]


class RoomError(BaseModel):
    type: Literal["error"] = "error"
    detail: str


class Meta(BaseModel):
    name: str
    version: str
    max_upload_bytes: int


class FieldProblem(BaseModel):
    field: str
    message: str


class Problem(BaseModel):
    """Body of every error."""

    code: str
    detail: str
    request_id: str
    errors: list[FieldProblem] = []
