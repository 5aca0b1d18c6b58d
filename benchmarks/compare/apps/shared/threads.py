"""A thread pool as large as AnyIO's, for frameworks that leave the choice to the application."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

POOL = ThreadPoolExecutor(40)


async def in_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    """Calls the function there."""
    return await asyncio.get_running_loop().run_in_executor(POOL, function, *arguments)
