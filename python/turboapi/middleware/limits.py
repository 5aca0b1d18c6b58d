"""Limits on how many requests come: per client and time, and at once."""

from __future__ import annotations

import dataclasses
import math
import re
import threading
from collections.abc import Callable
from typing import Any, ClassVar, Literal, Self

from turboapi._types import Scope
from turboapi.errors import ConfigError
from turboapi.middleware.base import EngineLayer

HEALTH_PATHS = ("/health", "/healthz", "/livez", "/readyz")
"""Paths that `LoadShedding` serves whatever happens, unless others are given."""

KeyFunction = Callable[[Scope], str | bytes | None]
"""Names the bucket of a request, from as much of its ASGI scope as is known; None exempts the request."""

_RATE = re.compile(r"(?P<limit>[0-9]+)/(?P<count>[0-9]+)?(?P<unit>second|minute|hour|day|[smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LOCK = threading.Lock()


def _check_paths(layer: EngineLayer, paths: object) -> None:
    fits = isinstance(paths, tuple) and all(isinstance(path, str) and path.startswith("/") for path in paths)
    if not fits:
        raise layer._fail(f"exempt is {paths!r}; it must be a tuple of paths, such as ('/health',).")


@dataclasses.dataclass(frozen=True)
class RateLimit(EngineLayer):
    """At most `limit` requests per client in `window` seconds, by token buckets; others get 429.

    `burst` is the most at once, `limit` unless given. `key` says who shares a bucket: "address" (the client
    as trusted proxies name it; IPv6 by /64), "header:NAME" (where it is missing, the address), or a
    `KeyFunction`, which is called on the event loop before the app and must not block. `exempt` paths are
    neither counted nor refused.

    Buckets are in this process, at most about `max_keys` of them, so each worker process counts for itself.
    With `redis` (a URL) all processes and machines share them; while Redis does not answer within
    `redis_timeout` seconds, requests go on uncounted (`on_outage="allow"`) or get 503 ("refuse"). Limits
    that share a Redis need names of their own (`policy`), which clients see too: in the fields of the IETF
    draft, `fields`.
    """

    name: ClassVar[str] = "rate_limit"

    limit: int
    window: float = 60.0
    _: dataclasses.KW_ONLY
    burst: int | None = None
    key: str | KeyFunction = "address"
    policy: str = "default"
    fields: Literal["draft-10", "draft-06", "off"] = "draft-10"
    exempt: tuple[str, ...] = ()
    max_keys: int = 131_072
    redis: str | None = None
    redis_prefix: str = "turboapi"
    redis_timeout: float = 0.25
    on_outage: Literal["allow", "refuse"] = "allow"

    def __post_init__(self) -> None:
        self._check_integer("limit", 1, 2**32 - 1)
        if self.burst is not None:
            self._check_integer("burst", 1, 2**32 - 1)
        self._check_integer("max_keys", 1)
        for field in ("window", "redis_timeout"):
            value = getattr(self, field)
            if not isinstance(value, (int, float)) or not math.isfinite(value) or value <= 0:
                raise self._fail(f"{field} is {value!r}; it must be a number of seconds above zero.")
        if self.limit > self.window * 1_000_000:
            raise self._fail(f"{self.limit} in {self.window} s is more than a million requests a second.")
        longest = self.window / self.limit * max(self.burst or 0, self.limit)
        if longest > 366 * 86400:
            raise self._fail("an empty bucket must be full again within 366 days.")
        self._check_choice("fields", ("draft-10", "draft-06", "off"))
        self._check_choice("on_outage", ("allow", "refuse"))
        if not re.fullmatch(r"[A-Za-z0-9._-]+", self.policy):
            raise self._fail(f"policy is {self.policy!r}; use letters, digits and '._-'.")
        _check_paths(self, self.exempt)
        if self.redis is not None and not re.match(r"(redis|unix|redis\+unix)://", self.redis):
            raise self._fail(
                "redis must be a URL such as redis://localhost:6379/0 or unix:///run/redis.sock."
            )
        if isinstance(self.key, str):
            if self.key != "address" and not re.fullmatch(
                r"header:\s*[!#$%&'*+\-.^_`|~0-9A-Za-z]+", self.key
            ):
                raise self._fail(f"key is {self.key!r}; use 'address', 'header:NAME' or a function.")
        elif not callable(self.key):
            raise self._fail(f"key is {self.key!r}; use 'address', 'header:NAME' or a function.")

    @classmethod
    def parse(cls, rate: str, **settings: Any) -> Self:
        """From a text such as "100/minute", "5/s" or "1000/2h". Raises `ConfigError` for any other."""
        match = _RATE.fullmatch(rate.replace(" ", ""))
        if match is None:
            raise ConfigError(f"The rate limit {rate!r} is not of the form '100/minute'.")
        window = int(match["count"] or 1) * _SECONDS[match["unit"][0]]
        return cls(int(match["limit"]), float(window), **settings)

    def settings(self) -> dict[str, Any]:
        """The fields and the buckets, which all servers of this process with this object share."""
        with _LOCK:
            buckets = self.__dict__.get("_buckets")
            if buckets is None:
                # The parent of worker processes needs no engine.
                from turboapi._engine import RateLimitBuckets

                buckets = RateLimitBuckets(self.max_keys)
                object.__setattr__(self, "_buckets", buckets)
        return super().settings() | {"exempt": list(self.exempt), "buckets": buckets}

    def __getstate__(self) -> dict[str, Any]:
        return super().settings()


@dataclasses.dataclass(frozen=True)
class LoadShedding(EngineLayer):
    """At most `limit` requests per event loop wait for the app; the rest gets 503 at once.

    A request waits from the call of the app until the app begins its response, a WebSocket until its
    handshake is answered: streams and open WebSockets do not count. Refused clients are told to come back
    after `retry_after` seconds. `exempt` paths are served whatever happens.
    """

    name: ClassVar[str] = "load_shedding"

    limit: int = 512
    _: dataclasses.KW_ONLY
    exempt: tuple[str, ...] = HEALTH_PATHS
    retry_after: int = 1

    def __post_init__(self) -> None:
        self._check_integer("limit", 1)
        self._check_integer("retry_after", 0, 2**31)
        _check_paths(self, self.exempt)

    def engine_value(self) -> tuple[int, list[str], int]:
        """What `HttpServer` takes as `load_shedding`."""
        return self.limit, list(self.exempt), self.retry_after
