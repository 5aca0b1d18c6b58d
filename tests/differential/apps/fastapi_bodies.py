"""Request bodies: JSON, forms, uploads, raw."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Body, File, Form, Request, UploadFile
from pydantic import BaseModel, Field

router = APIRouter()


class Owner(BaseModel):
    """Nested model."""

    name: str
    email: str | None = None


class Item(BaseModel):
    """A model body."""

    name: str = Field(min_length=1)
    price: float
    count: int = 1
    tags: set[str] = set()
    owner: Owner | None = None
    made: datetime | None = None


class Login(BaseModel):
    """A model of form fields."""

    model_config = {"extra": "forbid"}
    username: str
    password: str


@router.post("/item")
async def item(item: Item) -> Item:
    """Model in, model out."""
    return item


@router.post("/item-sync", status_code=201, response_model_exclude_unset=True)
def item_sync(item: Item) -> Item:
    """The same in a thread."""
    return item


@router.put("/two/{item_id}")
async def two(
    item_id: int, item: Item, owner: Owner, note: Annotated[str, Body()] = "none", q: str | None = None
) -> Any:
    """Several body parameters are embedded."""
    return {"item_id": item_id, "item": item, "owner": owner, "note": note, "q": q}


@router.post("/any")
async def any_body(value: Annotated[Any, Body()] = None) -> Any:
    """Any JSON."""
    return {"value": value}


@router.post("/raw")
async def raw(request: Request) -> Any:
    """The bytes."""
    data = await request.body()
    return {"length": len(data), "start": data[:20].decode("latin-1")}


@router.post("/stream")
async def stream(request: Request) -> Any:
    """Through the stream interface; the cut of the parts is the network's, so only the sum is shown."""
    total = 0
    async for part in request.stream():
        total += len(part)
    return total


@router.post("/form")
async def form(name: Annotated[str, Form()], age: Annotated[int, Form()] = 0) -> Any:
    """Form fields."""
    return {"name": name, "age": age}


@router.post("/form-model")
async def form_model(login: Annotated[Login, Form()]) -> Any:
    """A form model."""
    return login


@router.post("/upload")
async def upload(file: UploadFile, note: Annotated[str, Form()] = "") -> Any:
    """One file."""
    data = await file.read()
    return {
        "name": file.filename,
        "type": file.content_type,
        "size": file.size,
        "length": len(data),
        "note": note,
    }


@router.post("/uploads")
def uploads(files: list[UploadFile], raw: Annotated[bytes | None, File()] = None) -> Any:
    """Several files, read in a thread."""
    return [[file.filename, file.size, file.file.read(4).decode("latin-1")] for file in files] + [
        len(raw or b"")
    ]


@router.post("/unread")
async def unread() -> Any:
    """Does not declare a body: it is never read."""
    return "unread"
