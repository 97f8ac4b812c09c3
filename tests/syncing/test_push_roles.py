"""Who may do what over sync: the key's role applies, as everywhere (CONTRACT §2)."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.syncing.pushing import PUSH, SYNC, Hub, Node, branch, entry, project, task


@pytest.fixture
def reader(hub: Hub, reader_client: APIClient) -> Node:
    return Node(reader_client, "node-of-a-reader")


def test_a_reader_pushes_and_pulls_nothing(hub: Hub, reader: Node) -> None:
    asked: list[Any] = [
        reader.send(entry("task", "t2", task())),
        reader.client.get(f"{SYNC}changes/"),
        reader.client.get(f"{SYNC}snapshot/"),
    ]
    for answer in asked:
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert not hub.has("task", "t2")


def test_a_reader_may_compare(hub: Hub, reader: Node) -> None:
    assert reader.client.get(f"{SYNC}status/").json() == hub.status()


def test_a_readers_role_comes_before_what_it_sends(hub: Hub, reader: Node) -> None:
    for body in (b"", b"{", b'{"node": 5}'):
        answer: Any = reader.client.post(PUSH, body, content_type="application/json")
        assert answer.status_code == 403


def test_a_writer_deletes_branches_and_tasks(hub: Hub, node: Node) -> None:
    results = node.push(
        entry("task", "t1", None, hub.revision("task", "t1")),
        entry("branch", "b1", None, hub.revision("branch", "b1")),
    )
    assert [each["verdict"] for each in results] == ["applied", "applied"]


def test_a_writer_deletes_no_project(hub: Hub, node: Node) -> None:
    hub.make("project", "p2")
    result = node.judged(entry("project", "p2", None, hub.revision("project", "p2")))
    assert (result["verdict"], result["code"]) == ("rejected", "forbidden")
    assert hub.has("project", "p2")


@pytest.mark.parametrize("operation", ["updated", "created", "delegated", "conflict"])
def test_nor_under_another_name(hub: Hub, node: Node, operation: str) -> None:
    hub.make("project", "p2")
    base = hub.revision("project", "p2")
    told = {"operation": operation, "makes_version": True}
    assert node.verdict(entry("project", "p2", None, base, **told)) == "rejected"
    assert hub.has("project", "p2")


def test_an_admin_deletes_a_project(hub: Hub, admin_node: Node) -> None:
    hub.make("project", "p2")
    base = hub.revision("project", "p2")
    assert admin_node.verdict(entry("project", "p2", None, base)) == "applied"
    assert not hub.has("project", "p2")


def test_what_one_may_not_do_does_not_stop_the_rest(hub: Hub, node: Node) -> None:
    hub.make("project", "p2")
    results = node.push(
        entry("project", "p2", None, hub.revision("project", "p2")),
        entry("project", "p3", project()),
        entry("branch", "b3", branch(project="p3")),
    )
    assert [each["verdict"] for each in results] == ["rejected", "applied", "applied"]


def test_with_a_higher_role_the_same_entry_is_taken(hub: Hub, node: Node, admin_node: Node) -> None:
    hub.make("project", "p2")
    pushed = entry("project", "p2", None, hub.revision("project", "p2"))
    assert node.verdict(pushed) == "rejected"
    same_node = Node(admin_node.client, node.name, node.incarnation)
    assert same_node.verdict(pushed) == "applied"
