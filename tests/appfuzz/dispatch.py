"""Dispatch functions, `@app.middleware("http")`, put together from what such functions do."""

from __future__ import annotations

import re

from .dependencies import Parts
from .draw import Draw
from .kinds import VAR

#: What compares the servers has to get the journal as it is; `key` names the request there.
_START = """if request.url.path.endswith("/journal"):
    return await call_next(request)
key = request.headers.get("x-id", "-1")"""

#: Before the application answers, by what it is about. `NAME` is the function's.
_BEFORE = {
    "state": 'request.state.seen = [*getattr(request.state, "seen", []), "NAME"]',
    "body": 'note(key, f"NAME body {len(await request.body())}")',
    "stream": 'note(key, f"NAME stream {sum([len(chunk) async for chunk in request.stream()])}")',
    "form": """if "form" in request.headers.get("content-type", ""):
    note(key, f"NAME form {len(await request.form())}")""",
    "context": 'VAR.set("from NAME")',
    "early": 'if request.headers.get("x-mode") == "short":\n    return PlainTextResponse("by NAME", 202)',
    "early-always": 'if request.method == "OPTIONS":\n    return JSONResponse({"early": "NAME"})',
    "refuse": 'if request.headers.get("x-mode") == "short":\n    raise HTTPException(418, "NAME")',
    "raise": 'if request.headers.get("x-mode") == "short":\n    raise Boom("NAME")',
    "path": 'if request.headers.get("accept") == "*/*":\n    request.scope["path"] = "/sub/deep/1"',
    "fields": 'request.scope["headers"] = [*request.scope["headers"], (b"x-mode", b"short")]',
    "pause": "await asyncio.sleep(0)",
    "sleep": "await asyncio.sleep(0.001)",
    "thread": "note(key, await run_in_threadpool(VAR.get))",
}  # fmt: skip
_CALL = {
    "plain": "response = await call_next(request)",
    "catch": """try:
    response = await call_next(request)
except (Boom, ValueError) as error:
    response = JSONResponse({"caught": str(error)[:100], "by": "NAME"}, 400)""",
    "catch-all": """try:
    response = await call_next(request)
except Exception as error:
    note(key, f"NAME caught {type(error).__name__} {type(error.__cause__).__name__}")
    response = PlainTextResponse(type(error).__name__, 502, {"x-caught": "NAME"})""",
    "raise-other": """try:
    response = await call_next(request)
except Exception as error:
    raise HTTPException(503, "NAME") from error""",
    "finally": """try:
    response = await call_next(request)
finally:
    note(key, "NAME finally")""",
    "timeout": "async with asyncio.timeout(30):\n    response = await call_next(request)",
    "wait-for": "response = await asyncio.wait_for(call_next(request), 30)",
    "scope": "with move_on_after(30):\n    response = await call_next(request)",
    "other-request": "response = await call_next(Request(request.scope, request.receive))",
}
# Before, `is_disconnected` may take the body away from an application that then waits for it.
_AFTER = {
    "header": 'response.headers["x-NAME"] = quote(request.url.path)',
    "shared-header": 'response.headers.append("x-shared", "NAME")',
    "no-length": 'del response.headers["content-length"]',
    "cookie": 'response.set_cookie("NAME", "1", httponly=True)',
    "status": "if response.status_code == 200:\n    response.status_code = 299",
    "seen": 'response.headers["x-seen"] = repr(getattr(request.state, "seen", None))',
    "context-after": 'note(key, "NAME after " + VAR.get())',
    "task": 'response.background = BackgroundTask(note, key, "task of NAME")',
    "replace": "response = PlainTextResponse(f'replaced {response.status_code}')",
    "replace-errors": """if response.status_code >= 400:
    response = JSONResponse({"replaced": response.status_code}, response.status_code)""",
    "read": """if hasattr(response, "body_iterator"):
    body = b"".join([chunk async for chunk in response.body_iterator])
    response = Response(body and body + b"!", response.status_code, media_type="text/plain")""",
    "wrap": """if hasattr(response, "body_iterator"):
    response.body_iterator = passed(response.body_iterator)""",
    "raise-after": 'if request.headers.get("x-mode") == "short":\n    raise ValueError("NAME")',
    "disconnected": 'note(key, f"NAME {await request.is_disconnected()}")',
    "pause-after": "await asyncio.sleep(0)",
}  # fmt: skip
_PASSED = """async def passed(chunks: Any) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        yield chunk"""
#: Of a whole body, there is a second look after the application's.
_AGAIN = 'note(key, f"NAME again {len(await request.body())}")'


def dispatch_functions(parts: Parts) -> list[str]:
    """One to three, the innermost first."""
    parts.definitions.add("VAR", VAR)
    parts.definitions.add("passed", _PASSED)
    return [_function(parts.draw, f"dispatch_{n}") for n in range(parts.draw.pick(1, 1, 2, 2, 3))]


def _function(draw: Draw, name: str) -> str:
    before = draw.some(sorted(_BEFORE), 2)
    call = draw.choice(sorted(_CALL)) if draw.chance(0.6) else "plain"
    after = draw.some(sorted(_AFTER), 3)
    lines = [_START, *(_BEFORE[one] for one in before), _CALL[call], *(_AFTER[one] for one in after)]
    if "body" in before and draw.chance(0.5):
        lines.append(_AGAIN)
    features = " ".join([*before, call, *after])
    rows = "\n".join([f"# {features}", *lines, "return response"]).replace("NAME", name)
    body = "\n".join(f"    {row}" for row in rows.splitlines())
    return f'@app.middleware("http")\nasync def {name}(request: Request, call_next: Any) -> Any:\n{body}'


def features_of(additions: list[str]) -> list[list[str]]:
    """What each dispatch function among an app's additions does."""
    found = (re.search(r"^async def dispatch_\d+\(.*\n    # (.*)$", one, re.MULTILINE) for one in additions)
    return [match[1].split() for match in found if match is not None]
