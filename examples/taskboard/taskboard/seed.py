"""Demo data."""

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from .config import Settings
from .db import create_engine, create_sessions, utc_now
from .events import ActivityLog, Wakeups, next_seq
from .models import Membership, Message, Priority, Project, Role, Status, Task, User
from .security import hash_password

PASSWORD = "taskboard-demo"
USERS = [("ada@example.com", "Ada Lovelace"), ("grace@example.com", "Grace Hopper")]
PROJECT = "Website relaunch"

_T, _D, _X = Status.todo, Status.doing, Status.done
_L, _N, _H = Priority.low, Priority.normal, Priority.high
# Title, status, priority, index of the assignee, days until it is due.
TASKS: list[tuple[str, Status, Priority, int | None, int | None]] = [
    ("Collect the wishes of the support team", _X, _N, 0, -20),
    ("Choose a typeface", _X, _L, 1, -14),
    ("Sketch the start page", _X, _H, 1, -10),
    ("Sketch the price page", _X, _N, 1, -9),
    ("Set up continuous delivery", _X, _H, 0, -7),
    ("Move the old articles", _D, _N, 0, 3),
    ("Write the start page's text", _D, _H, 1, 1),
    ("Check contrast in dark mode", _D, _N, None, 5),
    ("Measure loading time on a slow line", _D, _L, 0, None),
    ("Redirects from the old addresses", _T, _H, 0, 2),
    ("Translate the price page", _T, _N, None, 12),
    ("Ask three customers for a quote", _T, _N, 1, 8),
    ("Photo of the team", _T, _L, None, None),
    ("Cookie-free statistics", _T, _N, 0, 15),
    ("Search on the help pages", _T, _H, None, 9),
    ("Print style sheet", _T, _L, None, None),
    ("Newsletter form", _T, _N, 1, 18),
    ("Sitemap and feeds", _T, _N, 0, 10),
    ("Test with a screen reader", _T, _H, 1, 6),
    ("Error pages with a way out", _T, _L, None, 20),
    ("Plan the switch-over night", _T, _H, 0, 21),
    ("Announcement for the press", _T, _N, 1, 22),
    ("Invite everybody to the party", _T, _L, 1, 25),
]
MESSAGES = [
    (0, "The delivery pipeline is green, you can push."),
    (1, "Great! The start page's text comes today."),
]


async def _users(session: AsyncSession) -> list[User]:
    users = []
    for email, name in USERS:
        user = await session.scalar(select(User).where(User.email == email))
        if user is None:
            user = User(email=email, name=name, password_hash=hash_password(PASSWORD))
            session.add(user)
        users.append(user)
    await session.flush()
    return users


async def seed(settings: Settings) -> str:
    """Add what is missing and return a line that tells how to log in. Everything or nothing is added."""
    engine = create_engine(settings)
    try:
        async with create_sessions(engine)() as session:
            users = await _users(session)
            owned = select(Project).join(Membership)
            mine = owned.where(Membership.user_id == users[0].id, Project.name == PROJECT)
            if (await session.scalars(mine)).first() is None:
                await _project(session, users)
            await session.commit()
    finally:
        await engine.dispose()
    return f"Demo data is in place. Log in as {' or '.join(email for email, _ in USERS)} with {PASSWORD!r}."


async def _project(session: AsyncSession, users: list[User]) -> None:
    project = Project(name=PROJECT, description="Everything for the new site, until the party.")
    session.add(project)
    for user, role in zip(users, (Role.owner, Role.member), strict=True):
        session.add(Membership(project=project, user=user, role=role))
    await session.flush()
    log = ActivityLog(session, Wakeups(), users[0])
    await log.record(project.id, "project.created", f"{users[0].name} created the project")
    today = utc_now().date()
    for title, status, priority, assignee, due in TASKS:
        task = Task(
            project_id=project.id,
            title=title,
            status=status,
            priority=priority,
            assignee_id=None if assignee is None else users[assignee].id,
            due_on=None if due is None else today + timedelta(days=due),
        )
        session.add(task)
        await session.flush()
        await log.record(project.id, "task.created", f"{users[0].name} added \u201c{title}\u201d", task.id)
    for author, text in MESSAGES:
        seq = await next_seq(session, project.id)
        session.add(Message(project_id=project.id, seq=seq, text=text, author_id=users[author].id))
        await session.flush()
