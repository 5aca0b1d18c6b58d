"""The SQL of the TechEmpower tests over asyncpg, for every async framework alike.

The rules are those of the TechEmpower project: a query for each row that is read, an update that first reads
each of its rows, at most 500 rows, and a count that is not a number means one.
"""

from __future__ import annotations

import os
from random import randint, sample
from typing import Any

import asyncpg
import jinja2

ROWS = 10_000
MOST = 500
READ = "SELECT id, randomnumber FROM world WHERE id = $1"
READ_FORTUNES = "SELECT id, message FROM fortune"
WRITE = "UPDATE world SET randomnumber = $2 WHERE id = $1"
EXTRA = "Additional fortune added at request time."

FORTUNES = jinja2.Environment(autoescape=True).from_string(
    "<!DOCTYPE html><html><head><title>Fortunes</title></head><body><table>"
    "<tr><th>id</th><th>message</th></tr>"
    "{% for id, message in fortunes %}<tr><td>{{ id }}</td><td>{{ message }}</td></tr>{% endfor %}"
    "</table></body></html>"
)


def database() -> str:
    """The connection string that the runner sets."""
    return os.environ["DATABASE_URL"]


def pool_size() -> int:
    """Connections of one worker process."""
    return int(os.environ.get("DATABASE_POOL", "16"))


async def open_pool() -> Any:
    """A pool; every worker has its own."""
    size = pool_size()
    return await asyncpg.create_pool(database(), min_size=size, max_size=size)


def count_of(queries: str | None) -> int:
    """The number of rows that a request asks for."""
    try:
        return min(max(int(queries or 1), 1), MOST)
    except ValueError:
        return 1


def page(rows: list[tuple[int, str]]) -> str:
    """The page of fortunes, with one that is added at request time."""
    return FORTUNES.render(fortunes=sorted([*rows, (0, EXTRA)], key=lambda row: row[1]))


async def one(pool: Any) -> dict[str, int]:
    """A row drawn by chance."""
    number = randint(1, ROWS)
    async with pool.acquire() as connection:
        row = await connection.fetchrow(READ, number)
    return {"id": row["id"], "randomNumber": row["randomnumber"]}


async def several(pool: Any, count: int) -> list[dict[str, int]]:
    """So many rows, each read by a query of its own."""
    async with pool.acquire() as connection:
        statement = await connection.prepare(READ)
        rows = [await statement.fetchrow(randint(1, ROWS)) for _ in range(count)]
    return [{"id": row["id"], "randomNumber": row["randomnumber"]} for row in rows]


async def fortunes(pool: Any) -> str:
    """The page of fortunes."""
    async with pool.acquire() as connection:
        rows = await connection.fetch(READ_FORTUNES)
    return page([(row["id"], row["message"]) for row in rows])


async def update(pool: Any, count: int) -> list[dict[str, int]]:
    """So many rows read and given new numbers."""
    # Rows in the order of their ids: two requests cannot wait for each other's locks.
    numbers = sorted(sample(range(1, ROWS + 1), count))
    async with pool.acquire() as connection:
        statement = await connection.prepare(READ)
        for number in numbers:
            await statement.fetchrow(number)
        changed = [(number, randint(1, ROWS)) for number in numbers]
        await connection.executemany(WRITE, changed)
    return [{"id": number, "randomNumber": value} for number, value in changed]
