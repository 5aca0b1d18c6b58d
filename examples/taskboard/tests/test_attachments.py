import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import MAX_UPLOAD_BYTES
from support import Person

DATA = bytes(range(256)) * 600


@pytest.fixture(scope="module")
def task(ada: Person, grace: Person) -> int:
    return ada.task(ada.project("Files", members=(grace,)))


def _upload(person: Person, task: int, name: str = "notes.bin", data: bytes = DATA, **form: str) -> Any:
    files = {"file": (name, data, "application/x-notes")}
    return person.post(f"/tasks/{task}/attachments", files=files, data=form)


def test_upload_list_download_delete(ada: Person, grace: Person, task: int, data_dir: Path) -> None:
    before = ada.get(f"/tasks/{task}").json()["attachment_count"]
    created = _upload(ada, task, note=" the plan ")
    assert created.status_code == 201
    attachment = created.json()
    assert attachment["size"] == len(DATA)
    assert attachment["sha256"] == hashlib.sha256(DATA).hexdigest()
    assert attachment["note"] == "the plan"
    assert attachment["uploaded_by"]["name"] == "Ada"
    assert ada.get(f"/tasks/{task}").json()["attachment_count"] == before + 1
    assert attachment in grace.get(f"/tasks/{task}/attachments").json()

    got = grace.get(f"/attachments/{attachment['id']}")
    assert got.status_code == 200
    assert got.content == DATA
    assert got.headers["content-type"] == "application/x-notes"
    assert got.headers["content-disposition"] == 'attachment; filename="notes.bin"'
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["etag"]

    assert grace.delete(f"/attachments/{attachment['id']}").status_code == 204
    assert ada.get(f"/attachments/{attachment['id']}").status_code == 404
    assert grace.delete(f"/attachments/{attachment['id']}").status_code == 404


def test_download_in_parts(ada: Person, task: int) -> None:
    path = f"/attachments/{_upload(ada, task).json()['id']}"
    part = ada.get(path, headers={"Range": "bytes=1000-1999"})
    assert (part.status_code, part.content) == (206, DATA[1000:2000])
    assert part.headers["content-range"] == f"bytes 1000-1999/{len(DATA)}"
    assert ada.get(path, headers={"Range": "bytes=-10"}).content == DATA[-10:]
    beyond = ada.get(path, headers={"Range": f"bytes={len(DATA)}-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(DATA)}")


def test_download_with_a_ticket(client: Any, ada: Person, eve: Person, task: int) -> None:
    path = f"/api/attachments/{_upload(ada, task).json()['id']}"
    assert client.get(path, params={"ticket": ada.ticket()}).content == DATA
    assert client.get(path, params={"ticket": eve.ticket()}).status_code == 404
    assert client.get(path, params={"ticket": ada.headers["Authorization"][7:]}).status_code == 401
    assert client.get(path, params={"ticket": "x"}).status_code == 401
    assert client.get(path).status_code == 401


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Windows\\win.ini", "win.ini"),
        ("..", "file"),
        (".hidden", "hidden"),
        ("line\nbreak\x00\u202egnp.exe", None),
        ("na\u00efve \u7b14\u8bb0.txt", "na\u00efve \u7b14\u8bb0.txt"),
        ("x" * 300 + ".pdf", "x" * 146 + ".pdf"),
        ("a<b>|c?.txt", "abc.txt"),
    ],
)
def test_names_are_made_safe(ada: Person, task: int, data_dir: Path, sent: str, kept: str | None) -> None:
    created = _upload(ada, task, name=sent)
    assert created.status_code == 201
    filename = created.json()["filename"]
    if kept is None:
        assert filename.isprintable()
    else:
        assert filename == kept
    stored = [path.name for path in (data_dir / "attachments").iterdir()]
    assert all(len(name) == 32 and name.isalnum() for name in stored)
    assert ada.get(f"/attachments/{created.json()['id']}").content == DATA


def test_a_page_is_never_shown(ada: Person, task: int) -> None:
    files = {"file": ("x.html", b"<script>alert(1)</script>", "text/html")}
    created = ada.post(f"/tasks/{task}/attachments", files=files).json()
    got = ada.get(f"/attachments/{created['id']}")
    assert got.headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize("media_type", ["nonsense", "text/plain\u00e9", "a/b/c"])
def test_odd_media_types(ada: Person, task: int, media_type: str) -> None:
    created = ada.post(f"/tasks/{task}/attachments", files={"file": ("a", b"a", media_type)})
    assert created.status_code == 201
    assert created.json()["content_type"] == "application/octet-stream"


def test_largest_and_one_more(ada: Person, task: int, data_dir: Path) -> None:
    assert _upload(ada, task, data=b"x" * MAX_UPLOAD_BYTES).status_code == 201
    before = set((data_dir / "attachments").iterdir())
    refused = _upload(ada, task, data=b"x" * (MAX_UPLOAD_BYTES + 1))
    assert (refused.status_code, refused.json()["code"]) == (413, "too_large")
    assert set((data_dir / "attachments").iterdir()) == before


def test_body_far_too_large_is_not_read(ada: Person, task: int) -> None:
    assert _upload(ada, task, data=b"x" * 500_000).status_code == 413


def test_body_of_unknown_length_too_large(ada: Person, task: int) -> None:
    def body() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
        for _ in range(50):
            yield b"x" * 10_000
        yield b"\r\n--b--\r\n"

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    refused = ada.post(f"/tasks/{task}/attachments", content=body(), headers=headers)
    assert refused.status_code == 413


@pytest.mark.parametrize(
    "request_body",
    [
        {"files": {"other": ("a", b"a")}},
        {"data": {"file": "no file"}},
        {"files": {"file": ("a", b"a")}, "data": {"note": "x" * 201}},
        {"json": {"file": "a"}},
        {},
    ],
)
def test_invalid(ada: Person, task: int, request_body: dict[str, Any]) -> None:
    assert ada.post(f"/tasks/{task}/attachments", **request_body).status_code == 422


def test_empty_file(ada: Person, task: int, data_dir: Path) -> None:
    before = set((data_dir / "attachments").iterdir())
    refused = _upload(ada, task, data=b"")
    assert (refused.status_code, refused.json()["code"]) == (422, "rejected")
    assert set((data_dir / "attachments").iterdir()) == before


def test_malformed_multipart(ada: Person, task: int) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    refused = ada.post(f"/tasks/{task}/attachments", content=b"--b\r\nbroken", headers=headers)
    assert refused.status_code in (400, 422)


def test_strangers_get_nothing(ada: Person, eve: Person, task: int) -> None:
    path = f"/attachments/{_upload(ada, task).json()['id']}"
    assert eve.get(path).status_code == 404
    assert eve.delete(path).status_code == 404
