"""Attachments on disk."""

import hashlib
import re
import unicodedata
import uuid
from dataclasses import dataclass
from pathlib import Path

from fastapi import UploadFile
from fastapi.concurrency import run_in_threadpool

from .errors import Rejected, TooLarge

CHUNK_BYTES = 64 * 1024
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,48}/[a-z0-9][a-z0-9!#$&^_.+-]{0,48}")


@dataclass(frozen=True, slots=True)
class StoredFile:
    storage_name: str
    size: int
    sha256: str


def safe_filename(name: str | None) -> str:
    """A name that is safe to show and to save under: no folders, control characters or surprises.

    Files are stored under random names; this one is only ever sent back to people.
    """
    name = unicodedata.normalize("NFC", name or "").replace("\\", "/").rsplit("/", 1)[-1]
    name = "".join(c for c in name if unicodedata.category(c)[0] != "C" and c not in '<>:"|?*')
    name = name.strip(" .")
    if not name:
        return "file"
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension) > 20:
        return name[:150]
    return f"{stem[: 149 - len(extension)]}.{extension}"


def safe_media_type(media_type: str | None) -> str:
    """The media type without parameters, or the neutral one if it is not well-formed."""
    value = (media_type or "").partition(";")[0].strip().lower()
    return value if _MEDIA_TYPE.fullmatch(value) else "application/octet-stream"


async def save(upload: UploadFile, directory: Path, max_bytes: int) -> StoredFile:
    """Copy an upload to disk piece by piece.

    Raises `TooLarge` above `max_bytes` and `Rejected` for an empty file; nothing is left behind then.
    """
    directory.mkdir(parents=True, exist_ok=True)
    storage_name = uuid.uuid4().hex
    path = directory / storage_name
    digest = hashlib.sha256()
    size = 0
    try:
        with path.open("xb") as file:
            while chunk := await upload.read(CHUNK_BYTES):
                size += len(chunk)
                if size > max_bytes:
                    raise TooLarge(f"A file may have at most {max_bytes} bytes.")
                digest.update(chunk)
                await run_in_threadpool(file.write, chunk)
        if size == 0:
            raise Rejected("The file is empty.")
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return StoredFile(storage_name=storage_name, size=size, sha256=digest.hexdigest())


def remove(directory: Path, storage_names: list[str]) -> None:
    """Delete stored files; one that is gone already is fine."""
    for name in storage_names:
        (directory / name).unlink(missing_ok=True)
