"""CPU time of the pydantic calls that a route cannot do without.

    python -m benchmarks.pydantic_alone

Prints JSON: for each part the microseconds of ``validate``, ``serialize`` and, for a body, of ``parse``
(``json.loads``, which is not pydantic's) and of ``validate_json`` (parsing and validation in one call). The
calls are those of pydantic-core that FastAPI's model fields end in, with the same arguments, and nothing
around them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from pydantic import TypeAdapter

from benchmarks.apps.plans import ITEMS, Item, Order, Received
from benchmarks.plan_rows import ORDER

SECONDS = 0.4


def microseconds(call: Callable[[], object], *, seconds: float = SECONDS) -> float:
    """CPU time of one call, from as many as fill ``seconds``."""
    rounds = 1
    while True:
        start = time.process_time()
        for _ in range(rounds):
            call()
        spent = time.process_time() - start
        if spent >= seconds:
            return spent / rounds * 1e6
        rounds = max(rounds * 2, int(rounds * seconds / spent * 1.1)) if spent > seconds / 10 else rounds * 4


def parts() -> dict[str, dict[str, float]]:
    """What the list and the large body cost."""
    items, order, received = TypeAdapter(list[Item]), TypeAdapter(Order), TypeAdapter(Received)
    body, answer = json.loads(ORDER), Received(customer="Ada Lovelace", lines=1)
    return {
        "list": {
            "validate": microseconds(lambda: items.validator.validate_python(ITEMS, from_attributes=True)),
            "serialize": microseconds(lambda: items.serializer.to_json(ITEMS, by_alias=True)),
        },
        "large": {
            "validate": microseconds(lambda: order.validator.validate_python(body, from_attributes=True))
            + microseconds(lambda: received.validator.validate_python(answer, from_attributes=True)),
            "serialize": microseconds(lambda: received.serializer.to_json(answer, by_alias=True)),
            "parse": microseconds(lambda: json.loads(ORDER)),
            "validate_json": microseconds(lambda: order.validator.validate_json(ORDER)),
        },
    }


if __name__ == "__main__":
    print(json.dumps(parts()))
