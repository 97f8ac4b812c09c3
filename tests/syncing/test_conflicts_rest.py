"""`conflicts/` and `conflicts/ID/resolve/`: what is open, and how it is settled (CONTRACT §4)."""

import json
import uuid
from typing import Any

import pytest
from django.http import HttpResponse
from rest_framework.test import APIClient

from tests.syncing.pushing import API, Document, Hub, Node, entry, task

LISTED = ("id", "level", "context_id", "base", "ours", "theirs", "paths", "status", "at")
FIELDS = ("data", "metadata", "progress", "next_steps")
STRATEGIES = ["ours", "theirs", "merge", "keep_both"]

BASE = {"a": 1, "b": 1}
OURS = {"a": 2, "b": 1}
THEIRS = {"a": 3, "b": 3}


def body_of(answer: HttpResponse) -> Any:
    return json.loads(answer.content)


def refusal(answer: HttpResponse) -> tuple[int, str]:
    return answer.status_code, str(body_of(answer)["code"])


def fields(document: Document) -> Document:
    return {name: document[name] for name in FIELDS}


@pytest.fixture
def conflict(hub: Hub, node: Node) -> Document:
    """Two edits of the task's `a`; of the later one `b` and the progress are not in dispute."""
    return collide(hub, node, task(OURS, metadata={"m": 1}), task(THEIRS, progress=50))


def collide(hub: Hub, node: Node, ours: Document | None, theirs: Document | None) -> Document:
    """An edit of `t1` here, and one pushed by a node that did not know of it; None deletes."""
    base = hub.revision("task", "t1")
    if ours is None:
        hub.delete("task", "t1")
    else:
        hub.edit("task", "t1", **fields(ours))
    assert node.verdict(entry("task", "t1", theirs, base)) == "conflict"
    return hub.conflicts()[0]


def test_a_conflict_is_listed_with_all_three_documents(hub: Hub, conflict: Document) -> None:
    assert tuple(conflict)[: len(LISTED)] == LISTED
    assert (conflict["level"], conflict["context_id"]) == ("task", "t1")
    assert conflict["base"] == fields(task(BASE))
    assert conflict["ours"] == fields(task(OURS, metadata={"m": 1}))
    assert conflict["theirs"] == fields(task(THEIRS, progress=50))
    assert (conflict["paths"], conflict["status"]) == (["/data/a"], "open")
    assert conflict["at"].endswith("Z")
    told = {name: conflict[name] for name in conflict if name not in LISTED}
    assert told == {
        "actor": "agent-far-away",
        "strategy": None,
        "resolved_by": None,
        "resolved_at": None,
    }


def test_the_open_ones_are_listed_newest_first_in_pages(hub: Hub, node: Node) -> None:
    ids = []
    for number in range(5):
        base = hub.revision("task", "t1")
        hub.edit("task", "t1", data={"a": f"hub {number}"})
        pushed = entry("task", "t1", task({"a": f"node {number}", "b": 1}), base)
        ids.append(node.judged(pushed)["conflict_id"])
    hub.settle(ids[1], strategy="ours")
    newest_first = [ids[number] for number in (4, 3, 2, 0)]
    read, address = [], f"{API}conflicts/?page_size=3"
    while address is not None:
        page: Any = hub.client.get(address).json()
        assert list(page) == ["next", "previous", "results"]
        read.append([each["id"] for each in page["results"]])
        address = page["next"]
    assert read == [newest_first[:3], newest_first[3:]]
    assert [each["id"] for each in hub.conflicts("resolved")] == [ids[1]]
    assert hub.conflicts("open") == hub.client.get(f"{API}conflicts/").json()["results"]


@pytest.mark.parametrize("query", [{"status": "closed"}, {"status": ""}, {"page_size": 0}], ids=str)
def test_a_query_that_makes_no_sense_is_refused(hub: Hub, query: Document) -> None:
    assert refusal(hub.client.get(f"{API}conflicts/", query)) == (400, "invalid")


