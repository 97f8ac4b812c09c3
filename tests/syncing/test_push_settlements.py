"""`POST sync/push/`: conflicts and their settling, as nodes tell of them."""

import uuid

import pytest

from tests.syncing.pushing import AT, Document, Hub, Node, entry, task, told


def open_conflict(hub: Hub, node: Node) -> Document:
    base = hub.revision("task", "t1")
    hub.edit("task", "t1", data={"a": 2})
    assert node.verdict(entry("task", "t1", task({"a": 3, "b": 1}), base)) == "conflict"
    return hub.conflicts()[0]


def settlement(conflict: Document, strategy: str = "ours") -> Document:
    return {
        "id": conflict["id"],
        "level": conflict["level"],
        "context_id": conflict["context_id"],
        "status": "resolved",
        "strategy": strategy,
        "resolved_by": "someone-far-away",
        "resolved_at": AT,
    }


def as_theirs(
    hub: Hub, conflict: Document, data: Document | None = None, strategy: str = "theirs"
) -> Document:
    """A settlement that makes `data` current, theirs unless said."""
    base, record = hub.revision("task", "t1"), settlement(conflict, strategy)
    document = task(data or {"a": 3, "b": 1})
    return entry("task", "t1", document, base, operation="conflict", record=record)


def test_a_conflict_settled_on_a_node_is_settled_here(hub: Hub, node: Node) -> None:
    conflict = open_conflict(hub, node)
    assert node.verdict(as_theirs(hub, conflict)) == "applied"
    assert hub.conflicts() == []
    (settled,) = hub.conflicts("resolved")
    assert (settled["strategy"], settled["resolved_by"], settled["resolved_at"]) == (
        "theirs",
        "someone-far-away",
        AT,
    )
    assert hub.show("task", "t1")["data"] == {"a": 3, "b": 1}


def test_a_conflict_settled_as_it_stands_makes_no_version(hub: Hub, node: Node) -> None:
    conflict = open_conflict(hub, node)
    version = hub.show("task", "t1")["version"]
    assert node.verdict(told(hub, "conflict", record=settlement(conflict))) == "applied"
    assert hub.conflicts("resolved")[0]["strategy"] == "ours"
    assert hub.show("task", "t1")["version"] == version


def test_of_two_settlements_the_first_holds(hub: Hub, node: Node, other_node: Node) -> None:
    conflict = open_conflict(hub, node)
    late = as_theirs(hub, conflict)
    assert node.verdict(told(hub, "conflict", record=settlement(conflict))) == "applied"
    assert other_node.verdict(late) == "conflict"
    assert hub.conflicts("resolved")[0]["strategy"] == "ours"
    # What the second wrote was not taken, and is not lost.
    assert hub.show("task", "t1")["data"] == {"a": 2, "b": 1}
    (left,) = hub.conflicts()
    assert (left["ours"]["data"], left["theirs"]["data"]) == ({"a": 2, "b": 1}, {"a": 3, "b": 1})


def test_two_settlements_with_own_data_are_two(hub: Hub, node: Node, other_node: Node) -> None:
    conflict = open_conflict(hub, node)
    first, late = (as_theirs(hub, conflict, {own: 1}, "data") for own in ("one", "two"))
    assert (node.verdict(first), other_node.verdict(late)) == ("applied", "conflict")
    assert hub.show("task", "t1")["data"] == {"one": 1}
    assert hub.conflicts()[0]["theirs"]["data"] == {"two": 1}


@pytest.mark.parametrize("strategy", ["theirs", "merge"])
def test_two_settlements_that_come_to_the_same_are_one(
    hub: Hub, node: Node, other_node: Node, strategy: str
) -> None:
    conflict = open_conflict(hub, node)
    first, late = as_theirs(hub, conflict), as_theirs(hub, conflict, strategy=strategy)
    assert node.verdict(first) == "applied"
    for progress in (50, 0):
        hub.edit("task", "t1", progress=progress)
    assert other_node.verdict(late) in ("applied", "merged")
    assert hub.show("task", "t1")["data"] == {"a": 3, "b": 1}
    assert hub.conflicts() == []


@pytest.mark.parametrize(
    "change",
    [
        {"level": "planet"},
        {"level": 5},
        {"context_id": "no such id!"},
        {"id": "5"},
        {"base": []},
        {"ours": "x"},
        {"theirs": 5},
        {"paths": "all"},
        {"paths": [5]},
        {"at": "now"},
        {"actor": None},
        {"status": None},
        {"status": "maybe"},
        {"status": "resolved", "strategy": "maybe"},
        {"level": "branch"},
        {"context_id": "t2"},
        {"base": {"data": 5}},
        {"ours": {"data": [1]}},
        {"theirs": {"unheard_of": 1}},
    ],
    ids=str,
)
def test_what_is_no_conflict_is_rejected(hub: Hub, node: Node, change: Document) -> None:
    record = {
        "id": str(uuid.uuid4()),
        "level": "task",
        "context_id": "t1",
        "base": None,
        "ours": {"data": {}},
        "theirs": {"data": {"x": 1}},
        "paths": ["/data/x"],
        "status": "open",
        "actor": "agent-far-away",
        "at": AT,
        **change,
    }
    assert node.judged(told(hub, "conflict", record=record))["code"] == "invalid"
    assert hub.conflicts() == []
