"""One or more tests for every line of the trap list (DEMANDS part B) that concerns the ASGI bridge.

Each test runs against the engine and, where the two agree, against uvicorn's own protocols: a test that both
pass states uvicorn's behaviour and not just ours. Where the engine differs on purpose the test says why.
"""
