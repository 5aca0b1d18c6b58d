"""Path, query, header and cookie parameters."""

from __future__ import annotations

import enum
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Cookie, Depends, Header, HTTPException, Path, Query, Security
from fastapi.security import APIKeyHeader, HTTPBasic, HTTPBasicCredentials, HTTPBearer, OAuth2PasswordBearer
from pydantic import BaseModel, Field

router = APIRouter()


class Colour(enum.Enum):
    """An enum parameter."""

    red = "red"
    blue = "blue"


class Filter(BaseModel):
    """A query model."""

    model_config = {"extra": "forbid"}
    limit: int = Field(100, gt=0, le=100)
    order: Literal["up", "down"] = "up"
    tags: list[str] = []


@router.get("/int/{value}")
async def path_int(value: int) -> Any:
    """int in the path."""
    return value


@router.get("/float/{value}")
async def path_float(value: float) -> Any:
    """float in the path."""
    return value


@router.get("/str/{value}")
async def path_str(value: str) -> Any:
    """str in the path."""
    return {"value": value}


@router.get("/uuid/{value}")
async def path_uuid(value: UUID) -> Any:
    """UUID in the path."""
    return value


@router.get("/enum/{value}")
async def path_enum(value: Colour) -> Any:
    """Enum in the path."""
    return value


@router.get("/date/{value}")
async def path_date(value: date) -> Any:
    """date in the path."""
    return value


@router.get("/rest/{value:path}")
async def path_rest(value: str) -> Any:
    """The path convertor."""
    return {"rest": value}


@router.get("/convertor/{value:int}")
async def path_convertor(value: int) -> Any:
    """Starlette's int convertor."""
    return value


@router.get("/ranged/{value}")
async def path_ranged(value: Annotated[int, Path(ge=1, lt=10)]) -> Any:
    """Constraints."""
    return value


@router.get("/query")
async def query(
    number: int,
    many: Annotated[list[int], Query(default_factory=list)],
    text: str = "default",
    flag: bool = False,
    ratio: float | None = None,
    when: datetime | None = None,
    span: timedelta | None = None,
    price: Decimal | None = None,
    aliased: Annotated[str | None, Query(alias="a-lias")] = None,
    sized: Annotated[str | None, Query(min_length=2, max_length=4, pattern="^[a-z]+$")] = None,
) -> Any:
    """Many types at once."""
    return {
        "number": number,
        "text": text,
        "flag": flag,
        "ratio": ratio,
        "many": many,
        "when": when,
        "span": span,
        "price": price,
        "aliased": aliased,
        "sized": sized,
    }


@router.get("/query-model")
async def query_model(filter: Annotated[Filter, Query()]) -> Any:
    """A model of parameters."""
    return filter


@router.get("/headers")
async def headers(
    user_agent: Annotated[str | None, Header()] = None,
    x_token: Annotated[list[str] | None, Header()] = None,
    x_count: Annotated[int, Header()] = 0,
    odd: Annotated[str | None, Header(alias="X_Under")] = None,
) -> Any:
    """Header parameters."""
    return {"user_agent": user_agent, "x_token": x_token, "x_count": x_count, "odd": odd}


@router.get("/cookies")
async def cookies(
    a: Annotated[str | None, Cookie()] = None, b: Annotated[int | None, Cookie()] = None
) -> Any:
    """Cookie parameters."""
    return {"a": a, "b": b}


def dependency_sync(q: str = "none") -> str:
    """Runs in a thread."""
    return f"sync {q}"


async def dependency_nested(inner: Annotated[str, Depends(dependency_sync)], n: int = 1) -> str:
    """Depends on another."""
    return f"nested {inner} {n}"


@router.get("/depends")
async def depends(value: Annotated[str, Depends(dependency_nested)], q: str = "") -> Any:
    """Nested dependencies sharing a parameter."""
    return [value, q]


async def refuse(x_allow: Annotated[str | None, Header()] = None) -> None:
    """Raises unless allowed."""
    if x_allow != "yes":
        raise HTTPException(403, "not allowed")


@router.get("/guarded", dependencies=[Depends(refuse)])
async def guarded(number: int) -> Any:
    """403 wins over 422 (FASTAPI_INTERNALS rule 0.1)."""
    return number


@router.get("/basic")
def basic(credentials: Annotated[HTTPBasicCredentials, Depends(HTTPBasic(realm="here"))]) -> Any:
    """HTTP Basic."""
    return [credentials.username, credentials.password]


@router.get("/bearer")
async def bearer(token: Annotated[str, Depends(OAuth2PasswordBearer(tokenUrl="token"))]) -> Any:
    """OAuth2 password bearer."""
    return token


@router.get("/http-bearer")
async def http_bearer(token: Annotated[Any, Depends(HTTPBearer())]) -> Any:
    """HTTP bearer."""
    return token


@router.get("/api-key")
async def api_key(key: Annotated[str, Security(APIKeyHeader(name="X-Key"))]) -> Any:
    """API key header."""
    return key
