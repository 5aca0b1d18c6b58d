"""Request bodies of FastAPI endpoints."""

from __future__ import annotations

import json

from ..harness.case import Case, Expect, Interim, Probe, Send
from ._build import chunked, exchange, fragments, get, post, request, with_body

F = "fastapi"
JSON = "application/json"
ITEM = (
    b'{"name": "gr\xc3\xbcn", "price": 1.5, "tags": ["a"], "owner": {"name": "o"}, '
    b'"made": "2024-01-01T00:00:00Z"}'
)
BOUNDARY = "multipart/form-data; boundary=XX"


def item(name: str, body: bytes, content_type: str | None = JSON) -> Case:
    """A body for the endpoint that takes an Item."""
    return post(f"fastapi-item-{name}", F, "/bodies/item", body, content_type)


def any_json(name: str, body: bytes, content_type: str | None = JSON) -> Case:
    """A body for the endpoint that takes any JSON."""
    return post(f"fastapi-any-{name}", F, "/bodies/any", body, content_type)


def part(name: str, data: bytes, filename: str | None = None, content_type: str | None = None) -> bytes:
    """One part of a multipart body."""
    disposition = f'Content-Disposition: form-data; name="{name}"' + (
        f'; filename="{filename}"' if filename is not None else ""
    )
    lines = [b"--XX", disposition.encode()]
    if content_type:
        lines.append(f"Content-Type: {content_type}".encode())
    return b"\r\n".join([*lines, b"", data, b""])


def multipart(*parts: bytes, end: bytes = b"--XX--\r\n") -> bytes:
    """A multipart body."""
    return b"".join(parts) + end


