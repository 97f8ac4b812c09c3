"""Conflicts between an edit and a deletion: the edit is kept, and either can be chosen."""

from typing import Any

import pytest

from tests.syncing.pushing import Document, Hub, Node, branch, entry, project, task
from tests.syncing.test_conflicts_rest import STRATEGIES, body_of, collide, fields, refusal

EDITED = {"a": 2, "b": 1}
GONE = {"level": "task", "id": "t1", "deleted": True, "sync": {"status": "disabled"}}


def settled(hub: Hub, conflict: Document, current: Document | None, **choice: Any) -> None:
    """Settles it and checks what is current and what was answered."""
    answer = hub.settle(conflict["id"], **choice)
    assert answer.status_code == 200, answer.content
    if current is None:
        assert body_of(answer) == GONE
        assert "ETag" not in answer
        assert not hub.has("task", "t1")
    else:
        shown = hub.show("task", "t1")
        assert body_of(answer) == {**shown, "sync": {"status": "disabled"}}
        assert fields(shown) == fields(current)
    assert hub.conflicts() == []
    assert hub.feed()["changes"][-1]["operation"] == "conflict"
    assert refusal(hub.settle(conflict["id"], **choice)) == (409, "already_decided")


@pytest.mark.parametrize("choice", [*STRATEGIES, "own"])
def test_deleted_here_and_edited_there(hub: Hub, node: Node, choice: str) -> None:
    conflict = collide(hub, node, None, task(EDITED, progress=50))
    current: dict[str, Document | None] = {
        "ours": None,
        "theirs": task(EDITED, progress=50),
        "merge": task(EDITED, progress=50),
        "keep_both": task(
            {**EDITED, "_conflicts": {conflict["id"]: conflict["theirs"]}}, progress=50
        ),
        "own": task({"own": 1}, progress=50),
    }
    body = {"data": {"own": 1}} if choice == "own" else {"strategy": choice}
    settled(hub, conflict, current[choice], **body)


@pytest.mark.parametrize("choice", [*STRATEGIES, "own"])
def test_edited_here_and_deleted_there(hub: Hub, node: Node, choice: str) -> None:
    conflict = collide(hub, node, task(EDITED, progress=50), None)
    current: dict[str, Document | None] = {
        "ours": task(EDITED, progress=50),
        "theirs": None,
        "merge": None,
        "keep_both": task({**EDITED, "_conflicts": {conflict["id"]: None}}, progress=50),
        "own": task({"own": 1}, progress=50),
    }
    body = {"data": {"own": 1}} if choice == "own" else {"strategy": choice}
    settled(hub, conflict, current[choice], **body)


@pytest.mark.parametrize("strategy", ["theirs", "merge", "keep_both"])
def test_what_was_edited_since_it_came_back_stays(hub: Hub, node: Node, strategy: str) -> None:
    conflict = collide(hub, node, None, task(EDITED))
    hub.edit("task", "t1", data={"b": 9, "since": 1})
    hub.settle(conflict["id"], strategy=strategy)
    data = hub.show("task", "t1")["data"]
    data.pop("_conflicts", None)
    assert data == {"a": 2, "b": 9, "since": 1}


@pytest.mark.parametrize("strategy", ["ours", "keep_both"])
def test_what_was_edited_since_it_was_not_deleted_stays(
    hub: Hub, node: Node, strategy: str
) -> None:
    conflict = collide(hub, node, task(EDITED), None)
    hub.edit("task", "t1", data={"b": 9, "since": 1})
    hub.settle(conflict["id"], strategy=strategy)
    data = hub.show("task", "t1")["data"]
    data.pop("_conflicts", None)
    assert data == {"a": 2, "b": 9, "since": 1}


@pytest.mark.parametrize("choice", [*STRATEGIES, "own"])
def test_of_what_was_deleted_since(hub: Hub, node: Node, choice: str) -> None:
    """A choice between two edits makes the context again; both sides knew it."""
    conflict = collide(hub, node, task({"a": 2, "b": 1}), task({"a": 3, "b": 3}, progress=50))
    hub.delete("task", "t1")
    current = {
        "ours": task({"a": 2, "b": 1}),
        "theirs": task({"a": 3, "b": 3}, progress=50),
        "merge": task({"a": 3, "b": 3}, progress=50),
        "keep_both": task(
            {"a": 2, "b": 3, "_conflicts": {conflict["id"]: conflict["theirs"]}}, progress=50
        ),
        "own": task({"own": 1}),
    }
    body = {"data": {"own": 1}} if choice == "own" else {"strategy": choice}
    settled(hub, conflict, current[choice], **body)


def test_a_deletion_stays_one_when_it_was_deleted_again(hub: Hub, node: Node) -> None:
    conflict = collide(hub, node, None, task(EDITED))
    hub.delete("task", "t1")
    settled(hub, conflict, None, strategy="ours")


