"""The six TechEmpower tests on Flask, over psycopg."""

from __future__ import annotations

from random import randint, sample
from typing import Any

import worlds
from constants import TEXT
from flask import Flask, Response, request
from psycopg_pool import ConnectionPool

READ = "SELECT id, randomnumber FROM world WHERE id = %s"
app = Flask(__name__)
pool = ConnectionPool(
    worlds.database(),
    min_size=worlds.pool_size(),
    max_size=worlds.pool_size(),
    open=True,
    kwargs={"autocommit": True},
)


def rows_of(connection: Any, numbers: list[int]) -> list[dict[str, int]]:
    rows = [connection.execute(READ, (number,)).fetchone() for number in numbers]
    return [{"id": row[0], "randomNumber": row[1]} for row in rows]


@app.get("/json")
def message() -> dict[str, Any]:
    return {"message": TEXT}


@app.get("/plaintext")
def plaintext() -> Response:
    return Response(TEXT, mimetype="text/plain")


@app.get("/db")
def db() -> dict[str, int]:
    with pool.connection() as connection:
        return rows_of(connection, [randint(1, worlds.ROWS)])[0]


@app.get("/queries")
def queries() -> list[dict[str, int]]:
    count = worlds.count_of(request.args.get("queries"))
    with pool.connection() as connection:
        return rows_of(connection, [randint(1, worlds.ROWS) for _ in range(count)])


@app.get("/fortunes")
def fortunes() -> str:
    with pool.connection() as connection:
        return worlds.page(connection.execute(worlds.READ_FORTUNES).fetchall())


@app.get("/updates")
def updates() -> list[dict[str, int]]:
    numbers = sorted(sample(range(1, worlds.ROWS + 1), worlds.count_of(request.args.get("queries"))))
    with pool.connection() as connection, connection.cursor() as cursor:
        changed = [{**row, "randomNumber": randint(1, worlds.ROWS)} for row in rows_of(connection, numbers)]
        with connection.transaction():
            cursor.executemany(
                "UPDATE world SET randomnumber = %s WHERE id = %s",
                [(row["randomNumber"], row["id"]) for row in changed],
            )
    return changed