@pytest.mark.parametrize(
    ("choice", "current"),
    [
        ({"strategy": "ours"}, task(OURS, metadata={"m": 1})),
        ({"strategy": "theirs"}, task(THEIRS, progress=50)),
        ({"strategy": "merge"}, task(THEIRS, progress=50, metadata={"m": 1})),
        ({"data": {"own": [1]}}, task({"own": [1]}, progress=50, metadata={"m": 1})),
        ({"data": {}}, task(progress=50, metadata={"m": 1})),
    ],
    ids=str,
)
def test_settling_makes_the_choice_current(
    hub: Hub, conflict: Document, choice: Document, current: Document
) -> None:
    before = hub.show("task", "t1")
    assert fields(before) == fields(task({"a": 2, "b": 3}, progress=50, metadata={"m": 1}))
    answer = hub.settle(conflict["id"], **choice)
    shown = hub.show("task", "t1")
    assert (answer.status_code, body_of(answer)) == (200, {**shown, "sync": {"status": "disabled"}})
    assert answer["ETag"] == f'"{shown["revision"]}"'
    assert fields(shown) == fields(current)
    assert (shown["version"], shown["updated_by"]) == (before["version"] + 1, "owner")
    assert hub.conflicts() == []
    (settled,) = hub.conflicts("resolved")
    assert settled == {
        **conflict,
        "status": "resolved",
        "strategy": choice.get("strategy", "data"),
        "resolved_by": "owner",
        "resolved_at": settled["resolved_at"],
    }


def test_keeping_both_puts_theirs_beside(hub: Hub, conflict: Document) -> None:
    assert hub.settle(conflict["id"], strategy="keep_both").status_code == 200
    kept = {"a": 2, "b": 3, "_conflicts": {conflict["id"]: conflict["theirs"]}}
    assert fields(hub.show("task", "t1")) == fields(task(kept, progress=50, metadata={"m": 1}))


def test_a_choice_that_is_current_already_makes_no_version(hub: Hub, node: Node) -> None:
    conflict = collide(hub, node, task({"a": 2, "b": 1}), task({"a": 3, "b": 1}))
    before = hub.show("task", "t1")
    answer = hub.settle(conflict["id"], strategy="ours")
    assert body_of(answer) == {**before, "sync": {"status": "disabled"}}
    assert hub.show("task", "t1") == before
    assert hub.feed()["changes"][-1]["record"]["status"] == "resolved"


def test_what_was_edited_since_stays(hub: Hub, conflict: Document) -> None:
    hub.edit("task", "t1", data={"since": 1}, next_steps=["since"])
    hub.settle(conflict["id"], strategy="theirs")
    current = task({**THEIRS, "since": 1}, progress=50, next_steps=["since"])
    assert fields(hub.show("task", "t1")) == fields(current)


def test_of_a_context_made_on_both_sides_either_can_be_had(hub: Hub, node: Node) -> None:
    for name, strategy in (("t2", "ours"), ("t3", "theirs")):
        ours = hub.make("task", name, branch_id="b1", data={"x": 1})
        told = node.judged(entry("task", name, task({"x": 2}, progress=50)))
        assert told["verdict"] == "conflict"
        (conflict,) = hub.conflicts()
        assert hub.settle(conflict["id"], strategy=strategy).status_code == 200
        wanted = ours if strategy == "ours" else task({"x": 2}, progress=50)
        assert fields(hub.show("task", name)) == fields(wanted)


def test_it_is_settled_once(hub: Hub, conflict: Document) -> None:
    assert hub.settle(conflict["id"], strategy="theirs").status_code == 200
    after = hub.status()
    choices: list[Document] = [{"strategy": "theirs"}, {"strategy": "ours"}, {"data": {}}]
    for choice in choices:
        assert refusal(hub.settle(conflict["id"], **choice)) == (409, "already_decided")
    assert hub.status() == after


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"strategy": "mine"},
        {"strategy": None},
        {"strategy": 5},
        {"strategy": ["ours"]},
        {"strategy": "ours", "data": {}},
        {"data": None},
        {"data": []},
        {"data": "x"},
        {"strategy": "ours", "why": "so"},
    ],
    ids=str,
)
def test_a_choice_that_is_none_is_refused(hub: Hub, conflict: Document, body: Document) -> None:
    assert refusal(hub.settle(conflict["id"], **body)) == (400, "invalid")
    assert hub.conflicts() == [conflict]


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"data": {"x": NaN}}'])
def test_a_body_that_is_no_object_is_refused(hub: Hub, conflict: Document, body: bytes) -> None:
    answer: Any = hub.client.post(
        f"{API}conflicts/{conflict['id']}/resolve/", body, content_type="application/json"
    )
    assert refusal(answer) == (400, "malformed_body")


def test_own_data_follows_the_rules_of_every_write(
    hub: Hub, conflict: Document, settings: Any
) -> None:
    settings.CONTEXTSYS_MAX_DOCUMENT_BYTES = 3_000
    too_large = hub.settle(conflict["id"], data={"x": "y" * 3_001})
    assert too_large.status_code == 413
    assert hub.conflicts() == [conflict]
    hub.settle(conflict["id"], data={"password": "hunter2-hunter2-x9"})
    assert hub.show("task", "t1")["data"] == {"password": "[redacted:password]"}


