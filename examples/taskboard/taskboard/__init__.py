"""Taskboard: a small team task board written with FastAPI."""

__version__ = "1.0.0"
