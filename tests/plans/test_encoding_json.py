"""`encode_json` against `jsonable_encoder` and `json.dumps`, byte for byte."""

from __future__ import annotations

import gc
import json
import math
import random
import struct
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Any
from uuid import UUID

import pytest
from fastapi.encoders import jsonable_encoder
from pydantic import BaseModel

from turboapi._engine import encode_json


def by_python(value: object) -> bytes | None:
    """The text that FastAPI makes; None where it raises."""
    try:
        text = json.dumps(jsonable_encoder(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode("utf-8")
    except Exception:
        return None


def assert_equal(value: object) -> None:
    """The engine has the same text."""
    expected = by_python(value)
    assert expected is not None
    assert encode_json(value) == expected


STRINGS = [
    "",
    "hello",
    'quote " backslash \\ slash /',
    "\b\f\n\r\t",
    "".join(map(chr, range(0x80))),
    "é",
    "\x80\xff",
    "\u2028\u2029",
    "漢字",
    "\U0001f600",
    "a" * 15 + '"' + "b" * 16 + "\n" + "c" * 40,
    "é" * 33 + "\x1f",
    "_sa_instance_state",
]
NUMBERS = [
    0, -1, 7, 2**31, 2**53, 2**63 - 1, -(2**63), 2**63, -(2**63) - 1, 2**64, 10**40, -(10**100),
    0.0, -0.0, 1.0, -1.5, 0.1, 1e-4, 1e-5, 1e-7, 9.999e-5, 1e15, 1e16, 123456789012345680.0, 1e22, 1e23,
    1.7976931348623157e308, 5e-324, 2.2250738585072014e-308, math.pi, 2**-25, 2**-44,
]  # fmt: skip


@pytest.mark.parametrize("value", [None, True, False, *STRINGS, *NUMBERS], ids=repr)
def test_a_scalar_is_written_as_json_dumps_writes_it(value: object) -> None:
    for tree in (value, [value], (value, value), {"key": value}, [[{"a": [value]}]]):
        assert_equal(tree)


@pytest.mark.parametrize("key", [None, True, False, *STRINGS, *NUMBERS], ids=repr)
def test_a_key_is_written_as_json_dumps_writes_it(key: object) -> None:
    assert_equal({key: 1})
    assert_equal({"before": [], key: 1, "after": {}})


@pytest.mark.parametrize(
    "tree",
    [
        {"_sa": 1},
        {"_sa_instance_state": object()},
        {"a": 1, "_sa": math.nan, "b": 2},
        {"_sa": 1, "b": 2},
        {"b": 2, "_sa": 1},
        {"_s": 1, "_sA": 2, " _sa": 3, "sa_": 4},
        [{"_saved": 1}, ({"_sa": 1},)],
        {"a": {"_sab": {"c": 1}, "d": {"_sa": 1}}},
    ],
    ids=repr,
)
def test_private_keys_of_sqlalchemy_are_left_out_with_their_values(tree: object) -> None:
    assert_equal(tree)


def test_keys_that_become_the_same_text_all_stay() -> None:
    assert_equal({1: "int", "1": "str", 1.5: "float", "1.5": "str", None: 0, "null": 1})
    assert_equal({True: 2, "true": 3, False: 0, "false": 1})


class Color(Enum):
    RED = "red"


class Number(IntEnum):
    ONE = 1


class Text(str):
    pass


class Item(BaseModel):
    name: str = "a"


UNSUPPORTED: list[Callable[[], Any]] = [
    lambda: math.nan,
    lambda: math.inf,
    lambda: -math.inf,
    lambda: "\ud800",
    lambda: "ok \udfff",
    lambda: 10**5000,
    lambda: b"bytes",
    lambda: {1, 2},
    lambda: frozenset(),
    lambda: Color.RED,
    lambda: Number.ONE,
    lambda: Text("a"),
    lambda: OrderedDict(a=1),
    lambda: Decimal("1.10"),
    lambda: UUID(int=1),
    lambda: datetime(2020, 1, 1, tzinfo=UTC),
    lambda: Item(),
    lambda: object(),
    lambda: (item for item in [1]),
    lambda: 1j,
]


@pytest.mark.parametrize("make", UNSUPPORTED, ids=lambda make: type(make()).__name__)
def test_what_needs_python_has_no_text_here(make: Callable[[], Any]) -> None:
    for tree in (make(), [1, make()], {"key": make()}, {"a": [{"b": (make(),)}]}):
        assert encode_json(tree) is None


@pytest.mark.parametrize(
    "key",
    [math.nan, math.inf, "\ud800", (1, 2), b"b", Number.ONE, Text("a"), 10**5000],
    ids=lambda key: type(key).__name__,
)
def test_a_key_that_needs_python_has_no_text_here(key: object) -> None:
    assert encode_json({"first": 1, key: 1}) is None


def test_a_cycle_ends_without_a_text() -> None:
    cycle: list[Any] = []
    cycle.append({"again": cycle})
    assert encode_json(cycle) is None


def test_depth_is_limited_well_before_the_stack() -> None:
    def nested(depth: int) -> Any:
        tree: Any = 1
        for level in range(depth):
            tree = [tree] if level % 2 else {"a": tree}
        return tree

    assert_equal(nested(100))
    assert encode_json(nested(101)) is None
    assert encode_json(nested(50_000)) is None


def test_no_python_code_is_called() -> None:
    class Loud:
        def __getattribute__(self, name: str) -> Any:
            raise AssertionError(name)

        def __iter__(self) -> Any:
            raise AssertionError

    class LoudList(list[Any]):
        def __iter__(self) -> Any:
            raise AssertionError

    assert encode_json([Loud()]) is None
    assert encode_json(LoudList([1])) is None


def test_floats_of_every_size_have_the_text_of_repr() -> None:
    rng = random.Random(20)
    floats = [math.ldexp(1.0, exponent) for exponent in range(-1074, 1024)]
    floats += [float(f"1e{exponent}") for exponent in range(-323, 309)]
    floats += [value for value in (_random_double(rng) for _ in range(50_000)) if math.isfinite(value)]
    floats += [rng.randrange(10**9) / 10 ** rng.randrange(9) for _ in range(20_000)]
    floats += [neighbour for value in floats[:2000] for neighbour in (math.nextafter(value, 0), -value)]
    assert encode_json(floats) == json.dumps(floats, separators=(",", ":")).encode()


def _random_double(rng: random.Random) -> float:
    return float(struct.unpack("<d", rng.randbytes(8))[0])


class Trees:
    """Random trees of builtins, with a rare value that has no text."""

    def __init__(self, seed: int, *, spoiled: bool) -> None:
        self._rng = random.Random(seed)
        self._spoiled = spoiled

    def tree(self, depth: int = 0) -> Any:
        kind = self._rng.randrange(8 if depth < 5 else 5)
        size = self._rng.choice([0, 1, 2, 3, 8])
        if kind == 5:
            return [self.tree(depth + 1) for _ in range(size)]
        if kind == 6:
            return tuple(self.tree(depth + 1) for _ in range(size))
        if kind == 7:
            return {self._key(): self.tree(depth + 1) for _ in range(size)}
        return self._scalar()

    def _scalar(self) -> Any:
        rng = self._rng
        if self._spoiled and rng.random() < 0.02:
            return rng.choice(UNSUPPORTED)()
        return rng.choice(
            [
                None,
                rng.random() < 0.5,
                rng.randrange(-1000, 1000),
                rng.getrandbits(rng.randrange(1, 200)) * rng.choice([1, -1]),
                rng.uniform(-1e6, 1e6),
                rng.uniform(-1, 1) * 10.0 ** rng.randrange(-30, 30),
                self._text(),
                rng.choice(STRINGS),
            ]
        )

    def _key(self) -> Any:
        return self._rng.choice(
            [
                self._text(),
                self._text(),
                "_sa" + self._text(),
                self._rng.randrange(9),
                self._rng.random(),
                None,
                True,
            ]
        )

    def _text(self) -> str:
        alphabet = self._rng.choice(["abc", 'a"\\\n\x00\x1f\x7f', "aé\xff", "漢\u2028", "a\U0001f600é"])
        return "".join(self._rng.choices(alphabet, k=self._rng.choice([0, 1, 5, 15, 16, 17, 40])))


@pytest.mark.parametrize("seed", range(300))
def test_a_random_tree_has_the_text_of_json_dumps(seed: int) -> None:
    assert_equal(Trees(seed, spoiled=False).tree())


@pytest.mark.parametrize("seed", range(300))
def test_a_random_tree_with_anything_in_it_has_the_same_text_or_none(seed: int) -> None:
    trees = Trees(seed, spoiled=True)
    for _ in range(5):
        tree = trees.tree()
        text = encode_json(tree)
        assert text is None or text == by_python(tree)


def test_a_large_text_is_whole() -> None:
    assert_equal([{"id": number, "name": f"item {number}", "price": number / 7} for number in range(5000)])
    assert_equal("é" * 100_000)


def test_nothing_is_kept_of_what_was_encoded() -> None:
    item = {"name": "x" * 50, "list": [1.5]}
    tree = [item, {"again": item}, (item,)]
    before = [sys.getrefcount(part) for part in (item, item["name"], item["list"])]
    for _ in range(100):
        encode_json(tree)
        encode_json([*tree, object()])
    gc.collect()
    assert [sys.getrefcount(part) for part in (item, item["name"], item["list"])] == before


def test_trees_that_other_threads_change_are_read_safely() -> None:
    shared: dict[Any, Any] = {number: [number] for number in range(100)}
    stop = threading.Event()

    def change(seed: int) -> None:
        rng = random.Random(seed)
        while not stop.is_set():
            shared[rng.randrange(200)] = [rng.random(), {"a": [rng.random()]}]
            shared.pop(rng.randrange(200), None)
            nested = shared.get(rng.randrange(200))
            if nested:
                nested.append(rng.random())
                nested.pop()

    threads = [threading.Thread(target=change, args=(seed,)) for seed in range(2)]
    for thread in threads:
        thread.start()
    try:
        texts = [encode_json(shared) for _ in range(300)]
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    for text in texts:
        assert text is not None
        json.loads(text)
