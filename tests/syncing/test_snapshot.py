"""`GET sync/snapshot/`: all that is current, for a node that cannot follow the feed."""

from datetime import timedelta
from itertools import takewhile
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from contexts import compaction
from contexts.services import foreign
from syncing import wire
from tests.syncing.pushing import SYNC, Document, Hub, Node
from tests.syncing.rebuilding import PARENTS, Copy, assert_equal, busy

SNAPSHOT = f"{SYNC}snapshot/"


def page_of(hub: Hub, **query: Any) -> Document:
    answer: Any = hub.client.get(SNAPSHOT, query)
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def pages(hub: Hub, limit: int = 500) -> list[Document]:
    read, after = [], ""
    while after is not None:
        page = page_of(hub, after=after, limit=limit)
        assert len(page["changes"]) <= limit
        read.append(page)
        after = page["next"]
    return read


def rebuilt(found: list[Document]) -> Copy:
    copy = Copy()
    for page in found:
        copy.take(page["changes"])
    return copy


@pytest.mark.parametrize("limit", [1, 2, 7, 500])
def test_an_equal_instance_can_be_built_of_it(hub: Hub, node: Node, limit: int) -> None:
    busy(hub, node)
    assert_equal(rebuilt(pages(hub, limit)), hub)


def test_of_a_compacted_history_too(hub: Hub, node: Node) -> None:
    busy(hub, node)
    hub.feed(node=node.name, since=hub.head())
    compaction.compact("global", timezone.now() + timedelta(days=1))
    assert hub.status()["floor"] == hub.head()
    found = pages(hub, 5)
    assert_equal(rebuilt(found), hub)
    for page in found:
        for change in page["changes"]:
            foreign.read(change).verify()


@pytest.mark.parametrize("compacted", [False, True])
def test_of_what_is_overtaken_the_body_comes_too(hub: Hub, node: Node, compacted: bool) -> None:
    """Delegations and conflicts outlive the versions that they made, and even the context."""
    busy(hub, node)
    hub.edit("project", "p1", data={"later": 1})
    hub.edit("global", "global", data={"later": 1})
    hub.delete("branch", "b2", cascade=True)
    hub.delete("task", "t1")
    if compacted:
        hub.feed(node=node.name, since=hub.head())
        compaction.compact("global", timezone.now() + timedelta(days=1))
    copy = rebuilt(pages(hub, 3))
    assert_equal(copy, hub)
    assert {each["status"] for each in copy.delegations.values()} == {"approved", "pending"}
    assert {each["status"] for each in copy.conflicts.values()} == {"open", "resolved"}


def test_a_page_tells_where_to_follow_from(hub: Hub) -> None:
    there = hub.status()
    page = page_of(hub)
    assert list(page) == ["epoch", "floor", "head", "last", "next", "changes"]
    assert {name: page[name] for name in ("epoch", "floor", "head")} == {
        name: there[name] for name in ("epoch", "floor", "head")
    }
    assert page["last"] == hub.feed()["last"]
    followed = hub.feed(since=page["head"], last=page["last"], epoch=page["epoch"])
    assert followed["changes"] == []


def test_what_changes_while_it_is_read_comes_by_the_feed(hub: Hub, node: Node) -> None:
    busy(hub, node)
    copy, after, first = Copy(), "", None
    number = 0
    while after is not None:
        page = page_of(hub, after=after, limit=2)
        first = first or page
        copy.take(page["changes"])
        after = page["next"]
        number += 1
        if number <= 6:
            hub.edit("task", "t1", data={"meanwhile": number})
            hub.make("task", f"m{number}", branch_id="b1")
        if number in (3, 6):
            hub.delete("task", f"m{number - 1}")
    assert first is not None
    copy.take(hub.feed(since=first["head"])["changes"])
    assert_equal(copy, hub)


def test_parents_come_before_children_and_deletions_from_below(hub: Hub, node: Node) -> None:
    busy(hub, node)
    hub.delete("branch", "b2", cascade=True)
    order = ["global", "project", "branch", "task"]
    made: set[str] = set()
    gone: list[str] = []
    changes = [change for page in pages(hub, 3) for change in page["changes"]]
    for change in takewhile(lambda each: each["makes_version"], changes):
        level = change["level"]
        if change["operation"] == "deleted":
            gone.append(level)
            continue
        assert not gone
        assert level not in PARENTS or change["document"][PARENTS[level]] in made
        made.add(change["context_id"])
    assert gone == sorted(gone, key=order.index, reverse=True)
    assert set(gone) == {"task", "branch"}


def test_a_context_is_as_old_as_it_was(hub: Hub) -> None:
    born = hub.show("task", "t1")["created_at"]
    hub.edit("task", "t1", data={"a": 2})
    told = [
        change
        for page in pages(hub)
        for change in page["changes"]
        if (change["level"], change["context_id"]) == ("task", "t1")
    ]
    assert [each["created_at"] for each in told] == [born]
    assert told[0]["version"] == 2


def test_a_page_ends_before_it_grows_too_large(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "PAGE_BYTES", 2_000)
    for name in ("t2", "t3", "t4"):
        hub.make("task", name, branch_id="b1", data={"x": "y" * 1_500})
    found = pages(hub)
    assert max(len(page["changes"]) for page in found) < 4
    assert_equal(rebuilt(found), hub)


@pytest.mark.parametrize(
    "query",
    [
        {"after": "x"},
        {"after": "1"},
        {"after": "1.x"},
        {"after": "-1.0"},
        {"after": "99.0"},
        {"after": "1.0.0"},
        {"after": "٣.1"},
        {"after": "1." + "9" * 19},
        {"limit": 0},
        {"limit": 501},
    ],
    ids=str,
)
def test_a_place_that_is_none_is_refused(hub: Hub, query: Document) -> None:
    answer: Any = hub.client.get(SNAPSHOT, query)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert list(answer.json()["validation_errors"]) == list(query)


def test_strangers_read_their_own(hub: Hub, node: Node, stranger_client: APIClient) -> None:
    busy(hub, node)
    found = pages(Hub(stranger_client))
    assert [change["context_id"] for page in found for change in page["changes"]] == ["elsewhere"]
