"""Registration, login and tickets."""

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.concurrency import run_in_threadpool
from fastapi.security import OAuth2PasswordRequestForm
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from ..dependencies import CurrentUser, SessionDep, SettingsDep
from ..errors import Conflict, NotAuthenticated
from ..models import User
from ..schemas import MeRead, Ticket, Token, UserCreate
from ..security import check_password, create_token, hash_password, token_seconds

router = APIRouter(prefix="/auth", tags=["auth"])


@router.post("/register", response_model=MeRead, status_code=201)
async def register(session: SessionDep, new: UserCreate) -> User:
    password_hash = await run_in_threadpool(hash_password, new.password.get_secret_value())
    user = User(email=new.email.lower(), name=new.name, password_hash=password_hash)
    session.add(user)
    try:
        await session.commit()
    except IntegrityError:
        raise Conflict("This address has an account already.") from None
    return user


@router.post("/token")
async def log_in(
    session: SessionDep, settings: SettingsDep, form: Annotated[OAuth2PasswordRequestForm, Depends()]
) -> Token:
    """OAuth2 password flow: the user name is the address."""
    user = await session.scalar(select(User).where(User.email == form.username.strip().lower()))
    password_hash = user.password_hash if user else None
    # The connection goes back to the pool while a thread works on the password.
    await session.close()
    fits = await run_in_threadpool(check_password, form.password, password_hash)
    if user is None or not fits:
        raise NotAuthenticated("Address or password is wrong.")
    return Token(
        access_token=create_token(settings, user.id, "access"),
        expires_in=token_seconds(settings, "access"),
    )


@router.post("/ticket")
async def issue_ticket(settings: SettingsDep, user: CurrentUser) -> Ticket:
    return Ticket(
        ticket=create_token(settings, user.id, "ticket"), expires_in=token_seconds(settings, "ticket")
    )


@router.get("/me", response_model=MeRead)
async def me(user: CurrentUser) -> User:
    return user
