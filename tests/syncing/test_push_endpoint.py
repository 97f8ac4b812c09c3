"""`POST sync/push/` from outside: its answer, its limits, and whom it refuses as a whole."""

import json
import uuid
from typing import Any

import pytest
from django.http import HttpResponse
from rest_framework.test import APIClient

from contexts.models import Feed, owned
from tests.syncing.pushing import API, PUSH, SYNC, Document, Hub, Node, entry, task


def told(answer: HttpResponse) -> tuple[int, Any]:
    """Status and code."""
    assert answer["Content-Type"] == "application/json"
    return answer.status_code, json.loads(answer.content).get("code")


def test_the_answer_says_where_the_feed_stands(hub: Hub, node: Node) -> None:
    before = hub.status()
    answer = node.send(entry("task", "t2", task()), entry("task", "t3", task()))
    body = json.loads(answer.content)
    assert list(body) == ["epoch", "head", "results"]
    assert (body["epoch"], body["head"]) == (before["epoch"], before["head"] + 2)
    assert [list(each) for each in body["results"]] == [
        ["mutation_id", "seq", "revision", "conflict_id", "verdict", "code"]
    ] * 2
    assert [each["seq"] for each in body["results"]] == [before["head"] + 1, before["head"] + 2]


def test_a_push_of_nothing_is_answered(hub: Hub, node: Node) -> None:
    assert json.loads(node.send().content)["results"] == []


@pytest.mark.parametrize("left_out", ["protocol", "incarnation", "organization", "epoch"])
def test_what_says_only_who_and_what_is_enough(hub: Hub, node: Node, left_out: str) -> None:
    body = node.body(entry("task", "t2", task()))
    del body[left_out]
    answer: HttpResponse = node.client.post(PUSH, body, format="json")
    assert json.loads(answer.content)["results"][0]["verdict"] == "applied"


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"protocol": 2}, "protocol"),
        ({"protocol": "1"}, "protocol"),
        ({"protocol": True}, "protocol"),
        ({"node": None}, "node"),
        ({"node": ""}, "node"),
        ({"node": "no name!"}, "node"),
        ({"node": "n" * 65}, "node"),
        ({"node": "~"}, "node"),
        ({"incarnation": 5}, "incarnation"),
        ({"incarnation": "i" * 33}, "incarnation"),
        ({"organization": 5}, "organization"),
        ({"epoch": 5}, "epoch"),
        ({"entries": None}, "entries"),
        ({"entries": {}}, "entries"),
        ({"entries": "x"}, "entries"),
    ],
    ids=str,
)
def test_what_is_no_push_is_refused_whole(
    hub: Hub, node: Node, members: Document, field: str
) -> None:
    before = hub.head()
    answer = node.send(entry("task", "t2", task()), **members)
    assert told(answer) == (400, "invalid")
    assert field in json.loads(answer.content)["validation_errors"]
    assert hub.head() == before


@pytest.mark.parametrize("body", [b"", b"  ", b"[]", b"5", b"null", b"{", b"\xff", b'{"a":1}x'])
def test_a_body_that_is_no_json_object_is_refused(hub: Hub, node: Node, body: bytes) -> None:
    answer: Any = node.client.post(PUSH, body, content_type="application/json")
    assert told(answer) == (400, "malformed_body")


@pytest.mark.parametrize(
    "text",
    ["NaN", "Infinity", "-Infinity", "9007199254740992", r'"\u0000"', r'"\ud800"', "[" * 90],
)
def test_what_no_body_may_hold_is_refused_whole(hub: Hub, node: Node, text: str) -> None:
    closed = text + "]" * text.count("[")
    body = json.dumps(node.body(entry("task", "t2", task({"x": "HERE"}))))
    sent = body.replace('"HERE"', closed)
    answer: Any = node.client.post(PUSH, sent, content_type="application/json")
    assert told(answer) == (400, "malformed_body")
    assert not hub.has("task", "t2")


def test_another_media_type_is_refused(hub: Hub, node: Node) -> None:
    body = json.dumps(node.body())
    answer: Any = node.client.post(PUSH, body, content_type="text/plain")
    assert told(answer) == (415, "unsupported_media_type")


def test_a_push_has_a_hundred_entries_at_most(hub: Hub, node: Node) -> None:
    pushed = [entry("task", f"t{number}", task()) for number in range(10, 111)]
    before = hub.head()
    assert told(node.send(*pushed)) == (413, "batch_too_large")
    assert hub.head() == before
    results = node.push(*pushed[:100])
    assert [each["verdict"] for each in results] == ["applied"] * 100
    assert hub.head() == before + 100


def test_a_push_that_is_too_large_is_refused_and_the_largest_document_is_not(
    hub: Hub, node: Node
) -> None:
    limit = 2**20
    room = limit - len(json.dumps(task({"x": ""}), separators=(",", ":")))
    assert node.verdict(entry("task", "t2", task({"x": "y" * room}))) == "applied"
    body = json.dumps(node.body(), separators=(",", ":"))
    answer: Any = node.client.post(PUSH, body + " " * 12 * limit, content_type="application/json")
    assert told(answer) == (413, "body_too_large")


