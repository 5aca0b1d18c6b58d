"""Who is in which chat room of this process."""

from collections.abc import Iterator
from contextlib import contextmanager

from .events import Wakeups
from .schemas import UserRead


class Rooms:
    """Presence for each project. A change wakes everybody in the room."""

    def __init__(self, wakeups: Wakeups) -> None:
        self._wakeups = wakeups
        self._seats: dict[int, dict[object, UserRead]] = {}

    @contextmanager
    def enter(self, project_id: int, user: UserRead) -> Iterator[None]:
        """Be present until the block is left; one user may hold several seats."""
        seat = object()
        self._seats.setdefault(project_id, {})[seat] = user
        self._wakeups.notify(project_id)
        try:
            yield
        finally:
            seats = self._seats[project_id]
            del seats[seat]
            if not seats:
                del self._seats[project_id]
            self._wakeups.notify(project_id)

    def online(self, project_id: int) -> list[UserRead]:
        """Everybody present, once each, by name."""
        users = {user.id: user for user in self._seats.get(project_id, {}).values()}
        return sorted(users.values(), key=lambda user: (user.name.lower(), user.id))
