from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from support import Listener, Person, events_of


def test_list_is_latest_first_and_paged(ada: Person) -> None:
    project = ada.project()
    task = ada.task(project, "Rake")
    ada.patch(f"/tasks/{task}", json={"status": "done"})
    ada.patch(f"/tasks/{task}", json={"title": "Rake leaves"})
    ada.delete(f"/tasks/{task}")
    page = ada.get(f"/projects/{project}/activity").json()
    kinds = [entry["kind"] for entry in page["items"]]
    assert kinds == ["task.deleted", "task.updated", "task.moved", "task.created", "project.created"]
    assert [entry["seq"] for entry in page["items"]] == [5, 4, 3, 2, 1]
    assert page["items"][2]["summary"] == "Ada moved \u201cRake\u201d to done"
    assert page["items"][3]["task_id"] is None
    page = ada.get(f"/projects/{project}/activity", params={"limit": 2, "offset": 1}).json()
    assert [entry["seq"] for entry in page["items"]] == [4, 3]


def test_stream_sends_what_happens(ada: Person, grace: Person) -> None:
    project = ada.project(members=(grace,))
    listener = grace.listen(project, after=2, limit=3)
    task = ada.task(project, "Mow")
    ada.patch(f"/tasks/{task}", json={"assignee_id": grace.id})
    ada.post(f"/tasks/{task}/attachments", files={"file": ("lawn.txt", b"green")})
    events = listener.collect()
    assert [event["id"] for event in events] == ["3", "4", "5"]
    assert {event["event"] for event in events} == {"activity"}
    assert [event["data"]["summary"] for event in events] == [
        "Ada added \u201cMow\u201d",
        "Ada gave \u201cMow\u201d to Grace",
        "Ada attached lawn.txt to \u201cMow\u201d",
    ]
    assert events[0]["data"]["actor"] == {"id": ada.id, "name": "Ada"}
    assert events[0]["data"]["task_id"] == task


def test_stream_resumes_after_the_last_event(ada: Person) -> None:
    project = ada.project()
    for n in range(3):
        ada.task(project, f"Task {n}")
    headers = {**ada.headers, "Last-Event-ID": "2"}
    url = f"/api/projects/{project}/events"
    events = Listener(ada.client, url, params={"limit": 2, "after": 0}, headers=headers).collect()
    assert [event["id"] for event in events] == ["3", "4"]


def test_long_history_comes_whole_and_in_order(ada: Person) -> None:
    project = ada.project()
    task = ada.task(project)
    for n in range(60):
        ada.patch(f"/tasks/{task}", json={"status": ("doing", "todo")[n % 2]})
    events = ada.listen(project, after=0, limit=62).collect()
    assert [int(event["id"]) for event in events] == list(range(1, 63))


def test_stream_misses_nothing_of_concurrent_writers(ada: Person) -> None:
    project = ada.project()
    listener = ada.listen(project, after=1, limit=40)
    with ThreadPoolExecutor(8) as pool:
        tasks = list(pool.map(lambda n: ada.task(project, f"Task {n}"), range(40)))
    events = listener.collect()
    assert [int(event["id"]) for event in events] == list(range(2, 42))
    assert sorted(event["data"]["task_id"] for event in events) == sorted(tasks)


def test_stream_ends_with_the_membership(ada: Person, grace: Person) -> None:
    project = ada.project(members=(grace,))
    listener = grace.listen(project, after=1)
    assert listener.next()
    assert ada.delete(f"/projects/{project}/members/{grace.id}").status_code == 204
    assert listener.collect() == []


def test_stream_ends_with_the_project(ada: Person) -> None:
    project = ada.project()
    listener = ada.listen(project, after=0)
    assert listener.next()
    assert ada.delete(f"/projects/{project}").status_code == 204
    assert listener.collect() == []


def test_stream_with_a_ticket(client: Any, ada: Person, eve: Person) -> None:
    url = f"/api/projects/{ada.project()}/events"
    params = {"limit": 1, "after": 0}
    assert len(Listener(client, url, params=params | {"ticket": ada.ticket()}).collect()) == 1
    for ticket, status in ((eve.ticket(), 404), ("x", 401)):
        refused = client.get(url, params=params | {"ticket": ticket})
        assert (refused.status_code, refused.headers["content-type"]) == (status, "application/json")
    assert client.get(url, params=params).status_code == 401


@pytest.mark.parametrize("params", [{"after": -1}, {"limit": 0}, {"after": "x"}])
def test_stream_invalid(ada: Person, params: dict[str, Any]) -> None:
    assert ada.get(f"/projects/{ada.project()}/events", params=params).status_code == 422


def test_stream_headers(ada: Person) -> None:
    headers = {"Accept-Encoding": "gzip"}
    url = f"/projects/{ada.project()}/events"
    stream = ada.get(url, params={"limit": 1, "after": 0}, headers=headers)
    assert stream.headers["content-type"].startswith("text/event-stream")
    assert stream.headers["cache-control"] == "no-cache"
    assert "content-encoding" not in stream.headers
    assert stream.headers["x-request-id"]
    assert stream.text.startswith(": following\nretry: 2000\n\n")


def test_stream_is_live_and_may_be_left(ada: Person) -> None:
    project = ada.project()
    url = f"/api/projects/{project}/events"
    with ada.client.stream("GET", url, headers=ada.headers) as response:
        lines = response.iter_lines()
        assert next(lines) == ": following"
        events = events_of(lines)
        for n in range(3):
            ada.task(project, f"Task {n}")
            assert next(events)["data"]["summary"] == f"Ada added \u201cTask {n}\u201d"
    assert ada.get("/health").json() == {"status": "ok"}
