"""Response bodies and status codes."""

from __future__ import annotations

from http import HTTPStatus

from ..harness.case import Case
from ._build import get

P = "protocol"


def both(id: str, target: str) -> list[Case]:
    """The same by GET and by HEAD."""
    return [get(f"{id}-get", P, target), get(f"{id}-head", P, target, method="HEAD")]


CASES = [
    *both("response-plain", "/plain"),
    *both("response-no-length", "/no-length"),
    *both("response-empty", "/empty"),
    *both("response-empty-length", "/empty-length"),
    *both("response-minimal-messages", "/minimal"),
    *both("response-extra-keys", "/extra-keys"),
    *both("response-stream", "/stream"),
    *both("response-stream-last-with-bytes", "/stream?last=1"),
    *both("response-stream-no-parts", "/stream?n=0"),
    *both("response-stream-with-length", "/stream-length"),
    *both("response-stream-empty-parts", "/stream-empty-parts"),
    get("response-stream-many", P, "/stream?n=300&size=7"),
    get("response-stream-large-parts", P, "/stream?n=8&size=65536"),
    get("response-stream-huge-part", P, "/stream?n=1&size=2000000"),
    get("response-large-64k", P, "/large?size=65536"),
    get("response-large-3m", P, "/large?size=3000000"),
    get("response-timer-between-parts", P, "/timer"),
    get("response-from-thread", P, "/threads"),
    get("response-not-found", P, "/nothing"),
    *(
        get(f"response-body-{kind}", P, f"/body-type?is={kind}", logs=True)
        for kind in ("bytearray", "memoryview", "str", "none", "int", "list")
    ),
    *(
        get(f"response-body-{kind}-with-length", P, f"/body-type?is={kind}&length=1", logs=True)
        for kind in ("bytearray", "memoryview", "str", "none")
    ),
    *(
        get(f"status-{code}", P, f"/status?code={code}&body=content&length=1")
        for code in sorted(status.value for status in HTTPStatus)
        if code >= 200 and code not in (204, 205, 304)
    ),
    *(
        get(f"status-{code}", P, f"/status?code={code}&body=x&length=1")
        for code in (299, 306, 399, 420, 450, 499, 520, 599)
    ),
    *(
        get(f"status-{code}-{variant}", P, f"/status?code={code}{query}", method=method, logs=True)
        for code in (204, 304, 205)
        for variant, query, method in (
            ("empty", "", "GET"),
            ("empty-length", "&length=1", "GET"),
            ("content", "&body=content", "GET"),
            ("content-length", "&body=content&length=1", "GET"),
            ("head", "", "HEAD"),
        )
    ),
    *(
        get(f"status-{code}-final", P, f"/status?code={code}", logs=True)
        for code in (100, 101, 102, 103, 199)
    ),
    *(
        get(f"status-as-{kind}", P, f"/status-type?is={kind}", logs=True)
        for kind in (
            "enum",
            "bool",
            "str",
            "none",
            "float",
            "zero",
            "negative",
            "99",
            "600",
            "999",
            "1000",
            "huge",
        )
    ),
]
