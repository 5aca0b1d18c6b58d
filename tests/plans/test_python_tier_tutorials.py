"""The apps of FastAPI's documentation, with a plan of the python tier in every route that can have one."""

from __future__ import annotations

import asyncio
import importlib
import random
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

from .python_tier import Call, Outcome, Planned, request

# Where the conformance suite unpacks FastAPI's sdist (tests/conformance).
_SOURCES = sorted(Path(__file__).parents[2].glob(".cache/conformance/fastapi-*/docs_src"))

_FIELDS: dict[str, Any] = {
    "name": "Foo",
    "price": 42.5,
    "description": "text",
    "tax": 1.5,
    "tags": ["a", "b"],
    "username": "johndoe",
    "password": "secret",
    "email": "john@example.com",
    "full_name": "John",
    "importance": 5,
    "title": "Title",
    "size": 3.5,
    "timestamp": "2020-01-02T03:04:05",
    "secret_name": "Dive Wilson",
    "age": 30,
    "type": "plane",
    "url": "https://example.com/a",
    "start_datetime": "2020-01-02T03:04:05Z",
    "end_datetime": "2020-01-03T03:04:05Z",
    "process_after": 3600,
    "repeat_at": "10:11:12",
    "token": "jessica",
    "customer": "c",
    "total": 3.5,
    "id": "1",
    "data": "aGVsbG8=",
}
_BODY = {**_FIELDS, "item": _FIELDS, "user": _FIELDS, "image": _FIELDS, "offer": _FIELDS, "items": [_FIELDS]}
_JSON = (b"content-type", b"application/json")
_TOKENS = (
    (b"x-token", b"fake-super-secret-token"),
    (b"x-key", b"fake-super-secret-key"),
    (b"authorization", b"Bearer johndoe"),
    (b"user-agent", b"test"),
    (b"cookie", b"ads_id=a; session_id=s; session=s; last_query=q; fatebook_tracker=f"),
)
_QUERIES = (
    b"",
    b"q=foo&skip=1&limit=5&short=1&needy=n&token=jessica&user_id=1&item_id=2",
    b"q=1&limit=x&skip=-1",
)
_FORM = b"username=johndoe&password=secret&grant_type=password&token=t&name=n&note=x&scope=me+items"
_PARTS = b"".join(
    b'--b\r\nContent-Disposition: form-data; name="%s"; filename="f.txt"\r\n\r\nhello\r\n' % name
    for name in (b"file", b"files", b"fileb")
)
_MULTIPART = _PARTS + b'--b\r\nContent-Disposition: form-data; name="token"\r\n\r\nt\r\n--b--\r\n'


def _modules() -> list[str]:
    names = []
    for source in _SOURCES[-1:]:
        for path in sorted(source.rglob("*.py")):
            if "app = FastAPI(" in path.read_text():
                names.append(".".join(path.relative_to(source.parent).with_suffix("").parts))
    return names


@contextmanager
def _imported(name: str) -> Iterator[FastAPI]:
    """The app of a fresh import of the module, so that both runs start with the same state."""
    root = str(_SOURCES[-1].parent)
    package = name.rpartition(".")[0]
    before = set(sys.modules)
    sys.path.insert(0, root)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield importlib.import_module(name).app
    finally:
        sys.path.remove(root)
        for module in set(sys.modules) - before:
            if module == package or module.startswith("docs_src"):
                del sys.modules[module]


def _calls(app: FastAPI) -> Iterator[Call]:
    import json

    text = json.dumps(_BODY).encode()
    for context in iter_route_contexts(app.routes):
        if not isinstance(context.original_route, APIRoute):
            continue
        for value in ("1", "foo"):
            path = re.sub(r"\{[^}]*\}", value, str(context.path))
            for method in sorted(context.methods or ()):
                for number, query in enumerate(_QUERIES):
                    tokens = _TOKENS if number != 2 else ()
                    yield Call(path, method, query, (*tokens, _JSON), (text,))
                    if number == 0 and method in ("POST", "PUT", "PATCH"):
                        yield Call(path, method, query, (_JSON,), (json.dumps(_FIELDS).encode(),))
                        yield Call(path, method, query, (_JSON,), (b'{"name": 1',))
                        form = (b"content-type", b"application/x-www-form-urlencoded")
                        yield Call(path, method, query, (*tokens, form), (_FORM,))
                        multipart = (b"content-type", b"multipart/form-data; boundary=b")
                        yield Call(path, method, query, (*tokens, multipart), (_MULTIPART,))


async def _run(app: FastAPI, *, plans: bool) -> tuple[list[tuple[Call, Outcome]], Planned]:
    random.seed(1)
    planned = Planned(app)
    outcomes = []
    with planned.in_place() if plans else warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for call in _calls(app):
            outcome = await asyncio.wait_for(request(app, call, []), 10)
            outcomes.append((call, outcome))
    return outcomes, planned


@pytest.mark.skipif(not _SOURCES, reason="FastAPI's sources are unpacked by `make conformance`")
@pytest.mark.parametrize("name", _modules())
def test_tutorial(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = []
    monkeypatch.setenv("ADMIN_EMAIL", "admin@example.com")
    for plans in (False, True):
        directory = tmp_path / str(plans)
        directory.mkdir()
        monkeypatch.chdir(directory)
        try:
            with _imported(name) as app:
                runs.append(asyncio.run(_run(app, plans=plans)))
        except (ImportError, RuntimeError) as error:
            pytest.skip(f"not importable here: {error}")
    (expected, _), (actual, planned) = runs
    for (call, theirs), (_, ours) in zip(expected, actual, strict=True):
        assert _untimed(ours) == _untimed(theirs), call
    for _, outcome in expected:
        assert outcome.happened
    # Only what FastAPI itself does not make from a request handler has no plan.
    assert not [
        reason
        for name, reason in planned.reasons.items()
        if name not in planned.plans and "handler" not in reason
    ]


def _untimed(outcome: Outcome) -> str:
    """What happened, without measured times and tokens that hold one."""
    happened = re.sub(r"b'\d\.\d+(e-\d+)?'", "seconds", repr(outcome.happened))
    return re.sub(r"eyJ[\w-]+\.[\w-]+\.[\w-]+", "token", happened) + repr(outcome[1:])
