import secrets
from datetime import timedelta
from typing import Any

import jwt
import pytest
from support import PASSWORD, Person, register

from taskboard.config import get_settings
from taskboard.db import utc_now


def test_register_log_in_and_me(client: Any) -> None:
    person = register(client, "Linus")
    me = person.get("/auth/me")
    assert me.status_code == 200
    assert me.json() | {"created_at": ""} == {
        "id": person.id,
        "name": "Linus",
        "email": person.email,
        "created_at": "",
    }


def test_response_model_never_shows_the_password(client: Any) -> None:
    body = {"email": f"s.{secrets.token_hex(6)}@example.com", "name": "S", "password": "visible-secret"}
    created = client.post("/api/auth/register", json=body)
    assert set(created.json()) == {"id", "name", "email", "created_at"}
    invalid = client.post("/api/auth/register", json=body | {"email": "no", "password": "visible"})
    assert invalid.status_code == 422
    assert "visible" not in invalid.text


def test_address_is_taken_in_any_case(client: Any, ada: Person) -> None:
    taken = client.post(
        "/api/auth/register", json={"email": ada.email.upper(), "name": "Other", "password": PASSWORD}
    )
    assert taken.status_code == 409
    assert taken.json()["code"] == "conflict"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": "not an address"}, "email"),
        ({"password": "short"}, "password"),
        ({"password": "x" * 129}, "password"),
        ({"name": "   "}, "name"),
        ({"name": None}, "name"),
        ({"admin": True}, "admin"),
    ],
)
def test_register_invalid(client: Any, change: dict[str, Any], field: str) -> None:
    body = {"email": "fine@example.com", "name": "Fine", "password": PASSWORD} | change
    refused = client.post("/api/auth/register", json=body)
    assert refused.status_code == 422
    assert [problem["field"] for problem in refused.json()["errors"]] == [field]


def test_log_in_is_a_form(client: Any, ada: Person) -> None:
    as_json = client.post("/api/auth/token", json={"username": ada.email, "password": PASSWORD})
    assert as_json.status_code == 422
    in_capitals = client.post("/api/auth/token", data={"username": ada.email.upper(), "password": PASSWORD})
    assert in_capitals.status_code == 200
    assert in_capitals.json()["token_type"] == "bearer"


@pytest.mark.parametrize("known", [True, False])
def test_wrong_log_in_looks_the_same_for_known_and_unknown(client: Any, ada: Person, known: bool) -> None:
    username = ada.email if known else "nobody@example.com"
    refused = client.post("/api/auth/token", data={"username": username, "password": "wrong password"})
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == "Bearer"
    assert refused.json()["detail"] == "Address or password is wrong."


def _token(user_id: object, key: str | None = None, **claims: object) -> str:
    payload = {"sub": str(user_id), "use": "access", "exp": utc_now() + timedelta(minutes=1), **claims}
    return jwt.encode(payload, key or get_settings().secret_key.get_secret_value(), algorithm="HS256")


def test_own_token_is_accepted(client: Any, ada: Person) -> None:
    headers = {"Authorization": f"Bearer {_token(ada.id)}"}
    assert client.get("/api/auth/me", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "forge",
    [
        lambda user: None,
        lambda user: "Bearer",
        lambda user: "Bearer nonsense",
        lambda user: f"Basic {_token(user)}",
        lambda user: f"Bearer {_token(user, key='another key, long enough for sure')}",
        lambda user: f"Bearer {_token(user, exp=utc_now() - timedelta(seconds=1))}",
        lambda user: f"Bearer {_token(user, use='ticket')}",
        lambda user: f"Bearer {_token(999_999_999)}",
        lambda user: f"Bearer {_token('somebody')}",
        lambda user: "Bearer " + jwt.encode({"sub": str(user), "use": "access"}, None, algorithm="none"),
    ],
    ids=str.split("none empty nonsense basic forged expired ticket unknown no-number unsigned"),
)
def test_bad_token(client: Any, ada: Person, forge: Any) -> None:
    header = forge(ada.id)
    refused = client.get("/api/auth/me", headers={"Authorization": header} if header else {})
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == "Bearer"


def test_ticket_is_no_access_token(client: Any, ada: Person) -> None:
    issued = ada.post("/auth/ticket").json()
    assert issued["expires_in"] == 60
    headers = {"Authorization": f"Bearer {issued['ticket']}"}
    assert client.get("/api/auth/me", headers=headers).status_code == 401