def test_without_a_key_there_is_nothing(hub: Hub, node: Node) -> None:
    stranger = APIClient()
    asked = [
        stranger.post(PUSH, node.body(), format="json"),
        *(stranger.get(f"{SYNC}{name}/") for name in ("changes", "snapshot", "status")),
        stranger.get(f"{API}conflicts/"),
        stranger.post(f"{API}conflicts/{uuid.uuid4()}/resolve/", {}, format="json"),
    ]
    for answer in asked:
        assert told(answer) == (401, "not_authenticated")
        assert answer["WWW-Authenticate"] == "Bearer"


def test_a_key_of_another_organization_is_told_so(
    hub: Hub, node: Node, stranger_client: APIClient
) -> None:
    node.client = stranger_client
    answer = node.send(entry("task", "t2", task()))
    assert told(answer) == (409, "organization_mismatch")
    body = json.loads(answer.content)
    assert body["organization"] == "elsewhere"
    assert "elsewhere" in body["error"]
    assert "global" in body["error"]
    assert not hub.has("task", "t2")


def test_a_node_of_another_organization_is_told_so(hub: Hub, node: Node) -> None:
    node.organization = "acme"
    answer = node.send()
    assert told(answer) == (409, "organization_mismatch")
    body = json.loads(answer.content)
    assert body["organization"] == "global"
    assert "acme" in body["error"]


def test_strangers_push_into_their_own_organization_only(
    hub: Hub, node: Node, stranger_client: APIClient
) -> None:
    theirs = Node(stranger_client, "node-1", organization="elsewhere")
    pushed = [
        entry("task", "t1", task({"theirs": 1}), hub.revision("task", "t1")),
        entry("task", "t2", task({"theirs": 1})),
    ]
    for result in theirs.push(*pushed):
        assert result["verdict"] != "applied"
    assert hub.show("task", "t1")["data"] == {"a": 1, "b": 1}
    assert not hub.has("task", "t2")


def test_a_mutation_of_another_organization_is_not_told_of(
    hub: Hub, node: Node, stranger_client: APIClient
) -> None:
    mine = entry("task", "t2", task())
    assert node.verdict(mine) == "applied"
    theirs = Node(stranger_client, node.name, organization="elsewhere")
    result = theirs.judged(mine)
    assert (result["verdict"], result["code"]) == ("rejected", "id_taken")
    assert result["seq"] is None


def test_another_epoch_is_gone(hub: Hub, node: Node) -> None:
    there = hub.status()
    answer = node.send(entry("task", "t2", task()), epoch="0" * 32)
    assert told(answer) == (410, "gone")
    body = json.loads(answer.content)
    assert {name: body[name] for name in ("epoch", "floor", "head")} == {
        name: there[name] for name in ("epoch", "floor", "head")
    }
    assert not hub.has("task", "t2")
    # As after a backup was put back.
    known = node.body(entry("task", "t2", task()))
    owned("global", Feed).update(epoch="1" * 32)
    again: Any = node.client.post(PUSH, known, format="json")
    assert told(again) == (410, "gone")
    assert json.loads(again.content)["epoch"] == "1" * 32


def test_of_two_copies_of_a_node_the_first_goes_on(hub: Hub, node: Node) -> None:
    assert node.verdict(entry("task", "t2", task())) == "applied"
    copy = Node(node.client, node.name, "second")
    answer = copy.send(entry("task", "t3", task()))
    assert told(answer) == (409, "node_cloned")
    assert not hub.has("task", "t3")
    assert node.verdict(entry("task", "t4", task())) == "applied"
    # Under a name of its own the copy goes on too.
    copy.name = "node-1-copy"
    assert copy.verdict(entry("task", "t3", task())) == "applied"


def test_a_node_that_was_started_again_goes_on(hub: Hub, node: Node) -> None:
    assert told(node.send())[0] == 200
    node.incarnation = "third"
    assert told(node.send(previous=["second", "first"]))[0] == 200
    assert told(node.send())[0] == 200
    # The one from before is a copy now.
    node.incarnation = "first"
    assert told(node.send(previous=["zeroth"])) == (409, "node_cloned")


@pytest.mark.parametrize("previous", [None, "first", {"first": 1}, [["first"]], [5]], ids=str)
def test_what_is_no_list_of_incarnations_names_none(hub: Hub, node: Node, previous: Any) -> None:
    assert told(node.send())[0] == 200
    node.incarnation = "second"
    assert told(node.send(previous=previous)) == (409, "node_cloned")


def test_names_of_nodes_are_an_organizations_own(
    hub: Hub, node: Node, stranger_client: APIClient
) -> None:
    assert told(node.send())[0] == 200
    assert told(Node(stranger_client, node.name, "other", "elsewhere").send())[0] == 200


def test_only_post_pushes(hub: Hub, node: Node) -> None:
    for method in ("get", "put", "patch", "delete"):
        assert told(getattr(node.client, method)(PUSH)) == (405, "method_not_allowed")
