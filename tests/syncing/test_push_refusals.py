"""`POST sync/push/`: what is `rejected`, for good and with a code, and leaves no trace."""

from typing import Any

import pytest

from tests.syncing.pushing import Document, Hub, Node, entry, task


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"revision": f"2-{'0' * 32}"}, "invalid"),
        ({"revision": f"7-{'0' * 32}"}, "invalid"),
        ({"revision": "2"}, "invalid"),
        ({"revision": f"{'9' * 5000}-{'0' * 32}"}, "invalid"),
        ({"revision": None}, "invalid"),
        ({"level": "planet"}, "invalid"),
        ({"level": 5}, "invalid"),
        ({"context_id": "no such id!"}, "invalid"),
        ({"context_id": ""}, "invalid"),
        ({"operation": "renamed"}, "invalid"),
        ({"operation": None}, "invalid"),
        ({"mutation_id": "5"}, "invalid"),
        ({"mutation_id": 5}, "invalid"),
        ({"mutation_id": None}, "invalid"),
        ({"base_revision": 5}, "invalid"),
        ({"base_revision": "two"}, "invalid"),
        ({"document": []}, "invalid"),
        ({"document": "x"}, "invalid"),
        ({"actor": None}, "invalid"),
        ({"actor": "a" * 151}, "invalid"),
        ({"at": "yesterday"}, "invalid"),
        ({"at": "2026-01-01T00:00:00"}, "invalid"),
        ({"at": 5}, "invalid"),
    ],
    ids=lambda told: str(told)[:60],
)
def test_what_is_no_entry_is_rejected(hub: Hub, node: Node, change: Document, code: str) -> None:
    head = hub.head()
    pushed = {**entry("task", "t1", task({"a": 2}), hub.revision("task", "t1")), **change}
    told = node.judged(pushed)
    assert (told["verdict"], told["code"]) == ("rejected", code)
    assert (told["seq"], told["revision"], told["conflict_id"]) == (None, None, None)
    assert hub.head() == head


@pytest.mark.parametrize(
    "left_out", ["mutation_id", "level", "context_id", "operation", "revision"]
)
def test_an_entry_without_a_member_is_rejected(hub: Hub, node: Node, left_out: str) -> None:
    pushed = entry("task", "t1", task({"a": 2}), hub.revision("task", "t1"))
    del pushed[left_out]
    assert node.verdict(pushed) == "rejected"


@pytest.mark.parametrize("pushed", [None, 5, "x", [], {}], ids=repr)
def test_what_is_no_object_is_rejected_alone(hub: Hub, node: Node, pushed: Any) -> None:
    answer = node.send(pushed, entry("task", "t2", task()))
    results = answer.json()["results"]  # type: ignore[attr-defined]
    assert [each["verdict"] for each in results] == ["rejected", "applied"]


DEEP: Document = {}
for _ in range(64):
    DEEP = {"x": DEEP}


@pytest.mark.parametrize(
    "document",
    [
        task(progress=101),
        task(progress="5"),
        task(next_steps={}),
        task(data=[]),  # type: ignore[arg-type]
        {**task(), "data": "x"},
        {**task(), "nonsense": 1},
        {**task(), "branch_id": 5},
        {**task(), "branch_id": "no such id!"},
        {name: value for name, value in task().items() if name != "branch_id"},
        task(DEEP),
    ],
    ids=lambda document: str(document)[:60],
)
def test_a_document_that_no_writer_here_could_write_is_rejected(
    hub: Hub, node: Node, document: Document
) -> None:
    told = node.judged(entry("task", "t1", document, hub.revision("task", "t1")))
    assert (told["verdict"], told["code"]) == ("rejected", "invalid")
    assert hub.show("task", "t1")["version"] == 1


def test_a_document_over_the_limit_is_rejected(hub: Hub, node: Node, settings: Any) -> None:
    settings.CONTEXTSYS_MAX_DOCUMENT_BYTES = 2_000
    told = node.judged(entry("task", "t2", task({"x": "y" * 2_000})))
    assert (told["verdict"], told["code"]) == ("rejected", "document_too_large")
    assert not hub.has("task", "t2")


def test_two_edits_that_together_are_too_large_are_a_conflict(
    hub: Hub, node: Node, settings: Any
) -> None:
    settings.CONTEXTSYS_MAX_DOCUMENT_BYTES = 2_000
    base = hub.revision("task", "t1")
    hub.edit("task", "t1", data={"x": "x" * 1_200})
    told = node.judged(entry("task", "t1", task({"a": 1, "b": 1, "y": "y" * 1_200}), base))
    assert told["verdict"] == "conflict"
    assert hub.show("task", "t1")["data"] == {"a": 1, "b": 1, "x": "x" * 1_200}
    (conflict,) = hub.conflicts()
    assert (conflict["paths"], conflict["theirs"]["data"]["y"]) == ([""], "y" * 1_200)


@pytest.mark.parametrize("operation", ["created", "updated"])
def test_an_edit_without_a_document_is_rejected(hub: Hub, admin_node: Node, operation: str) -> None:
    """It is neither a deletion nor anything that could become current."""
    for level, context_id in (("task", "t1"), ("project", "p1"), ("global", "global")):
        before = hub.show(level, context_id)
        pushed = entry(level, context_id, None, before["revision"], operation=operation)
        told = admin_node.judged(pushed)
        assert (told["verdict"], told["code"]) == ("rejected", "invalid")
        assert hub.show(level, context_id) == before


def test_a_deletion_with_a_document_is_rejected(hub: Hub, node: Node) -> None:
    base = hub.revision("task", "t1")
    assert node.verdict(entry("task", "t1", task(), base, operation="deleted")) == "rejected"


def test_an_organization_is_neither_made_nor_deleted_by_a_push(hub: Hub, admin_node: Node) -> None:
    made = {"organization_name": "", "data": {}, "metadata": {}}
    gone = entry("global", "global", None, hub.revision("global", "global"))
    results = admin_node.push(entry("global", "another", made), gone)
    assert [each["verdict"] for each in results] == ["rejected", "rejected"]
