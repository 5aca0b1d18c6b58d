"""A short run of the mutations; the module runs longer ones."""

from __future__ import annotations

from .mutations import torture
from .run import ENGINE


def test_mutated_requests_do_no_harm() -> None:
    """Whatever a client sends, it gets HTTP or the end of the connection, and the server lives on."""
    answers, faults = torture(ENGINE, seed=20, count=2000)
    assert not faults, "\n".join(faults)
    # Both outcomes have to occur for the run to mean anything.
    assert answers["200"]
    assert answers["400"]
