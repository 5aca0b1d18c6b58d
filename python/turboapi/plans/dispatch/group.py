"""The task group of a request, which anyio learns of only when a child outlives its first step.

Until then nothing can be cancelled through it and nothing waits for it. Afterwards everything is in anyio's
own tables as if the group had been there from the start: cancellation, deadlines, shields and the end of the
group are anyio's.
"""

from __future__ import annotations

from asyncio import Task
from typing import Any
from weakref import ref

from anyio._backends._asyncio import CancelScope, TaskGroup, TaskState, _task_states

states_by_task: dict[ref[Task[Any]], TaskState] = _task_states.data  # type: ignore[attr-defined]
"""Anyio's table of tasks in cancel scopes, by weak reference; empty where nobody uses any."""


def scope_of(task: Task[Any]) -> CancelScope | None:
    """The innermost cancel scope that `task` is in."""
    state = states_by_task.get(ref(task))
    return None if state is None else state.cancel_scope


def is_cancelled(task: Task[Any]) -> bool:
    """Whether the next pause of `task`, which runs, raises."""
    if task._must_cancel:  # type: ignore[attr-defined]
        return True
    if not states_by_task:
        return False
    scope = scope_of(task)
    # `CancelScope._effectively_cancelled`, several times for each response.
    while scope is not None and not scope._cancel_called:
        scope = None if scope._shield else scope._parent_scope
    return scope is not None


def late_group(host: Task[Any], outer: CancelScope | None, cancelling: int) -> TaskGroup:
    """A group that `host` has entered when its innermost scope was `outer`.

    `cancelling` is what `host.cancelling()` said then. If `outer` is None, `host` may be adopted by now;
    then its group is inside the one that it was adopted by.
    """
    state = _task_states.get(host)
    if state is None:
        state = _task_states[host] = TaskState(None, None)
    inside = state.cancel_scope
    if outer is None:
        outer = inside
        while outer is not None and outer._host_task is host:
            outer = outer._parent_scope
    group = TaskGroup()
    # As its __aenter__ does.
    group._entered = True
    scope = group.cancel_scope
    scope._host_task = host
    scope._active = True
    scope._parent_scope = outer
    if outer is not None:
        outer._child_scopes.add(scope)
    if inside is outer:
        # Not by `__enter__`: `call_next` may run in another task.
        state.cancel_scope = scope
        scope._tasks.add(host)
        if outer is not None:
            outer._tasks.discard(host)
    else:
        # The dispatch function is in scopes of its own by now, which are inside the group's.
        while inside is not None and inside._parent_scope is not outer:
            inside = inside._parent_scope
        assert inside is not None, "a host leaves no scope that it has not entered"
        inside._reparent(scope)
    scope._cancelling_at_enter = cancelling
    return group


def adopt(group: TaskGroup, task: Task[Any]) -> None:
    """Make `task` a child of the group, whatever scopes it is in already (`TaskGroup._spawn`)."""
    scope = group.cancel_scope
    state = _task_states.get(task)
    if state is None:
        state = _task_states[task] = TaskState(None, None)
    state.parent_id = id(scope._host_task)
    inside = state.cancel_scope
    if inside is None:
        state.cancel_scope = scope
        scope._tasks.add(task)
    else:
        while inside._parent_scope is not None:
            inside = inside._parent_scope
        inside._reparent(scope)
    group._tasks.add(task)


def leave(group: TaskGroup, task: Task[Any]) -> None:
    """A child has ended (`task_done` in `TaskGroup._spawn`)."""
    state = _task_states.pop(task)
    if state.cancel_scope is not None:
        state.cancel_scope._tasks.discard(task)
    group._tasks.remove(task)
    completed = group._on_completed_fut
    if completed is not None and not group._tasks and not completed.done():
        completed.set_result(None)


def broken(group: TaskGroup, task: Task[Any]) -> None:
    """A child was cancelled, or raised what is no `Exception` (the rest of `task_done`)."""
    leave(group, task)
    if not task.cancelled():
        error = task.exception()
        assert error is not None
        group._exceptions.append(error)
    if not group.cancel_scope._effectively_cancelled:
        group.cancel_scope.cancel()
