import csv
import email
import email.policy
import io
from pathlib import Path
from typing import Any

import pytest
from support import Person, eventually


def test_create_read_update_delete(ada: Person, grace: Person) -> None:
    project = ada.project(members=(grace,))
    body = {"title": " Dig ", "priority": "high", "due_on": "2031-05-04", "assignee_id": grace.id}
    created = ada.post(f"/projects/{project}/tasks", json=body)
    assert created.status_code == 201
    task = created.json()
    assert created.headers["location"] == f"/api/tasks/{task['id']}"
    assert task["title"] == "Dig"
    assert task["status"] == "todo"
    assert task["assignee"] == {"id": grace.id, "name": "Grace"}
    assert task["due_on"] == "2031-05-04"
    assert task["created_at"].endswith("Z")
    assert grace.get(f"/tasks/{task['id']}").json() == task

    changed = grace.patch(f"/tasks/{task['id']}", json={"status": "doing", "due_on": None})
    assert changed.status_code == 200
    assert changed.json()["updated_at"] >= task["updated_at"]
    assert changed.json() == task | {
        "status": "doing",
        "due_on": None,
        "updated_at": changed.json()["updated_at"],
    }
    assert grace.delete(f"/tasks/{task['id']}").status_code == 204
    assert ada.get(f"/tasks/{task['id']}").status_code == 404


def test_update_without_a_change_leaves_no_trace(ada: Person) -> None:
    project = ada.project()
    task = ada.task(project)
    before = ada.get(f"/projects/{project}/activity").json()["total"]
    for body in ({}, {"status": "todo"}):
        assert ada.patch(f"/tasks/{task}", json=body).status_code == 200
    assert ada.get(f"/projects/{project}/activity").json()["total"] == before


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"title": " "}, "title"),
        ({"title": None}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"description": "x" * 5001}, "description"),
        ({"status": "later"}, "status"),
        ({"status": None}, "status"),
        ({"priority": 3}, "priority"),
        ({"due_on": "tomorrow"}, "due_on"),
        ({"due_on": "2031-02-30"}, "due_on"),
        ({"assignee_id": "me"}, "assignee_id"),
        ({"project_id": 1}, "project_id"),
    ],
)
def test_invalid(ada: Person, body: dict[str, Any], field: str) -> None:
    project = ada.project()
    task = ada.task(project)
    for refused in (
        ada.patch(f"/tasks/{task}", json=body),
        ada.post(f"/projects/{project}/tasks", json={"title": "Fine"} | body),
    ):
        assert refused.status_code == 422
        assert [problem["field"] for problem in refused.json()["errors"]] == [field]


def test_assignee_has_to_take_part(ada: Person, eve: Person) -> None:
    project = ada.project()
    for assignee in (eve.id, 999_999_999):
        refused = ada.post(f"/projects/{project}/tasks", json={"title": "x", "assignee_id": assignee})
        assert (refused.status_code, refused.json()["code"]) == (422, "rejected")
    assert ada.get(f"/projects/{project}/tasks").json()["total"] == 0


def test_strangers_see_nothing(ada: Person, eve: Person) -> None:
    task = ada.task(ada.project())
    for method, path, body in [
        ("GET", "", None),
        ("PATCH", "", {"title": "Mine"}),
        ("DELETE", "", None),
        ("GET", "/attachments", None),
    ]:
        assert eve.call(method, f"/tasks/{task}{path}", json=body).status_code == 404
    assert eve.post(f"/tasks/{task}/attachments", files={"file": ("a", b"a")}).status_code == 404


