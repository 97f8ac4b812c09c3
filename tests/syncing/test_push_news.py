"""`POST sync/push/`: entries, delegations and their decisions."""

import uuid
from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.syncing.pushing import API, AT, Document, Hub, Node, entry, insight, project, told


def delegation(**others: Any) -> Document:
    """A delegation as REST and the feed show it."""
    return {
        "id": str(uuid.uuid4()),
        "level": "task",
        "context_id": "t1",
        "delegate_to": "global",
        "target_id": "global",
        "delegate_data": {"rule": 1},
        "delegation_reason": "holds everywhere",
        "status": "pending",
        "requested_by": "agent-far-away",
        "created_at": AT,
        "decided_by": None,
        "decided_at": None,
        **others,
    }


def decided(record: Document, status: str, by: str = "admin-far-away") -> Document:
    return {**record, "status": status, "decided_by": by, "decided_at": AT}


def approval(hub: Hub, record: Document, by: str = "admin-far-away") -> Document:
    """The edit of the organization that an approved delegation is."""
    here = hub.show("global", "global")
    document = {
        "organization_name": here["organization_name"],
        "data": {**here["data"], **record["delegate_data"]},
        "metadata": here["metadata"],
    }
    record = decided(record, "approved", by)
    return entry(
        "global", "global", document, here["revision"], operation="delegated", record=record
    )


def delegations(hub: Hub) -> list[Document]:
    return list(hub.client.get(f"{API}delegations/").json()["results"])


def test_an_entry_is_added_as_it_was_and_makes_no_version(hub: Hub, node: Node) -> None:
    body = insight("learned", category="security", importance="critical")
    assert node.verdict(told(hub, "entry_added", entry=body)) == "applied"
    shown = hub.show("task", "t1")
    assert shown["version"] == 1
    (found,) = hub.client.get(f"{API}contexts/task/t1/entries/").json()["results"]
    assert {name: found[name] for name in ("id", "content", "agent", "created_at")} == {
        "id": body["id"],
        "content": "learned",
        "agent": "agent-far-away",
        "created_at": AT,
    }
    assert (found["category"], found["importance"]) == ("security", "critical")
    change = hub.feed()["changes"][-1]
    assert (change["operation"], change["entry"]) == ("entry_added", body)


def test_entries_never_conflict(hub: Hub, node: Node, other_node: Node) -> None:
    first = told(hub, "entry_added", entry=insight("one"))
    second = told(hub, "entry_added", entry=insight("two"))
    hub.edit("task", "t1", data={"a": 5})
    assert node.verdict(first) == other_node.verdict(second) == "applied"
    found = hub.client.get(f"{API}contexts/task/t1/entries/").json()["results"]
    assert sorted(each["content"] for each in found) == ["one", "two"]


def test_an_entry_of_what_was_deleted_here_is_kept(hub: Hub, node: Node) -> None:
    pushed = told(hub, "entry_added", entry=insight("late"))
    hub.delete("task", "t1")
    assert node.verdict(pushed) == "applied"
    hub.make("task", "t1", branch_id="b1")
    found = hub.client.get(f"{API}contexts/task/t1/entries/").json()["results"]
    assert [each["content"] for each in found] == ["late"]


@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        insight("x", kind="rumour"),
        insight("x", id="5"),
        {**insight("x"), "content": 5},
        insight("x", details=[]),
        insight("x", created_at="now"),
        insight("x", agent="a" * 151),
    ],
)
def test_what_is_no_entry_is_rejected(hub: Hub, node: Node, body: Any) -> None:
    assert node.judged(told(hub, "entry_added", entry=body))["code"] == "invalid"
    assert hub.client.get(f"{API}contexts/task/t1/entries/").json()["results"] == []


