"""The SQL of the TechEmpower tests over psycopg, for every handler that is a plain function."""

from __future__ import annotations

from random import randint, sample
from typing import Any

import worlds
from psycopg_pool import ConnectionPool

READ = "SELECT id, randomnumber FROM world WHERE id = %s"
WRITE = "UPDATE world SET randomnumber = %s WHERE id = %s"


def open_pool() -> ConnectionPool:
    """A pool; every worker has its own."""
    size = worlds.pool_size()
    return ConnectionPool(
        worlds.database(), min_size=size, max_size=size, open=True, kwargs={"autocommit": True}
    )


def _rows(connection: Any, numbers: list[int]) -> list[dict[str, int]]:
    rows = [connection.execute(READ, (number,)).fetchone() for number in numbers]
    return [{"id": row[0], "randomNumber": row[1]} for row in rows]


def one(pool: ConnectionPool) -> dict[str, int]:
    """A row drawn by chance."""
    return several(pool, 1)[0]


def several(pool: ConnectionPool, count: int) -> list[dict[str, int]]:
    """So many rows, each read by a query of its own."""
    with pool.connection() as connection:
        return _rows(connection, [randint(1, worlds.ROWS) for _ in range(count)])


def fortunes(pool: ConnectionPool) -> str:
    """The page of fortunes."""
    with pool.connection() as connection:
        return worlds.page(connection.execute(worlds.READ_FORTUNES).fetchall())


def update(pool: ConnectionPool, count: int) -> list[dict[str, int]]:
    """So many rows read and given new numbers."""
    numbers = sorted(sample(range(1, worlds.ROWS + 1), count))
    with pool.connection() as connection, connection.cursor() as cursor:
        changed = [{**row, "randomNumber": randint(1, worlds.ROWS)} for row in _rows(connection, numbers)]
        with connection.transaction():
            cursor.executemany(WRITE, [(row["randomNumber"], row["id"]) for row in changed])
    return changed
