"""Django and Litestar, where they are installed: any ASGI callable has to behave."""

from __future__ import annotations

from ..harness.case import Case, Eof, Expect, Frames, Probe, Send
from ..harness.websocket import TEXT, close, frame
from ._build import chunked, exchange, get, post, request
from ._websocket import conversation, handshake

D, L = "django", "litestar"
MULTIPART = (
    b'--X\r\nContent-Disposition: form-data; name="data"; filename="n.txt"\r\n\r\ncontent\r\n--X--\r\n'
)
FORM_TYPE = "application/x-www-form-urlencoded"

DJANGO = [
    *(
        get(f"django-{name}", D, target)
        for name, target in (
            ("show", "/show/x/?a=1&a=%C3%BC"),
            ("show-encoded", "/show/gr%C3%BCn%20x/"),
            ("append-slash", "/show/x"),
            ("missing", "/none/"),
            ("stream", "/stream/"),
            ("cookies", "/cookies/"),
            ("file", "/file/"),
            ("fails", "/fails/"),
        )
    ),
    get("django-show-head", D, "/show/x/", method="HEAD"),
    get(
        "django-show-headers",
        D,
        "/show/x/",
        [("Accept", "a"), ("Accept", "b"), ("Cookie", "a=1"), ("Cookie", "b=2")],
    ),
    get("django-forwarded", D, "/show/x/", [("X-Forwarded-For", "1.2.3.4"), ("X-Forwarded-Proto", "https")]),
    exchange("django-wrong-host", D, request(target="/show/x/", host="evil.test")),
    post("django-form", D, "/form/", b"a=1&a=2&b=%C3%BC", FORM_TYPE),
    post("django-upload", D, "/form/", MULTIPART, "multipart/form-data; boundary=X"),
    post("django-too-large", D, "/form/", b"a=" + b"x" * 200_000, FORM_TYPE),
    exchange(
        "django-chunked",
        D,
        request(
            "POST",
            "/form/",
            [("Content-Type", FORM_TYPE), ("Transfer-Encoding", "chunked")],
            chunked(b"a=1", b"&b=2"),
        ),
    ),
    Case(
        "django-keep-alive",
        D,
        (Send(request(target="/show/a/")), Expect(), Send(request(target="/stream/")), Expect(), Probe()),
    ),
    Case("django-ws-refused", D, (Send(handshake("/ws")), Expect(), Eof())),
]
LITESTAR = [
    *(
        get(f"litestar-{name}", L, target)
        for name, target in (
            ("item", "/item/3?q=%20x"),
            ("item-invalid", "/item/x"),
            ("missing", "/none"),
            ("thread", "/sync"),
            ("stream", "/stream"),
            ("redirect", "/redirect"),
            ("fails", "/fails"),
            ("refused", "/refused"),
            ("double-slash", "//sync"),
        )
    ),
    get("litestar-head-405", L, "/sync", method="HEAD"),
    get("litestar-put-405", L, "/sync", method="PUT"),
    post("litestar-body", L, "/item", b'{"name": "n", "price": 2}', "application/json"),
    post("litestar-body-invalid", L, "/item", b'{"price": "x"}', "application/json"),
    post("litestar-body-syntax", L, "/item", b"{", "application/json"),
    post("litestar-upload", L, "/upload", MULTIPART, "multipart/form-data; boundary=X"),
    conversation("litestar-ws", "/ws", Send(frame(TEXT, b"loud")), Frames(2), Send(close()), Eof(), app=L),
    Case("litestar-ws-missing", L, (Send(handshake("/none")), Expect(), Eof())),
]

CASES = [*DJANGO, *LITESTAR]