def test_who_may_see_and_settle_it(
    hub: Hub,
    conflict: Document,
    reader_client: APIClient,
    teammate_client: APIClient,
    stranger_client: APIClient,
) -> None:
    reader, teammate, stranger = Hub(reader_client), Hub(teammate_client), Hub(stranger_client)
    assert reader.conflicts() == [conflict]
    assert refusal(reader.settle(conflict["id"], strategy="ours")) == (403, "forbidden")
    assert stranger.conflicts() == []
    theirs = stranger.settle(conflict["id"], strategy="ours")
    missing = stranger.settle(str(uuid.uuid4()), strategy="ours")
    assert refusal(theirs) == refusal(missing) == (404, "not_found")
    assert theirs.content == missing.content
    # Whatever the role: what is not there is missing before it is forbidden.
    assert reader.settle(str(uuid.uuid4()), strategy="ours").content == missing.content
    no_id = stranger.settle("5", strategy="ours")
    assert (refusal(no_id), no_id.content) == ((404, "not_found"), missing.content)
    assert hub.conflicts() == [conflict]
    assert teammate.settle(conflict["id"], strategy="ours").status_code == 200
    assert hub.conflicts("resolved")[0]["resolved_by"] == "teammate"


def test_it_can_be_made_to_depend_on_the_revision(hub: Hub, conflict: Document) -> None:
    address = f"{API}conflicts/{conflict['id']}/resolve/"
    seen = hub.revision("task", "t1")
    hub.edit("task", "t1", data={"since": 1})

    def settled(condition: str) -> HttpResponse:
        choice = {"strategy": "ours"}
        answer: HttpResponse = hub.client.post(
            address, choice, format="json", headers={"If-Match": condition}
        )
        return answer

    assert refusal(settled(f'"{seen}"')) == (412, "revision_mismatch")
    assert hub.conflicts() == [conflict]
    assert settled(f'"{hub.revision("task", "t1")}"').status_code == 200


def test_any_revision_will_do(hub: Hub, conflict: Document) -> None:
    answer: Any = hub.client.post(
        f"{API}conflicts/{conflict['id']}/resolve/",
        {"strategy": "ours"},
        format="json",
        headers={"If-Match": "*"},
    )
    assert answer.status_code == 200


def test_it_can_be_sent_again(hub: Hub, conflict: Document) -> None:
    address = f"{API}conflicts/{conflict['id']}/resolve/"

    def settled(**choice: Any) -> HttpResponse:
        answer: HttpResponse = hub.client.post(
            address, choice, format="json", headers={"Idempotency-Key": "once"}
        )
        return answer

    first = settled(strategy="theirs")
    after = hub.status()
    again = settled(strategy="theirs")
    assert (again.status_code, again.content, again["ETag"]) == (200, first.content, first["ETag"])
    assert refusal(settled(strategy="ours")) == (422, "idempotency_key_reused")
    assert hub.status() == after


def test_writes_say_that_there_is_a_conflict_until_it_is_settled(
    hub: Hub, conflict: Document
) -> None:
    assert hub.edit("task", "t1", data={"x": 1})["sync"] == {"status": "conflict"}
    assert hub.edit("branch", "b1", data={"x": 1})["sync"] == {"status": "disabled"}
    hub.settle(conflict["id"], strategy="ours")
    assert hub.edit("task", "t1", data={"x": 2})["sync"] == {"status": "disabled"}


def test_the_feed_tells_of_it_and_of_its_settling(hub: Hub, conflict: Document) -> None:
    head = hub.head()
    opened = hub.feed(since=head - 1)["changes"][0]
    assert (opened["operation"], opened["makes_version"]) == ("conflict", False)
    assert {name: opened["record"][name] for name in LISTED} == {
        name: conflict[name] for name in LISTED
    }
    hub.settle(conflict["id"], strategy="theirs")
    settled = hub.feed(since=head)["changes"]
    assert [(each["operation"], each["makes_version"]) for each in settled] == [("conflict", True)]
    assert settled[0]["record"]["id"] == conflict["id"]
    assert (settled[0]["record"]["status"], settled[0]["record"]["strategy"]) == (
        "resolved",
        "theirs",
    )
    public: Any = hub.client.get(f"{API}changes/", {"since": head - 1}).json()
    assert [
        (each["change_type"], each["level"], each["context_id"]) for each in public["changes"]
    ] == [("conflict", "task", "t1")] * 2
    assert hub.history("task", "t1")[0]["operation"] == "conflict"
