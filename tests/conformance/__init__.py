"""FastAPI's own test suite through `turboapi.testclient`. Run with ``python -m tests.conformance``."""
