from pathlib import Path
from typing import Any

import pytest
from support import Person, eventually, register


def test_create_read_update_delete(ada: Person) -> None:
    created = ada.post("/projects", json={"name": "  Moon landing ", "description": "By 1969"})
    assert created.status_code == 201
    project = created.json()
    assert created.headers["location"] == f"/api/projects/{project['id']}"
    assert project["name"] == "Moon landing"
    assert project["role"] == "owner"
    assert project["task_counts"] == {"todo": 0, "doing": 0, "done": 0}
    path = f"/projects/{project['id']}"
    assert ada.get(path).json() == project

    changed = ada.patch(path, json={"description": ""})
    assert changed.status_code == 200
    assert changed.json() == project | {"description": ""}

    gone = ada.delete(path)
    assert (gone.status_code, gone.content) == (204, b"")
    assert ada.get(path).status_code == 404


def test_delete_takes_everything_along(ada: Person, data_dir: Path) -> None:
    project = ada.project()
    task = ada.task(project)
    stored = data_dir / "attachments"
    before = set(stored.glob("*"))
    uploaded = ada.post(f"/tasks/{task}/attachments", files={"file": ("a.txt", b"a")}).json()
    (path,) = set(stored.glob("*")) - before
    assert ada.delete(f"/projects/{project}").status_code == 204
    assert ada.get(f"/tasks/{task}").status_code == 404
    assert ada.get(f"/attachments/{uploaded['id']}").status_code == 404
    eventually(lambda: not path.exists())


def test_counts_follow_the_tasks(ada: Person) -> None:
    project = ada.project()
    for status in ("todo", "todo", "done"):
        ada.task(project, status=status)
    assert ada.get(f"/projects/{project}").json()["task_counts"] == {"todo": 2, "doing": 0, "done": 1}


def test_list_is_paged_filtered_and_private(client: Any, ada: Person) -> None:
    zoe = register(client, "Zoe")
    for name in ("gamma", "Alpha", "beta", "100% wool"):
        zoe.project(name)
    ada.project("beta of somebody else")
    page = zoe.get("/projects", params={"limit": 2}).json()
    assert [p["name"] for p in page["items"]] == ["100% wool", "Alpha"]
    assert (page["total"], page["limit"], page["offset"]) == (4, 2, 0)
    page = zoe.get("/projects", params={"limit": 2, "offset": 2}).json()
    assert [p["name"] for p in page["items"]] == ["beta", "gamma"]
    assert [p["name"] for p in zoe.get("/projects", params={"q": "ALPH"}).json()["items"]] == ["Alpha"]
    assert [p["name"] for p in zoe.get("/projects", params={"q": "%"}).json()["items"]] == ["100% wool"]
    assert zoe.get("/projects", params={"q": "beta"}).json()["total"] == 1


@pytest.mark.parametrize(
    "params", [{"limit": 0}, {"limit": 101}, {"offset": -1}, {"limit": "many"}, {"limits": 5}]
)
def test_list_invalid(ada: Person, params: dict[str, Any]) -> None:
    refused = ada.get("/projects", params=params)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == next(iter(params))


@pytest.mark.parametrize(
    "body", [{}, {"name": ""}, {"name": "x" * 121}, {"name": 5}, {"name": "x", "id": 3}, ["name"], None]
)
def test_create_invalid(ada: Person, body: Any) -> None:
    assert ada.post("/projects", json=body).status_code == 422


def test_update_with_null_is_invalid(ada: Person) -> None:
    assert ada.patch(f"/projects/{ada.project()}", json={"name": None}).status_code == 422


def test_body_that_is_no_json(ada: Person) -> None:
    refused = ada.post("/projects", content=b'{"name": ', headers={"Content-Type": "application/json"})
    assert refused.status_code == 422
    assert refused.json()["code"] == "invalid_request"


def test_strangers_see_nothing(ada: Person, eve: Person) -> None:
    project = ada.project()
    for method, path, body in [
        ("GET", "", None),
        ("PATCH", "", {"name": "Mine"}),
        ("DELETE", "", None),
        ("GET", "/members", None),
        ("POST", "/members", {"email": eve.email}),
        ("GET", "/tasks", None),
        ("POST", "/tasks", {"title": "x"}),
        ("GET", "/activity", None),
        ("GET", "/events", None),
        ("GET", "/tasks.csv", None),
    ]:
        refused = eve.call(method, f"/projects/{project}{path}", json=body)
        assert (refused.status_code, refused.json()["detail"]) == (404, "There is no such project."), path


def test_members(ada: Person, grace: Person, eve: Person) -> None:
    project = ada.project()
    path = f"/projects/{project}/members"
    added = ada.post(path, json={"email": grace.email.upper()})
    assert added.status_code == 201
    assert added.json() == {"user": {"id": grace.id, "name": "Grace"}, "role": "member"}
    assert [m["user"]["name"] for m in grace.get(path).json()] == ["Ada", "Grace"]

    assert ada.post(path, json={"email": grace.email}).status_code == 409
    assert ada.post(path, json={"email": "nobody@example.com"}).status_code == 404
    assert ada.post(path, json={"email": "nobody"}).status_code == 422
    assert grace.post(path, json={"email": eve.email}).status_code == 403
    assert grace.patch(f"/projects/{project}", json={"name": "Hers"}).status_code == 403
    assert grace.delete(f"/projects/{project}").status_code == 403

    assert grace.delete(f"{path}/{ada.id}").status_code == 403
    assert ada.delete(f"{path}/{ada.id}").status_code == 409
    assert ada.delete(f"{path}/{eve.id}").status_code == 404
    assert grace.delete(f"{path}/{grace.id}").status_code == 204
    assert grace.get(f"/projects/{project}").status_code == 404


@pytest.mark.parametrize("project_id", ["0", "-1", "999999999", "abc", "1.5", "99999999999999999999"])
def test_unknown_id(ada: Person, project_id: str) -> None:
    assert ada.get(f"/projects/{project_id}").status_code in (404, 422)