def test_a_request_waits_for_an_admin_and_its_decision_travels(
    hub: Hub, node: Node, admin_node: Node
) -> None:
    record = delegation()
    assert node.verdict(told(hub, "delegated", record=record)) == "applied"
    assert delegations(hub) == [record]
    pushed = approval(hub, record)
    assert admin_node.verdict(pushed) == "applied"
    assert hub.show("global", "global")["data"] == {"rule": 1}
    assert delegations(hub) == [decided(record, "approved")]
    assert hub.feed()["changes"][-1]["record"] == decided(record, "approved")


def test_of_two_decisions_the_first_holds(hub: Hub, node: Node, admin_node: Node) -> None:
    record = delegation()
    node.push(told(hub, "delegated", record=record))
    late = approval(hub, record)
    no = told(hub, "delegated", record=decided(record, "rejected"))
    assert admin_node.verdict(no) == "applied"
    verdict = admin_node.judged(late)
    # What the approval wrote is a side of a conflict: it was not taken, and is not lost.
    assert verdict["verdict"] == "conflict"
    assert hub.show("global", "global")["data"] == {}
    assert hub.conflicts()[0]["theirs"]["data"] == {"rule": 1}
    assert delegations(hub)[0]["status"] == "rejected"


def test_an_approval_taken_twice_is_one(hub: Hub, node: Node, admin_node: Node) -> None:
    record = delegation()
    node.push(told(hub, "delegated", record=record))
    first, second = approval(hub, record, "one"), approval(hub, record, "two")
    assert admin_node.verdict(first) == "applied"
    assert admin_node.verdict(second) in ("applied", "merged")
    assert delegations(hub)[0]["decided_by"] == "one"
    assert hub.show("global", "global")["data"] == {"rule": 1}


def test_who_is_no_admin_decides_nothing(hub: Hub, node: Node) -> None:
    record = delegation()
    node.push(told(hub, "delegated", record=record))
    refused = [approval(hub, record), told(hub, "delegated", record=decided(record, "rejected"))]
    for result in node.push(*refused):
        assert (result["verdict"], result["code"]) == ("rejected", "forbidden")
    assert delegations(hub) == [record]
    assert hub.show("global", "global")["data"] == {}


def test_a_delegation_to_a_project_needs_no_admin(hub: Hub, node: Node) -> None:
    record = decided(
        delegation(delegate_to="project", target_id="p1"), "approved", "agent-far-away"
    )
    base = hub.revision("project", "p1")
    pushed = entry(
        "project", "p1", project({"rule": 1}), base, operation="delegated", record=record
    )
    assert node.verdict(pushed) == "applied"
    assert hub.show("project", "p1")["data"] == {"rule": 1}
    assert delegations(hub) == [record]


@pytest.mark.parametrize(
    "record",
    [None, {}, delegation(delegate_to="task"), delegation(status="maybe"), delegation(id=5)],
)
def test_what_is_no_delegation_is_rejected(hub: Hub, node: Node, record: Any) -> None:
    assert node.judged(told(hub, "delegated", record=record))["code"] == "invalid"
    assert delegations(hub) == []


def test_news_of_a_version_is_none(hub: Hub, node: Node) -> None:
    """A change that says it made no version, of an operation that always does."""
    for operation in ("created", "updated", "deleted"):
        pushed = told(hub, operation, makes_version=False)
        assert node.judged(pushed)["code"] == "invalid"


def test_what_is_provisional_on_a_node_is_nothing_to_others(hub: Hub, node: Node) -> None:
    pushed = told(hub, "entry_added", entry=insight("x"), origin_node="~")
    assert node.judged(pushed)["code"] == "invalid"


def test_an_entry_of_another_organization_stays_there(
    hub: Hub, node: Node, stranger_client: APIClient
) -> None:
    made: Any = stranger_client.post(
        f"{API}contexts/global/elsewhere/progress/", {"content": "theirs"}, format="json"
    )
    result = node.judged(told(hub, "entry_added", entry=insight("x", id=made.json()["id"])))
    assert (result["verdict"], result["code"]) == ("rejected", "id_taken")
    assert hub.client.get(f"{API}contexts/task/t1/entries/").json()["results"] == []
