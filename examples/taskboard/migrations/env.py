"""Alembic environment: the service's own engine and metadata."""

import asyncio
from typing import Literal

from alembic import context
from sqlalchemy import Connection

import taskboard.models  # noqa: F401  (fills the metadata)
from taskboard.config import get_settings
from taskboard.db import Base, UTCDateTime, create_engine

target_metadata = Base.metadata


def render_item(kind: str, item: object, _context: object) -> str | Literal[False]:
    """Write the plain type into migrations, so that they do not import the app."""
    if kind == "type" and isinstance(item, UTCDateTime):
        return "sa.DateTime(timezone=True)"
    return False


def run_migrations(connection: Connection | None = None) -> None:
    context.configure(
        connection=connection,
        url=None if connection else get_settings().sqlalchemy_url,
        target_metadata=target_metadata,
        literal_binds=connection is None,
        render_item=render_item,
        # SQLite cannot alter most things in place; a batch copies the table.
        render_as_batch=True,
    )
    with context.begin_transaction():
        context.run_migrations()


async def run_online() -> None:
    engine = create_engine(get_settings())
    try:
        async with engine.connect() as connection:
            await connection.run_sync(run_migrations)
            await connection.commit()
    finally:
        await engine.dispose()


if context.is_offline_mode():
    run_migrations()
else:
    asyncio.run(run_online())
