"""Contenders and workloads fit together."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from benchmarks.compare.contender import load_contenders
from benchmarks.compare.crew import READY
from benchmarks.compare.groups import groups, takes_part
from benchmarks.compare.workload import Workload
from benchmarks.compare.workloads import all_workloads

CONTENDERS = load_contenders()
WORKLOADS = all_workloads()
HEAVY = ("upload", "arena-upload", "download")


def test_names_are_unique() -> None:
    assert Counter(each.name for each in WORKLOADS).most_common(1)[0][1] == 1
    assert Counter(each.rank for each in CONTENDERS.values()).most_common(1)[0][1] == 1


@pytest.mark.parametrize("name", CONTENDERS)
def test_contenders_name_workloads_that_exist(name: str) -> None:
    contender = CONTENDERS[name]
    names = {each.name for each in WORKLOADS}
    assert {*contender.only, *contender.without} <= names
    assert any(takes_part(contender, each) for each in WORKLOADS)
    assert not contender.app or contender.folder().is_dir()


def test_a_variant_can_be_left_out_alone() -> None:
    published = CONTENDERS["published"]
    taken = {each.name for each in WORKLOADS if takes_part(published, each)}
    assert {"json", "json~1000"} < taken
    assert not {"json@500", "nested", "upload"} & taken


def test_requirements_are_pinned() -> None:
    for contender in CONTENDERS.values():
        assert all("==" in line for line in (*contender.requirements, *contender.optional)), contender.name
        assert contender.requirements or contender.own or contender.group == "Upper line"


def test_every_fastapi_server_has_every_workload() -> None:
    for contender in CONTENDERS.values():
        if contender.group == "FastAPI":
            assert [each.name for each in WORKLOADS if not takes_part(contender, each)] == []


def test_a_round_has_every_pair_once() -> None:
    planned = groups(list(CONTENDERS.values()), WORKLOADS)
    pairs = Counter(
        (contender.name, workload.name)
        for group in planned
        for workload in group.workloads
        for contender in group.contenders
        if takes_part(contender, workload)
    )
    assert set(pairs.values()) == {1}
    assert len(pairs) == sum(group.pairs() for group in planned)
    assert len(pairs) == sum(
        takes_part(contender, each) for contender in CONTENDERS.values() for each in WORKLOADS
    )
    assert {group.suite for group in planned} <= READY.keys()
    assert [group.suite for group in planned if group.shows_memory] == ["basic"]


def test_turns_are_long_enough_and_open_loops_are_whole() -> None:
    turns = {each.name: each.turns(0.5) for each in WORKLOADS}
    assert (turns["json"], turns["json@500"], turns["json~1000"], turns["events"]) == (10, 5, 1, 1)


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda workload: workload.name)
def test_inputs_are_requests_with_a_check(workload: Workload) -> None:
    if workload.name in HEAVY:
        return
    plan = json.loads(json.dumps(workload.plan([(1, [2])], seconds=1, warm=0)))
    assert plan["servers"] == [{"address": "127.0.0.1:1", "watch": [2]}]
    for case in plan["cases"]:
        (kind,) = case["check"]
        assert kind in ("exact", "json", "worlds", "events")
        assert workload.name.endswith(("echo", "echo-ws")) or " HTTP/1.1\r\n" in case["request"]
