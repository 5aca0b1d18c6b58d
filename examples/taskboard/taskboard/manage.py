"""Management commands: `python -m taskboard.manage migrate|seed`."""

import argparse
import asyncio

from alembic import command
from alembic.config import Config

from .config import PROJECT_DIR, get_settings
from .seed import seed


def migrate() -> None:
    """Bring the database to the latest schema; safe to repeat."""
    command.upgrade(Config(PROJECT_DIR / "alembic.ini"), "head")
    url = get_settings().sqlalchemy_url
    print(f"Database is up to date: {url.render_as_string(hide_password=True)}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="taskboard.manage", description="Manage the task board.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("migrate", help="bring the database to the latest schema")
    commands.add_parser("seed", help="add demo users, a project and tasks, unless they exist")
    chosen = parser.parse_args().command
    if chosen == "migrate":
        migrate()
    else:
        print(asyncio.run(seed(get_settings())))


if __name__ == "__main__":
    main()
