"""Settings, read from the environment once per process."""

import os
import secrets
from functools import lru_cache
from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import URL, make_url

PROJECT_DIR = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """Every knob of the service; the variable is the upper-case name with the prefix `TASKBOARD_`.

    `DATABASE_URL` has no prefix, because hosting platforms set it under that name.
    """

    model_config = SettingsConfigDict(env_prefix="TASKBOARD_", populate_by_name=True)

    database_url: str = Field(default="", validation_alias="DATABASE_URL")
    """SQLAlchemy or libpq style URL; empty means an SQLite file in `data_dir`."""
    data_dir: Path = PROJECT_DIR / "data"
    """Attachments, outgoing mail, the signing key and the default database live here."""
    secret_key: SecretStr = SecretStr("")
    """Signs tokens; empty means a random key kept in `data_dir/secret.key`."""
    access_token_minutes: int = Field(default=720, ge=1)
    ticket_seconds: int = Field(default=60, ge=1)
    max_upload_bytes: int = Field(default=10 * 1024 * 1024, ge=1)
    """Largest attachment accepted, in bytes."""
    cors_origins: list[str] = ["http://localhost:3000", "http://localhost:5173"]
    """Origins of separately hosted front ends, as a JSON list."""
    poll_seconds: float = Field(default=1.0, gt=0)
    """How long a stream waits before it looks for rows written by another process."""

    @model_validator(mode="after")
    def _fill_defaults(self) -> Self:
        self.data_dir = self.data_dir.resolve()
        if not self.database_url:
            self.database_url = f"sqlite+aiosqlite:///{self.data_dir / 'taskboard.db'}"
        if not self.secret_key.get_secret_value():
            self.secret_key = SecretStr(_stored_secret(self.data_dir))
        return self

    @property
    def sqlalchemy_url(self) -> URL:
        """The database address with an async driver, whatever way it was written."""
        url = make_url(self.database_url)
        drivers = {
            "postgres": "postgresql+asyncpg",
            "postgresql": "postgresql+asyncpg",
            "sqlite": "sqlite+aiosqlite",
        }
        return url.set(drivername=drivers.get(url.drivername, url.drivername))

    @property
    def attachments_dir(self) -> Path:
        return self.data_dir / "attachments"

    @property
    def outbox_dir(self) -> Path:
        return self.data_dir / "outbox"


def _stored_secret(data_dir: Path) -> str:
    """Return the key kept in the data folder, creating it on first use.

    The key is linked into place complete, so that processes which start together agree on one.
    """
    path = data_dir / "secret.key"
    if not path.exists():
        data_dir.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".secret.{os.getpid()}.{secrets.token_hex(4)}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(48))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text()


@lru_cache
def get_settings() -> Settings:
    """The settings of this process."""
    return Settings()
