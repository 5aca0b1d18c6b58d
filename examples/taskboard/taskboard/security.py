"""Passwords and tokens."""

from datetime import timedelta
from typing import Literal

import jwt
from pwdlib import PasswordHash

from .config import Settings
from .db import utc_now

ALGORITHM = "HS256"
TokenUse = Literal["access", "ticket"]

_hasher = PasswordHash.recommended()
# Checked when nobody has the given address, so that the answer takes as long as for a wrong password.
_NOBODY = _hasher.hash("nobody has this password")


def hash_password(password: str) -> str:
    """Hash with Argon2id. Slow on purpose: call it in a thread."""
    return _hasher.hash(password)


def check_password(password: str, password_hash: str | None) -> bool:
    """Whether the password fits; `None` stands for an unknown user. Slow on purpose: call it in a thread."""
    fits = _hasher.verify(password, password_hash or _NOBODY)
    return fits and password_hash is not None


def token_seconds(settings: Settings, use: TokenUse) -> int:
    """How long a new token is valid."""
    return settings.access_token_minutes * 60 if use == "access" else settings.ticket_seconds


def create_token(settings: Settings, user_id: int, use: TokenUse) -> str:
    """Sign a token for one user and one use."""
    now = utc_now()
    claims = {
        "sub": str(user_id),
        "use": use,
        "iat": now,
        "exp": now + timedelta(seconds=token_seconds(settings, use)),
    }
    return jwt.encode(claims, settings.secret_key.get_secret_value(), algorithm=ALGORITHM)


def read_token(settings: Settings, token: str, use: TokenUse) -> int | None:
    """The user a token speaks for, or `None` if it is forged, expired or meant for another use."""
    try:
        claims = jwt.decode(
            token,
            settings.secret_key.get_secret_value(),
            algorithms=[ALGORITHM],
            options={"require": ["sub", "exp", "use"]},
        )
        return int(claims["sub"]) if claims["use"] == use else None
    except (jwt.InvalidTokenError, ValueError):
        return None
