"""Responses, routing, middleware, errors and mounted parts of the FastAPI app."""

from __future__ import annotations

from ..harness.case import Case, Close, Eof, Expect, Frames, Head, Probe, Send
from ..harness.websocket import TEXT, close, frame
from ._build import exchange, get, post, request
from ._websocket import conversation, handshake

F = "fastapi"
R = "/responses"
GOOD = ("Origin", "https://good.test")
BAD = ("Origin", "https://bad.test")
GZIP = ("Accept-Encoding", "gzip, deflate")


def file_range(name: str, value: str, *more: tuple[str, str]) -> Case:
    """A range request for the file (trap 52)."""
    return get(f"trap52-fastapi-file-range-{name}", F, f"{R}/file", [("Range", value), *more])


def preflight(name: str, *fields: tuple[str, str]) -> Case:
    """A CORS preflight."""
    return get(f"fastapi-cors-preflight-{name}", F, "/", fields, method="OPTIONS")


CASES = [
    *(
        get(f"fastapi-route-{name}", F, target, logs=name in ("unhandled", "unhandled-sync", "bad-response"))
        for name, target in (
            ("root", "/"),
            ("sync", "/sync"),
            ("missing", "/missing"),
            ("teapot", "/teapot"),
            ("gone", "/gone"),
            ("url", "/url?a=b%20c"),
            ("slash", "/slash/"),
            ("slash-redirect", "/slash"),
            ("slash-redirect-query", "/slash?a=b&c=%C3%BC"),
            ("slash-redirect-remove", "/no-slash/"),
            ("slash-redirect-many", "/no-slash///"),
            ("openapi", "/openapi.json"),
            ("docs", "/docs"),
            ("redoc", "/redoc"),
            ("mounted", "/sub/where"),
            ("mounted-404", "/sub/none"),
            ("mounted-openapi", "/sub/openapi.json"),
            ("mounted-root", "/sub"),
            ("mounted-root-slash", "/sub/"),
            ("many-methods", "/many-methods"),
            ("trailing-newline", "/sync%0A"),
            ("double-slash", "//sync"),
            ("case", "/SYNC"),
            ("dot", "/./sync"),
            ("encoded", "/%73ync"),
            ("encoded-slash", "/sub%2Fwhere"),
            ("unhandled", "/unhandled"),
            ("unhandled-sync", "/unhandled-sync"),
            ("bad-response", "/bad-response"),
        )
    ),
    *(
        get(f"fastapi-http-error-{code}", F, f"/http-error/{code}")
        for code in (400, 401, 404, 418, 429, 499, 500, 503, 204, 304, 200)
    ),
    *(
        get(f"fastapi-method-{method.lower()}-on-{name}", F, target, method=method)
        for method, name, target in (
            ("HEAD", "get", "/"),
            ("POST", "get", "/"),
            ("DELETE", "get", "/"),
            ("OPTIONS", "get", "/"),
            ("PUT", "many", "/many-methods"),
            ("PURGE", "many", "/many-methods"),
            ("PATCH", "many", "/many-methods"),
            ("HEAD", "head-only", "/head-only"),
            ("GET", "head-only", "/head-only"),
            ("HEAD", "docs", "/docs"),
            ("POST", "docs", "/docs"),
            ("HEAD", "static", "/static/hello.txt"),
            ("POST", "static", "/static/hello.txt"),
            ("HEAD", "missing", "/missing"),
            ("HEAD", "slash", "/slash"),
            ("TRACE", "get", "/"),
        )
    ),
    *(
        get(f"trap32-fastapi-host-{name}", F, target, host_fields)
        for name, target, host_fields in (
            ("forwarded-https", "/slash", [("X-Forwarded-Proto", "https")]),
            ("forwarded-url", "/url", [("X-Forwarded-For", "1.2.3.4")]),
        )
    ),
    *(
        exchange(f"trap32-fastapi-redirect-host-{number}", F, request(target="/slash", host=host))
        for number, host in enumerate(
            ("example.test:8080", "[::1]:80", "", "bad host", "evil/path", "a@b", "UPPER.test")
        )
    ),
    *(
        get(
            f"fastapi-response-{name}",
            F,
            f"{R}/{name}",
            logs=name in ("nan", "reset-content", "stream-fails"),
        )
        for name in (
            "model",
            "json-values",
            "nan",
            "html",
            "text",
            "empty",
            "reset-content",
            "not-modified",
            "redirect",
            "injected",
            "stream",
            "stream-sync",
            "stream-fails",
            "sse",
            "jsonl",
            "large",
            "file",
            "background",
            "yield",
        )
    ),
    *(
        get(f"fastapi-response-{name}-head", F, f"{R}/{name}", method="HEAD")
        for name in ("text", "file", "stream")
    ),
    get("fastapi-response-no-content", F, f"{R}/no-content", method="DELETE"),
    get("fastapi-yield-dependency-converts-the-error", F, f"{R}/yield?fail=1"),
    *(
        get(f"fastapi-status-{code}", F, f"{R}/status/{code}")
        for code in (200, 201, 204, 205, 206, 299, 301, 304, 404, 418, 451, 500, 599, 600, 100, 0)
    ),
    get("fastapi-middleware-short-cut", F, "/", [("X-Short-Cut", "1")]),
    get("fastapi-cors-good-origin", F, "/", [GOOD]),
    get("fastapi-cors-bad-origin", F, "/", [BAD]),
    get("fastapi-cors-with-cookie", F, "/", [GOOD, ("Cookie", "a=1")]),
    get("fastapi-cors-on-404", F, "/missing", [GOOD]),
    get("fastapi-cors-not-on-unhandled-500", F, "/unhandled", [GOOD]),
    get("fastapi-cors-null-origin", F, "/", [("Origin", "null")]),
    preflight(
        "good",
        GOOD,
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "x-token, content-type"),
    ),
    preflight("bad-origin", BAD, ("Access-Control-Request-Method", "POST")),
    preflight("bad-method", GOOD, ("Access-Control-Request-Method", "DELETE")),
    preflight(
        "bad-header",
        GOOD,
        ("Access-Control-Request-Method", "GET"),
        ("Access-Control-Request-Headers", "X-Other"),
    ),
    preflight("no-method", GOOD),
    get("fastapi-gzip-large", F, f"{R}/large", [GZIP]),
    get("fastapi-gzip-small", F, "/", [GZIP]),
    get("fastapi-gzip-head", F, f"{R}/large", [GZIP], method="HEAD"),
    get("fastapi-gzip-q0", F, f"{R}/large", [("Accept-Encoding", "gzip;q=0")]),
    get("fastapi-gzip-upper", F, f"{R}/large", [("Accept-Encoding", "GZIP")]),
    get("fastapi-gzip-stream", F, f"{R}/stream", [GZIP]),
    get("trap53-fastapi-gzip-not-on-sse", F, f"{R}/sse", [GZIP]),
    get("fastapi-gzip-openapi", F, "/openapi.json", [GZIP]),
    get("fastapi-gzip-static", F, "/static/data.bin", [GZIP]),
    get("fastapi-gzip-error", F, "/params/int/x", [GZIP]),
    file_range("first-bytes", "bytes=0-9"),
    file_range("middle", "bytes=100-199"),
    file_range("open-end", "bytes=4000-"),
    file_range("suffix", "bytes=-10"),
    file_range("suffix-too-long", "bytes=-99999"),
    file_range("clamped", "bytes=4000-99999"),
    file_range("one-byte", "bytes=0-0"),
    file_range("unsatisfiable", "bytes=9999-"),
    file_range("two", "bytes=0-1,10-12"),
    file_range("overlapping", "bytes=0-10,5-20"),
    file_range("unsorted", "bytes=100-110,0-5"),
    file_range("partly-unsatisfiable", "bytes=0-1,9999-10000"),
    file_range("backwards", "bytes=9-1"),
    file_range("other-unit", "lines=0-1"),
    file_range("garbage", "bytes=a-b"),
    file_range("empty", "bytes="),
    file_range("spaces", "bytes= 0 - 9 , 20-21"),
    file_range("if-range-other", "bytes=0-9", ("If-Range", '"other"')),
    file_range("if-range-old-date", "bytes=0-9", ("If-Range", "Thu, 01 Jan 1970 00:00:00 GMT")),
    file_range("with-gzip", "bytes=0-299", GZIP),
    *(
        get(f"fastapi-static-{name}", F, f"/static/{path}")
        for name, path in (
            ("file", "hello.txt"),
            ("css", "sub/nested.css"),
            ("binary", "data.bin"),
            ("index", ""),
            ("directory", "sub"),
            ("directory-slash", "sub/"),
            ("missing", "none.txt"),
            ("dot-dot", "../fastapi_app.py"),
            ("encoded-dot-dot", "%2e%2e/fastapi_app.py"),
            ("encoded-slash", "..%2ffastapi_app.py"),
            ("nul", "a%00b"),
            ("absolute", "/etc/passwd"),
            ("backslash", "..%5cfastapi_app.py"),
            ("long-name", "n" * 300),
            ("file-slash", "hello.txt/"),
        )
    ),
    get("fastapi-static-none-match-star", F, "/static/hello.txt", [("If-None-Match", "*")]),
    get(
        "fastapi-static-modified-since-future",
        F,
        "/static/hello.txt",
        [("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT")],
    ),
    get(
        "fastapi-static-modified-since-garbage", F, "/static/hello.txt", [("If-Modified-Since", "yesterday")]
    ),
    get("fastapi-static-range", F, "/static/hello.txt", [("Range", "bytes=0-4")]),
    Case(
        "fastapi-keep-alive-after-422",
        F,
        (
            Send(request(target="/params/int/x")),
            Expect(),
            Send(request(target="/params/int/1")),
            Expect(),
            Probe(),
        ),
    ),
    Case(
        "fastapi-pipelined-behind-a-500",
        F,
        (Send(request(target="/unhandled") + request(target="/")), Expect(), Eof()),
    ),
    Case(
        "fastapi-pipelined",
        F,
        (
            Send(request(target="/") + request(target="/sync") + request(target="/missing")),
            Expect(),
            Expect(),
            Expect(),
            Probe(),
        ),
    ),
    Case(
        "fastapi-pipelined-posts",
        F,
        (
            Send(
                b"".join(
                    request(
                        "POST",
                        "/bodies/any",
                        [("Content-Type", "application/json"), ("Content-Length", "1")],
                        b"%d" % n,
                    )
                    for n in range(4)
                )
            ),
            *[Expect()] * 4,
            Probe(),
        ),
    ),
    Case(
        "fastapi-client-leaves-a-stream", F, (Send(request(target=f"{R}/stream")), Head(), Close(reset=True))
    ),
    post("fastapi-404-with-body", F, "/missing", b"x" * 100),
    post("fastapi-405-with-body", F, "/", b"x" * 100),
    conversation(
        "fastapi-ws-echo",
        f"{R}/ws/room?q=3",
        Frames(),
        Send(frame(TEXT, b"hi")),
        Frames(),
        Send(close()),
        Frames(),
        Eof(),
        app=F,
    ),
    conversation(
        "fastapi-ws-subprotocol",
        f"{R}/ws/r",
        Frames(),
        Send(close()),
        Frames(),
        Eof(),
        app=F,
        fields=[("Sec-WebSocket-Protocol", "chat, x")],
    ),
    *(
        Case(f"fastapi-ws-{name}", F, (Send(handshake(target)), Expect(), Eof()))
        for name, target in (
            ("invalid-query", f"{R}/ws/r?q=x"),
            ("refused", f"{R}/ws-refused"),
            ("denied", f"{R}/ws-denied"),
            ("missing", "/none"),
            ("on-http-route", "/sync"),
        )
    ),
    get("fastapi-http-on-ws-route", F, f"{R}/ws/room"),
]
