"""The items of HttpArena's profiles, made from their numbers: the runner knows the right answers too."""

from __future__ import annotations

from typing import Any

CATEGORIES = ("electronics", "office", "garden", "kitchen", "sports")
TAGS = ("fast", "new", "sale", "popular", "limited")
DATASET = 50
TABLE = 100_000


def item(number: int) -> dict[str, Any]:
    """The item with this id."""
    return {
        "id": number,
        "name": f"Widget {number}",
        "category": CATEGORIES[number % len(CATEGORIES)],
        "price": 1 + number * 37 % 400,
        "quantity": 1 + number * 11 % 40,
        "active": number % 3 != 0,
        "tags": [TAGS[number % len(TAGS)], TAGS[(number + 2) % len(TAGS)]],
        "rating": {"score": number * 13 % 50, "count": number * 7 % 500},
    }


def dataset() -> list[dict[str, Any]]:
    """The items of the JSON profiles."""
    return [item(number) for number in range(1, DATASET + 1)]
