"""Why something is left to FastAPI."""

from __future__ import annotations


class NotPlannable(Exception):
    """A plan cannot prove that it does this as FastAPI does; the text is what `turboapi explain` prints."""
