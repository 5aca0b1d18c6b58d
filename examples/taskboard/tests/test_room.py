import pytest
from support import Person, Room, RoomClosed, RoomRefused


def _online(room: Room, *people: Person) -> None:
    expected = [{"id": person.id, "name": person.name} for person in people]
    room.receive_until("presence", lambda event: event["online"] == expected)


def test_two_people_talk(ada: Person, grace: Person) -> None:
    project = ada.project(members=(grace,))
    with ada.enter(project) as hers:
        _online(hers, ada)
        with grace.enter(project) as graces:
            _online(graces, ada, grace)
            _online(hers, ada, grace)
            hers.say("  Hello! ")
            event = graces.receive_until("message")
            assert event["message"]["text"] == "Hello!"
            assert event["message"]["author"] == {"id": ada.id, "name": "Ada"}
            assert hers.receive_until("message") == event
            graces.say("Hi \U0001f333")
            assert hers.receive_text_of_message() == "Hi \U0001f333"
        _online(hers, ada)


def test_history_for_the_late(ada: Person, grace: Person) -> None:
    project = ada.project(members=(grace,))
    with ada.enter(project) as room:
        for n in range(55):
            room.say(f"message {n}")
        while room.receive_text_of_message() != "message 54":
            pass
    with grace.enter(project) as room:
        seen = [room.receive_text_of_message() for _ in range(50)]
    assert seen == [f"message {n}" for n in range(5, 55)]


def test_rooms_are_apart(ada: Person, grace: Person) -> None:
    one = ada.project(members=(grace,))
    other = ada.project(members=(grace,))
    with ada.enter(one) as first, ada.enter(other) as second, grace.enter(other) as third:
        _online(first, ada)
        first.say("to the first")
        second.say("to the second")
        assert third.receive_text_of_message() == "to the second"
        assert first.receive_text_of_message() == "to the first"


def test_two_windows_are_one_person(ada: Person) -> None:
    project = ada.project()
    with ada.enter(project) as first, ada.enter(project) as second:
        _online(first, ada)
        _online(second, ada)
        second.say("from the other window")
        assert first.receive_text_of_message() == "from the other window"


@pytest.mark.parametrize(
    ("frame", "detail"),
    [
        ("nonsense", "Invalid JSON"),
        ("[]", "should be an object"),
        ("{}", "type: Field required"),
        ('{"type": "shout", "text": "x"}', "type: Input should be 'say'"),
        ('{"type": "say"}', "text: Field required"),
        ('{"type": "say", "text": "  "}', "text: String should have at least 1 character"),
        ('{"type": "say", "text": 5}', "text: Input should be a valid string"),
        ('{"type": "say", "text": "x", "author": 1}', "author: Extra inputs"),
        ('{"type": "say", "text": "' + "x" * 2001 + '"}', "at most 2000 characters"),
    ],
)
def test_invalid_frame_leaves_the_room_open(ada: Person, frame: str, detail: str) -> None:
    with ada.enter(ada.project()) as room:
        room.send_text(frame)
        error = room.receive_until("error")
        assert detail in error["detail"]
        room.say("still here")
        assert room.receive_text_of_message() == "still here"


def test_binary_frame_is_an_error(ada: Person) -> None:
    with ada.enter(ada.project()) as room:
        room.send_bytes(b"\x00\x01")
        assert "JSON" in room.receive_until("error")["detail"]


def test_text_is_kept_as_it_is(ada: Person) -> None:
    project = ada.project()
    text = '<b>&\u2028 \\ "quoted" \U0001f600'
    with ada.enter(project) as room:
        room.say(text)
        assert room.receive_text_of_message() == text


def test_refused(ada: Person, eve: Person) -> None:
    project = ada.project()
    path = f"/api/projects/{project}/room"
    for refused in (path, f"{path}?ticket=x", f"{path}?ticket={eve.ticket()}"):
        with pytest.raises(RoomRefused):
            Room(ada.client, refused)
    with pytest.raises(RoomRefused):
        Room(ada.client, f"/api/projects/999999999/room?ticket={ada.ticket()}")


def test_bearer_header_instead_of_a_ticket(ada: Person) -> None:
    with Room(ada.client, f"/api/projects/{ada.project()}/room", headers=ada.headers) as room:
        _online(room, ada)


def test_removed_member_is_shown_out(ada: Person, grace: Person) -> None:
    project = ada.project(members=(grace,))
    with grace.enter(project) as room:
        _online(room, grace)
        assert ada.delete(f"/projects/{project}/members/{grace.id}").status_code == 204
        with pytest.raises(RoomClosed) as closed:
            room.receive_until("message")
        assert closed.value.code == 1008