@pytest.fixture(scope="module")
def orchard(ada: Person, grace: Person) -> int:
    """A project with tasks of all kinds."""
    project = ada.project("Orchard", members=(grace,))
    fruits: dict[str, dict[str, Any]] = {
        "Apple": {"priority": "low", "status": "done", "due_on": "2031-03-01"},
        "banana": {"priority": "high", "assignee_id": ada.id, "due_on": "2031-01-01"},
        "Cherry": {"assignee_id": grace.id, "status": "doing", "description": "like an apple"},
        "Date": {"priority": "high", "assignee_id": ada.id, "status": "done"},
        "100% elderberry": {"due_on": "2031-02-01"},
    }
    for title, fields in fruits.items():
        ada.task(project, title, **fields)
    return project


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, "100% elderberry,Date,Cherry,banana,Apple"),
        ({"sort": "created"}, "Apple,banana,Cherry,Date,100% elderberry"),
        ({"sort": "title"}, "100% elderberry,Apple,banana,Cherry,Date"),
        ({"sort": "-title"}, "Date,Cherry,banana,Apple,100% elderberry"),
        ({"sort": "due"}, "banana,100% elderberry,Apple,Date,Cherry"),
        ({"sort": "-due"}, "Apple,100% elderberry,banana,Date,Cherry"),
        ({"sort": "priority"}, "Apple,100% elderberry,Cherry,Date,banana"),
        ({"sort": "-priority"}, "Date,banana,100% elderberry,Cherry,Apple"),
        ({"status": "done"}, "Date,Apple"),
        ({"status": ["done", "doing"]}, "Date,Cherry,Apple"),
        ({"status": "done", "priority": "high"}, "Date"),
        ({"priority": ["low", "normal"]}, "100% elderberry,Cherry,Apple"),
        ({"assignee": "me"}, "Date,banana"),
        ({"assignee": "none"}, "100% elderberry,Apple"),
        ({"due_before": "2031-02-01"}, "banana"),
        ({"q": "APPLE"}, "Cherry,Apple"),
        ({"q": "%"}, "100% elderberry"),
        ({"q": "_"}, ""),
        ({"limit": 2}, "100% elderberry,Date"),
        ({"limit": 2, "offset": 2}, "Cherry,banana"),
        ({"limit": 2, "offset": 40}, ""),
    ],
)
def test_filter_sort_and_page(ada: Person, orchard: int, params: dict[str, Any], expected: str) -> None:
    page = ada.get(f"/projects/{orchard}/tasks", params=params).json()
    assert ",".join(task["title"] for task in page["items"]) == expected
    whole = {k: v for k, v in params.items() if k not in ("limit", "offset")}
    assert page["total"] == len(ada.get(f"/projects/{orchard}/tasks", params=whole).json()["items"])


def test_filter_by_somebody(ada: Person, grace: Person, orchard: int) -> None:
    page = ada.get(f"/projects/{orchard}/tasks", params={"assignee": grace.id}).json()
    assert [task["title"] for task in page["items"]] == ["Cherry"]


@pytest.mark.parametrize(
    "params", ["status=later", "assignee=you", "assignee=0", "sort=colour", "due_before=x", "color=red"]
)
def test_filter_invalid(ada: Person, orchard: int, params: str) -> None:
    assert ada.get(f"/projects/{orchard}/tasks?{params}").status_code == 422


def test_export(ada: Person, orchard: int) -> None:
    ada.task(orchard, "=1+1")
    exported = ada.get(f"/projects/{orchard}/tasks.csv")
    assert exported.status_code == 200
    assert exported.headers["content-type"] == "text/csv; charset=utf-8"
    assert exported.headers["content-disposition"] == 'attachment; filename="tasks.csv"'
    rows = list(csv.DictReader(io.StringIO(exported.text)))
    assert [row["title"] for row in rows] == ["Apple", "banana", "Cherry", "Date", "100% elderberry", "'=1+1"]
    assert rows[2]["assignee"] == "Grace"


def _mails(data_dir: Path, to: str) -> list[email.message.EmailMessage]:
    mails = [
        email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        for path in sorted((data_dir / "outbox").glob("*.eml"))
    ]
    return [mail for mail in mails if mail["To"] == to]


def test_background_task_writes_a_mail(ada: Person, grace: Person, data_dir: Path) -> None:
    project = ada.project("Pond", members=(grace,))
    task = ada.task(project, "Buy a d\u00fcck", assignee_id=grace.id)

    def about(subject: str) -> Any:
        return [mail for mail in _mails(data_dir, grace.email) if mail["Subject"] == subject]

    mail = eventually(lambda: about("Ada gave you a task: Buy a d\u00fcck"))[0]
    assert "in the project Pond" in mail.get_content()

    ada.patch(f"/tasks/{task}", json={"assignee_id": ada.id, "title": "Buy a goose"})
    ada.patch(f"/tasks/{task}", json={"assignee_id": grace.id})
    eventually(lambda: about("Ada gave you a task: Buy a goose"))
    assert _mails(data_dir, ada.email) == []
