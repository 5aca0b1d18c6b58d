"""Servers and frameworks compared end to end: ``python -m benchmarks.compare``."""