CASES = [
    item("valid", ITEM),
    item("minimal", b'{"name":"n","price":"2.50"}'),
    item("missing-fields", b"{}"),
    item("wrong-types", b'{"name": 1, "price": "x", "count": 1.5, "tags": "t", "owner": []}'),
    item("nested-error", b'{"name":"n","price":1,"owner":{"email":3}}'),
    item("empty-body", b""),
    item("null", b"null"),
    item("list", b"[1]"),
    item("string", b'"text"'),
    item("number", b"5"),
    item("syntax-error", b'{"name": "n",}'),
    item("cut", b'{"name": "n"'),
    item("trailing-data", b'{"name":"n","price":1} x'),
    item("single-quotes", b"{'name': 'n'}"),
    item("duplicate-keys", b'{"name":"a","name":"b","price":1}'),
    item("nan", b'{"name":"n","price":NaN}'),
    item("infinity", b'{"name":"n","price":Infinity}'),
    item("big-int", b'{"name":"n","price":1,"count":' + b"9" * 50 + b"}"),
    item("bom", b'\xef\xbb\xbf{"name":"n","price":1}'),
    item("utf-16", '{"name":"n","price":1}'.encode("utf-16")),
    item("invalid-utf8", b'{"name":"\xff","price":1}'),
    item("lone-surrogate", b'{"name":"\\ud800","price":1}'),
    item("escapes", b'{"name":"\\u00fc\\n\\/","price":1e2}'),
    item("deep", b"[" * 500 + b"]" * 500),
    item("control-character", b'{"name":"a\nb","price":1}'),
    item("whitespace", b' \r\n\t{ "name" : "n" , "price" : 1 } \n'),
    item("extra-field", b'{"name":"n","price":1,"extra":true}'),
    *(
        item(f"content-type-{name}", b'{"name":"n","price":1}', content_type)
        for name, content_type in (
            ("none", None),
            ("text", "text/plain"),
            ("charset", "application/json; charset=utf-8"),
            ("upper", "APPLICATION/JSON"),
            ("suffix", "application/vnd.x+json"),
            ("text-json", "text/json"),
            ("empty", ""),
            ("garbage", "//;;"),
            ("form", "application/x-www-form-urlencoded"),
            ("multipart", "multipart/form-data"),
        )
    ),
    post("fastapi-item-sync-201", F, "/bodies/item-sync", ITEM, JSON),
    post("fastapi-item-sync-422", F, "/bodies/item-sync", b"{}", JSON),
    post(
        "fastapi-two-bodies",
        F,
        "/bodies/two/7?q=x",
        b'{"item":{"name":"n","price":1},"owner":{"name":"o"},"note":"hi"}',
        JSON,
        method="PUT",
    ),
    post("fastapi-two-bodies-missing", F, "/bodies/two/x", b'{"item":{"name":""}}', JSON, method="PUT"),
    post("fastapi-two-bodies-not-a-dict", F, "/bodies/two/1", b"[]", JSON, method="PUT"),
    *(
        any_json(f"{number}-{text[:16]}", text.encode())
        for number, text in enumerate(
            (
                "1",
                "-0",
                "1.0",
                "1e5",
                "1E400",
                "0.1",
                '"\\u2028"',
                "[]",
                "{}",
                "true",
                "[[[]]]",
                "nul",
                "01",
                "+1",
                "-",
                '"',
                "[1,]",
            )
        )
    ),
    any_json("large-list", json.dumps(list(range(20000))).encode()),
    any_json("no-content-type-bytes", b"raw", None),
    any_json("get-like-delete", b"5"),
    post("fastapi-raw", F, "/bodies/raw", bytes(range(256)), None),
    post("fastapi-raw-empty", F, "/bodies/raw", b"", None),
    post("fastapi-stream-1-mib", F, "/bodies/stream", b"s" * (1 << 20)),
    exchange(
        "fastapi-item-chunked",
        F,
        request(
            "POST",
            "/bodies/item",
            [("Content-Type", JSON), ("Transfer-Encoding", "chunked")],
            chunked(ITEM[:20], ITEM[20:]),
        ),
    ),
    fragments(
        "fastapi-item-fragmented",
        F,
        with_body("POST", "/bodies/item", ITEM, JSON)[:-30],
        ITEM[-30:-10],
        ITEM[-10:],
    ),
    Case(
        "fastapi-item-expect-continue",
        F,
        (
            Send(
                request(
                    "POST",
                    "/bodies/item",
                    [("Content-Type", JSON), ("Content-Length", str(len(ITEM))), ("Expect", "100-continue")],
                )
            ),
            Interim(),
            Send(ITEM),
            Expect(),
            Probe(),
        ),
    ),
    post("fastapi-unread-body", F, "/bodies/unread", b"x" * 1000),
    post("fastapi-unread-body-invalid-json", F, "/bodies/unread", b"{", JSON),
    *(
        post(f"fastapi-form-{name}", F, "/bodies/form", body, "application/x-www-form-urlencoded")
        for name, body in (
            ("valid", b"name=gr%C3%BCn+x&age=3"),
            ("missing", b"age=3"),
            ("empty", b""),
            ("twice", b"name=a&name=b"),
            ("invalid", b"name=a&age=x"),
            ("odd", b"&&name=%zz&=&age"),
            ("latin-1", b"name=\xfc"),
            ("empty-value", b"name="),
        )
    ),
    post("fastapi-form-as-json", F, "/bodies/form", b'{"name":"n"}', JSON),
    post(
        "fastapi-form-multipart",
        F,
        "/bodies/form",
        multipart(part("name", b"n"), part("age", b"4")),
        BOUNDARY,
    ),
    post(
        "fastapi-form-model",
        F,
        "/bodies/form-model",
        b"username=u&password=p",
        "application/x-www-form-urlencoded",
    ),
    post(
        "fastapi-form-model-extra",
        F,
        "/bodies/form-model",
        b"username=u&x=1",
        "application/x-www-form-urlencoded",
    ),
    post(
        "fastapi-upload",
        F,
        "/bodies/upload",
        multipart(part("file", b"content", "a.txt", "text/plain"), part("note", b"n")),
        BOUNDARY,
    ),
    post(
        "fastapi-upload-utf8-name",
        F,
        "/bodies/upload",
        multipart(part("file", b"", "gr\u00fcn.txt")),
        BOUNDARY,
    ),
    post("fastapi-upload-not-a-file", F, "/bodies/upload", multipart(part("file", b"text")), BOUNDARY),
    post("fastapi-upload-missing", F, "/bodies/upload", multipart(part("note", b"n")), BOUNDARY),
    post(
        "trap51-fastapi-upload-2-mib-rolls-over",
        F,
        "/bodies/upload",
        multipart(part("file", b"u" * (2 << 20), "big.bin")),
        BOUNDARY,
    ),
    post(
        "trap51-fastapi-form-1001-fields",
        F,
        "/bodies/form",
        b"&".join(b"f%d=1" % n for n in range(1001)),
        "application/x-www-form-urlencoded",
    ),
    post(
        "trap51-fastapi-multipart-1001-fields",
        F,
        "/bodies/form",
        multipart(*[part(f"f{n}", b"1") for n in range(1001)]),
        BOUNDARY,
    ),
    post(
        "fastapi-uploads",
        F,
        "/bodies/uploads",
        multipart(part("files", b"first", "1"), part("files", b"second", "2"), part("raw", b"r", "r")),
        BOUNDARY,
    ),
    post(
        "fastapi-multipart-no-boundary",
        F,
        "/bodies/upload",
        multipart(part("file", b"x", "a")),
        "multipart/form-data",
    ),
    post(
        "fastapi-multipart-wrong-boundary",
        F,
        "/bodies/upload",
        multipart(part("file", b"x", "a")),
        "multipart/form-data; boundary=YY",
    ),
    post("fastapi-multipart-cut", F, "/bodies/upload", multipart(part("file", b"x", "a"), end=b""), BOUNDARY),
    post(
        "fastapi-multipart-bad-part-header",
        F,
        "/bodies/upload",
        b"--XX\r\nno colon\r\n\r\nx\r\n--XX--\r\n",
        BOUNDARY,
    ),
    post("fastapi-multipart-empty", F, "/bodies/upload", b"", BOUNDARY),
    get("fastapi-body-endpoint-by-get", F, "/bodies/item"),
]
