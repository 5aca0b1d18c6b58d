"""Apps that break the contract: what the client sees, and what the log says."""

from __future__ import annotations

from ..harness.case import Case
from ._build import get, post

P = "protocol"

PATHS = (
    "raise-before",
    "raise-after-start",
    "raise-after-start-length",
    "raise-after-part",
    "raise-after-part-length",
    "raise-after-complete",
    "raise-cancelled",
    "raise-base",
    "raise-oserror",
    "return-early",
    "return-after-start",
    "return-after-start-length",
    "return-after-part",
    "return-value",
    "return-value-early",
    "length-short",
    "length-short-empty",
    "length-long",
    "length-long-second",
    "length-exact-then-empty",
    "length-invalid",
    "length-twice",
    "start-twice",
    "body-first",
    "body-after-complete",
    "unknown-type",
    "unknown-type-later",
    "caught",
    "caught-late",
    "no-type",
    "no-status",
)
TRAPS = {
    "length-short": 18,
    "length-short-empty": 18,
    "length-long": 18,
    "length-long-second": 18,
    "raise-after-part": 54,
    "raise-after-part-length": 54,
    "raise-oserror": 5,
}


def story(path: str) -> str:
    """The id of a misbehaviour."""
    return f"trap{TRAPS[path]:02}-app-{path}" if path in TRAPS else f"app-{path}"


CASES: list[Case] = [
    *(get(story(path), P, f"/{path}", logs=True) for path in PATHS),
    *(
        get(f"{story(path)}-head", P, f"/{path}", method="HEAD", logs=True)
        for path in PATHS
        if path.startswith("length")
    ),
    get("app-raise-before-head", P, "/raise-before", method="HEAD", logs=True),
    get("app-raise-before-request-close", P, "/raise-before", [("Connection", "close")], logs=True),
    post("app-raise-after-read", P, "/raise-after-read", b"hello", logs=True),
    post("app-raise-before-body-unread", P, "/raise-before", b"hello", logs=True),
    post("app-return-early-body-unread", P, "/return-early", b"hello", logs=True),
]
