"""The source of randomness, and the definitions that a generated module needs."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from .kinds import Kind

T = TypeVar("T")


class Draw(random.Random):
    """Random choices that depend on nothing but the seed."""

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self.random() < probability

    def pick(self, *options: T) -> T:
        """One of the arguments."""
        return options[self.randrange(len(options))]

    def some(self, options: Sequence[T], most: int) -> list[T]:
        """Up to `most` different options, in their order."""
        count = self.randint(0, min(most, len(options)))
        chosen = set(self.sample(range(len(options)), count))
        return [option for index, option in enumerate(options) if index in chosen]


@dataclass
class Definitions:
    """Top-level statements of a generated module, by the name that they bind, in order."""

    sources: dict[str, str] = field(default_factory=dict)
    #: What `kinds.kind` chose for a name.
    kinds: dict[str, Kind] = field(default_factory=dict)
    _numbers: dict[str, int] = field(default_factory=dict)

    def fresh(self, prefix: str) -> str:
        """A name that nothing has yet."""
        self._numbers[prefix] = number = self._numbers.get(prefix, 0) + 1
        return f"{prefix}{number}"

    def add(self, name: str, source: str) -> str:
        """Define `name`, once."""
        self.sources.setdefault(name, source)
        return name

    def needed_by(self, texts: Iterable[str]) -> list[str]:
        """The statements that `texts` name, directly or through other statements, in order of definition."""
        words = set(re.findall(r"\w+", "\n".join(texts)))
        found: set[str] = set()
        while added := {name for name in self.sources if name in words and name not in found}:
            found |= added
            for name in added:
                words |= set(re.findall(r"\w+", self.sources[name]))
        return [source for name, source in self.sources.items() if name in found]
