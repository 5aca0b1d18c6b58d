"""Options of the server: root path, headers of its own, forwarding, Unix sockets, the concurrency limit."""

from __future__ import annotations

from ..harness.case import Case, Eof, Expect, Probe, Send
from ._build import get, request

CASES = [
    get("trap13-root-path-prefixed", "echo-root-path", "/a/b?c=d"),
    get("trap13-root-path-on-root", "echo-root-path", "/"),
    get("trap13-root-path-already-in-target", "echo-root-path", "/api/v1/a"),
    get("trap13-root-path-percent", "echo-root-path", "/gr%C3%BCn%2F"),
    get("trap13-root-path-absolute-form", "echo-root-path", "http://example.test/a"),
    get("options-no-server-no-date-own-header", "echo-bare", "/a"),
    get(
        "options-proxy-headers-off",
        "echo-bare",
        "/a",
        [("X-Forwarded-For", "1.2.3.4"), ("X-Forwarded-Proto", "https")],
    ),
    get("options-own-header-on-400", "echo-bare", "/a b c"),
    get("options-own-header-on-head", "echo-bare", "/a", method="HEAD"),
    get("trap31-any-proxy-first-address", "echo-any-proxy", "/a", [("X-Forwarded-For", "9.9.9.9, 1.2.3.4")]),
    get("trap31-any-proxy-port", "echo-any-proxy", "/a", [("X-Forwarded-For", "9.9.9.9:1234, 1.2.3.4")]),
    get("trap31-any-proxy-garbage", "echo-any-proxy", "/a", [("X-Forwarded-For", "what ever")]),
    get("trap31-any-proxy-empty", "echo-any-proxy", "/a", [("X-Forwarded-For", "")]),
    get("trap33-unix-socket-scope", "echo-unix", "/a?b=c"),
    get(
        "trap31-unix-socket-forwarded",
        "echo-unix",
        "/a",
        [("X-Forwarded-For", "1.2.3.4"), ("X-Forwarded-Proto", "https")],
    ),
    Case(
        "unix-socket-keep-alive",
        "echo-unix",
        (Send(request(target="/a")), Expect(), Send(request(target="/b")), Expect(), Probe()),
    ),
    # The only case that waits for time to pass: one second on each server.
    Case("keep-alive-timeout-closes", "impatient", (Send(request(target="/plain")), Expect(), Eof())),
    # The connection itself counts, so a limit of one refuses everything.
    get("limit-concurrency-503", "limited", "/plain"),
    get("limit-concurrency-503-head", "limited", "/plain", method="HEAD"),
    get("trap15-state-is-a-copy-first", "echo", "/state"),
    get("trap15-state-is-a-copy-second", "echo", "/state"),
]
