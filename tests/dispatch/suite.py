"""`python -m tests.dispatch.suite`: Starlette's own tests of `BaseHTTPMiddleware` with the substitute."""

from __future__ import annotations

import json
import re
import sys
from typing import NamedTuple

from tests.middleware.suite import play, prepare

FILE = "tests/middleware/test_base.py"

_NO_DISPATCH = {"test_contextvars[CustomMiddlewareWithoutBaseHTTPMiddleware]": "has no BaseHTTPMiddleware"}
_NO_APPLICATION = dict.fromkeys(
    (
        "test_read_request_stream_in_dispatch_wrapping_app_calls_body",
        "test_read_request_disconnected_client",
        "test_read_request_disconnected_after_consuming_steam",
        "test_poll_for_disconnect_repeated",
        "test_early_hints_events",
    ),
    "calls a middleware that is in no application",
)

_IN_PROCESS = {
    "test_custom_middleware": "expects exceptions of the app in the client",
    "test_run_background_tasks_raise_exceptions": "the same",
    "test_error_context_propagation": "the same",
    "test_contextvars[CustomMiddlewareUsingBaseHTTPMiddleware]": "the same, of a test that is to fail",
    **dict.fromkeys(
        (
            "test_run_background_tasks_even_if_client_disconnects",
            "test_do_not_block_on_background_tasks",
            "test_run_context_manager_exit_even_if_client_disconnects",
            "test_multiple_middlewares_stacked_client_disconnected",
            "test_asgi_pathsend_events",
            "test_background_task_runs_after_response_sent_with_middleware",
        ),
        "calls the application itself",
    ),
}
#: Trio is left to Starlette by the substitute.
_SELECTION = ("-k", "not trio")
#: By the way that the suite is run (`suite_plugin`): tests that cannot be run so, by their reason.
LEFT_OUT: dict[str, dict[str, str]] = {
    "class": _NO_DISPATCH,
    "application": {**_NO_DISPATCH, **_NO_APPLICATION},
    "front": {**_NO_DISPATCH, **_NO_APPLICATION},
    "engine": {**_NO_DISPATCH, **_NO_APPLICATION, **_IN_PROCESS},
}


class Played(NamedTuple):
    """What came of a run."""

    code: int
    output: str
    substituted: dict[str, int]
    """How many requests of each test a substitute ran."""
    totals: dict[str, int]
    """Requests that came by the front, and those that plans answered."""


def run(way: str) -> Played:
    """The tests in one way."""
    left_out = [f"{FILE}::{name}" for name in LEFT_OUT[way]]
    code, output = play("dispatch.suite_plugin", [FILE], left_out, *_SELECTION, f"--way={way}")
    substituted, totals = (
        json.loads(found[1]) if (found := re.search(rf"^{name}: (\{{.*\}})$", output, re.MULTILINE)) else {}
        for name in ("substituted", "totals")
    )
    return Played(code, output, substituted, totals)


def main() -> int:
    """Prints the output of the runs."""
    prepare()
    worst = 0
    for way in LEFT_OUT:
        played = run(way)
        missed = [name for name, count in played.substituted.items() if not count]
        print(played.output)
        count = sum(played.substituted.values())
        print(f"{way}: {count} requests by substitutes, {played.totals}; tests without any: {missed}\n")
        worst = max(worst, played.code, not played.substituted or bool(missed))
    return worst


if __name__ == "__main__":
    sys.exit(main())
