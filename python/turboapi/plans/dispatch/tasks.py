"""Starting the child: eagerly where Python can."""

from __future__ import annotations

import asyncio
import sys
from asyncio import Task
from collections.abc import Callable, Coroutine
from typing import Any

if sys.version_info >= (3, 12):

    def start_task(
        child: Callable[[Any, bool], Coroutine[Any, Any, None]],
        argument: object,
        loop: asyncio.AbstractEventLoop,
        name: str,
        *,
        eager: bool,
    ) -> tuple[Task[None], bool]:
        """A task of `child(argument, register)`, and whether it has begun; then it registers itself."""
        task = Task(child(argument, eager), loop=loop, name=name, eager_start=eager)
        return task, eager

else:

    def start_task(
        child: Callable[[Any, bool], Coroutine[Any, Any, None]],
        argument: object,
        loop: asyncio.AbstractEventLoop,
        name: str,
        *,
        eager: bool,
    ) -> tuple[Task[None], bool]:
        """A task of `child(argument, register)`, and whether it has begun; then it registers itself."""
        return Task(child(argument, False), loop=loop, name=name), False