def test_without_its_branch_it_cannot_be_made_again(hub: Hub, node: Node) -> None:
    conflict = collide(hub, node, task({"a": 2, "b": 1}), task({"a": 3, "b": 1}, progress=50))
    hub.delete("branch", "b1", cascade=True)
    assert refusal(hub.settle(conflict["id"], strategy="theirs")) == (400, "parent_missing")
    assert hub.conflicts() == [conflict]
    hub.make("branch", "b1", project_id="p1")
    settled(hub, conflict, task({"a": 3, "b": 1}, progress=50), strategy="theirs")


def test_a_context_that_is_gone_has_no_revision_to_match(hub: Hub, node: Node) -> None:
    conflict = collide(hub, node, None, task(EDITED))
    seen = hub.revision("task", "t1")
    hub.delete("task", "t1")
    address = f"/api/v1/conflicts/{conflict['id']}/resolve/"
    answer: Any = hub.client.post(
        address, {"strategy": "ours"}, format="json", headers={"If-Match": f'"{seen}"'}
    )
    assert refusal(answer) == (412, "revision_mismatch")
    assert hub.conflicts() == [conflict]


def refused_deletion(hub: Hub, node: Node) -> Document:
    """A node deletes the branch `b1`, which has a task here."""
    pushed = entry("branch", "b1", None, hub.revision("branch", "b1"))
    assert node.verdict(pushed) == "conflict"
    return hub.conflicts()[0]


def test_what_has_children_is_not_deleted_by_a_choice(hub: Hub, node: Node) -> None:
    conflict = refused_deletion(hub, node)
    assert refusal(hub.settle(conflict["id"], strategy="theirs")) == (409, "has_children")
    assert hub.conflicts() == [conflict]
    hub.delete("task", "t1")
    assert hub.settle(conflict["id"], strategy="theirs").status_code == 200
    assert not hub.has("branch", "b1")


@pytest.mark.parametrize("strategy", ["ours", "keep_both"])
def test_what_was_not_deleted_keeps_what_was_edited_since(
    hub: Hub, node: Node, strategy: str
) -> None:
    hub.edit("branch", "b1", data={"x": 1})
    conflict = refused_deletion(hub, node)
    hub.edit("branch", "b1", data={"x": 2})
    assert hub.settle(conflict["id"], strategy=strategy).status_code == 200
    assert hub.show("branch", "b1")["data"]["x"] == 2


def parents_that_came_back(hub: Hub, node: Node) -> dict[str, Document]:
    """An edit of the task below a project that was deleted here, with all below it."""
    hub.edit("project", "p1", data={"of": "p1"})
    base = hub.revision("task", "t1")
    hub.delete("project", "p1", cascade=True)
    assert node.verdict(entry("task", "t1", task(EDITED), base)) == "conflict"
    return {each["level"]: each for each in hub.conflicts()}


@pytest.mark.parametrize("strategy", ["theirs", "merge"])
def test_a_parent_that_came_back_may_stay(hub: Hub, node: Node, strategy: str) -> None:
    conflict = parents_that_came_back(hub, node)["project"]
    assert (conflict["ours"], conflict["paths"]) == (None, [""])
    assert conflict["theirs"]["data"] == {"of": "p1"}
    hub.edit("project", "p1", data={"of": "someone since"})
    assert hub.settle(conflict["id"], strategy=strategy).status_code == 200
    assert hub.show("project", "p1")["data"] == {"of": "someone since"}


def test_parents_that_came_back_may_go_again_from_below(hub: Hub, node: Node) -> None:
    found = parents_that_came_back(hub, node)
    assert refusal(hub.settle(found["project"]["id"], strategy="ours")) == (409, "has_children")
    for level in ("task", "branch", "project"):
        assert hub.settle(found[level]["id"], strategy="ours").status_code == 200
    assert not hub.has("project", "p1")
    assert hub.conflicts() == []


def test_who_may_delete_no_project_deletes_none_by_a_choice(
    hub: Hub, node: Node, admin_node: Node
) -> None:
    hub.make("project", "p2", data={"x": 1})
    base = hub.revision("project", "p2")
    hub.edit("project", "p2", data={"x": 2})
    assert admin_node.verdict(entry("project", "p2", None, base)) == "conflict"
    (conflict,) = hub.conflicts()
    writer = Hub(node.client)
    for strategy in ("theirs", "merge"):
        assert refusal(writer.settle(conflict["id"], strategy=strategy)) == (403, "forbidden")
    assert hub.conflicts() == [conflict]
    assert hub.has("project", "p2")
    assert hub.settle(conflict["id"], strategy="theirs").status_code == 200
    assert not hub.has("project", "p2")


def test_a_context_is_made_again_where_it_was(hub: Hub, node: Node) -> None:
    hub.make("branch", "b2", project_id="p1")
    node.push(entry("branch", "b3", branch()), entry("project", "p3", project()))
    hub.make("task", "t2", branch_id="b2", data={"a": 1})
    base = hub.revision("task", "t2")
    hub.edit("task", "t2", data={"a": 2})
    assert node.verdict(entry("task", "t2", task({"a": 3}, "b2"), base)) == "conflict"
    hub.delete("task", "t2")
    (conflict,) = hub.conflicts()
    answer = hub.settle(conflict["id"], strategy="theirs")
    assert body_of(answer)["branch_id"] == "b2"
