"""`GET sync/changes/`: the feed with all that a node needs to make the changes again."""

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from rest_framework.test import APIClient

from contexts import compaction
from contexts.models import Feed, owned
from syncing import wire
from tests.instances import Instance
from tests.syncing.pushing import AT, SYNC, Document, Hub, Node, entry, revision_of, task

CHANGES = f"{SYNC}changes/"


def asked(hub: Hub, **query: Any) -> tuple[int, Document]:
    answer: Any = hub.client.get(CHANGES, query)
    return answer.status_code, answer.json()


def test_a_page_tells_how_far_it_goes(hub: Hub) -> None:
    there = hub.status()
    page = hub.feed()
    assert list(page) == ["epoch", "floor", "head", "next", "last", "more", "changes"]
    assert (page["epoch"], page["floor"], page["head"]) == (there["epoch"], 0, there["head"])
    assert (page["next"], page["more"]) == (page["head"], False)
    assert [each["seq"] for each in page["changes"]] == list(range(1, page["head"] + 1))


def test_pages_join_without_a_gap(hub: Hub) -> None:
    for number in range(5):
        hub.edit("task", "t1", data={"n": number})
    whole = hub.feed()["changes"]
    for limit in (1, 2, 3, 500):
        since, read = 0, []
        while True:
            page = hub.feed(since=since, limit=limit)
            read += page["changes"]
            assert len(page["changes"]) <= limit
            assert page["next"] == since + len(page["changes"])
            assert page["more"] == (page["next"] < page["head"])
            since = page["next"]
            if not page["more"]:
                break
        assert read == whole
    assert all(after["seq"] == before["seq"] + 1 for before, after in pairwise(whole))


def test_a_reader_that_knows_all_gets_nothing(hub: Hub) -> None:
    page = hub.feed(since=hub.head())
    assert (page["changes"], page["next"], page["more"]) == ([], page["head"], False)


def test_a_page_ends_before_it_grows_too_large(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "PAGE_BYTES", 2_000)
    for name in ("t2", "t3", "t4"):
        hub.make("task", name, branch_id="b1", data={"x": "y" * 1_500})
    since, sizes = hub.head() - 3, []
    while since < hub.head():
        page = hub.feed(since=since)
        sizes.append(len(page["changes"]))
        assert page["next"] == since + sizes[-1]
        since = page["next"]
    # One that is larger than a page comes all the same, alone.
    assert sizes == [1, 1, 1]


def test_a_change_made_here_carries_all_there_is(hub: Hub) -> None:
    base = hub.show("task", "t1")
    shown = hub.edit("task", "t1", data={"a": 2})
    change = hub.feed()["changes"][-1]
    assert change == {
        "seq": hub.head(),
        "level": "task",
        "context_id": "t1",
        "operation": "updated",
        "version": 2,
        "revision": shown["revision"],
        "parent_revision": base["revision"],
        "makes_version": True,
        "document": task({"a": 2, "b": 1}),
        "record": None,
        "entry": None,
        "actor": "owner",
        "origin_node": hub.status()["node"],
        "mutation_id": str(uuid.UUID(change["mutation_id"])),
        "at": shown["updated_at"],
    }
    assert revision_of(base["revision"], change["document"]) == shown["revision"]


def test_a_pushed_change_comes_back_as_it_was(hub: Hub, node: Node) -> None:
    pushed = entry("task", "t1", task({"a": 2}), hub.revision("task", "t1"))
    node.push(pushed)
    change = hub.feed()["changes"][-1]
    kept = (
        "mutation_id",
        "level",
        "context_id",
        "operation",
        "revision",
        "document",
        "actor",
        "at",
    )
    assert {name: change[name] for name in kept} == {name: pushed[name] for name in kept}
    assert (change["parent_revision"], change["origin_node"]) == (
        pushed["base_revision"],
        node.name,
    )


def test_a_merged_change_comes_back_under_its_id(hub: Hub, node: Node) -> None:
    base = hub.revision("task", "t1")
    hub.edit("task", "t1", data={"a": 2})
    pushed = entry("task", "t1", task({"a": 1, "b": 2}), base)
    told = node.judged(pushed)
    change = hub.feed()["changes"][-1]
    assert (change["mutation_id"], change["origin_node"], change["actor"]) == (
        pushed["mutation_id"],
        node.name,
        pushed["actor"],
    )
    assert (change["revision"], change["seq"]) == (told["revision"], told["seq"])
    assert change["document"]["data"] == {"a": 2, "b": 2}


def test_a_merged_change_is_never_older_than_what_it_is_merged_with(hub: Hub, node: Node) -> None:
    base = hub.revision("task", "t1")
    newest = hub.edit("task", "t1", data={"a": 2})
    node.push(entry("task", "t1", task({"a": 1, "b": 2}), base, at="2001-01-01T00:00:00Z"))
    assert hub.show("task", "t1")["updated_at"] == newest["updated_at"]
    base = hub.history("task", "t1")[-1]["revision"]
    node.push(entry("task", "t1", task({"a": 1, "b": 1, "c": 1}), base, at="2101-01-01T00:00:00Z"))
    assert hub.show("task", "t1")["updated_at"] == "2101-01-01T00:00:00.000000Z"


def gone(hub: Hub, **query: Any) -> bool:
    """Whether the feed does not go on there; how it is told is checked."""
    status, body = asked(hub, **query)
    if status != 410:
        assert status == 200, body
        return False
    feed = owned("global", Feed).get()
    assert body["code"] == "gone"
    assert (body["epoch"], body["floor"], body["head"]) == (feed.epoch, feed.floor, feed.head)
    return True


def test_beyond_the_head_the_feed_does_not_go_on(hub: Hub) -> None:
    assert not gone(hub, since=hub.head())
    assert gone(hub, since=hub.head() + 1)
    assert gone(hub, since=2**63 - 1)


def test_below_the_floor_the_feed_does_not_go_on(hub: Hub) -> None:
    owned("global", Feed).update(floor=3)
    assert gone(hub)
    assert gone(hub, since=2)
    assert not gone(hub, since=3)


def test_in_another_epoch_the_feed_does_not_go_on(hub: Hub) -> None:
    epoch = hub.status()["epoch"]
    assert not gone(hub, since=1, epoch=epoch)
    assert gone(hub, since=1, epoch="0" * 32)
    assert gone(hub, since=0, epoch="0" * 32)
    assert gone(hub, since=hub.head(), epoch="0" * 32, wait=20)


def test_where_another_change_was_read_the_feed_does_not_go_on(hub: Hub) -> None:
    """A hub that was put back counts on, with other changes."""
    stamps = [hub.feed(since=seq, limit=1)["last"] for seq in range(hub.head())]
    for seq, stamp in enumerate(stamps, 1):
        assert not gone(hub, since=seq, last=stamp)
    assert gone(hub, since=3, last=stamps[0])
    assert gone(hub, since=3, last=uuid.uuid4())
    # Who has read nothing yet has read nothing else.
    assert not gone(hub, since=0, last=uuid.uuid4())


def test_the_same_change_at_the_same_place_of_another_history_is_another_one(
    hub: Hub, node: Node
) -> None:
    """As when a node offered it again, and another one has not read what came before it since."""
    again = entry("task", "t1", task({"n": 1}), hub.revision("task", "t1"))
    with transaction.atomic():
        hub.edit("project", "p1", data={"lost": True})
        node.push(again)
        before = hub.feed()
        transaction.set_rollback(True)
    hub.edit("project", "p1", data={"lost": False})
    node.push(again)
    after = hub.feed()
    ends = [(page["head"], page["changes"][-1]["mutation_id"]) for page in (before, after)]
    assert ends[0] == ends[1]
    assert not gone(hub, since=after["head"], last=after["last"])
    assert gone(hub, since=after["head"], last=before["last"])


@pytest.mark.parametrize(
    "query",
    [
        {"since": "-1"},
        {"since": "x"},
        {"since": "1.5"},
        {"since": ""},
        {"since": 2**63},
        {"limit": 0},
        {"limit": 501},
        {"wait": 61},
        {"wait": "soon"},
        {"last": "x"},
        {"last": "5"},
        {"stored": 1},
        {"node": "no name!"},
        {"node": "~"},
        {"node": "n" * 65},
    ],
    ids=str,
)
def test_a_query_that_makes_no_sense_is_refused(hub: Hub, query: Document) -> None:
    status, body = asked(hub, **query)
    assert (status, body["code"]) == (400, "invalid")
    assert list(body["validation_errors"]) == list(query)


def test_strangers_read_their_own_feed(hub: Hub, stranger_client: APIClient) -> None:
    page = Hub(stranger_client).feed()
    assert [each["context_id"] for each in page["changes"]] == ["elsewhere"]
    assert page["epoch"] != hub.feed()["epoch"]


def test_history_is_kept_until_every_node_has_read_it(hub: Hub) -> None:
    """Compaction raises the floor, never above what a node has yet to read."""
    head = hub.head()
    hub.feed(node="near", since=head)
    hub.feed(node="behind", since=2)
    later = timezone.now() + timedelta(days=1)
    compaction.compact("global", later)
    assert hub.status()["floor"] == 2
    assert not gone(hub, node="behind", since=2)
    # It asks ahead, and may still be killed before it has stored what comes before.
    hub.feed(node="behind", since=head, stored=2)
    compaction.compact("global", later)
    assert hub.status()["floor"] == 2
    hub.feed(node="behind", since=head)
    compaction.compact("global", later)
    assert hub.status()["floor"] == head
    assert gone(hub, since=head - 1)


def test_what_was_compacted_is_told_without_its_document(hub: Hub) -> None:
    hub.edit("task", "t1", data={"a": 2})
    hub.edit("task", "t1", data={"a": 3})
    compaction.compact("global", timezone.now() + timedelta(days=1))
    head = hub.head()
    assert hub.status()["floor"] == head
    assert hub.feed(since=head)["changes"] == []


def test_a_node_that_waits_gets_the_change_when_it_is_made(instance: Instance) -> None:
    with instance.client() as client, ThreadPoolExecutor() as pool:
        path = CHANGES.lstrip("/")
        there = client.get(f"{SYNC.lstrip('/')}status/").json()
        query = f"since={there['head']}&epoch={there['epoch']}&node=n1&wait=50"
        waiting = [pool.submit(client.get, f"{path}?{query}") for _ in range(10)]
        document = {"global_id": "global", "project_name": "", "data": {}, "metadata": {}}
        pushed = entry("project", "p1", document)
        body = {
            "protocol": 1,
            "node": "n2",
            "incarnation": "first",
            "organization": "global",
            "epoch": there["epoch"],
            "entries": [pushed],
        }
        answer = client.post(
            f"{SYNC.lstrip('/')}push/",
            content=json.dumps(body),
            headers={"Content-Type": "application/json"},
        )
        assert answer.json()["results"][0]["verdict"] == "applied"
        for each in waiting:
            page: Any = each.result(timeout=45).json()
            (change,) = page["changes"]
            assert (change["mutation_id"], change["at"]) == (pushed["mutation_id"], AT)
            assert (page["next"], page["more"]) == (there["head"] + 1, False)
        # Nothing comes any more: the answer is empty, and in time.
        page = client.get(f"{path}?since={there['head'] + 1}&wait=1").json()
        assert (page["changes"], page["next"]) == ([], there["head"] + 1)
        # A wait where the feed does not go on is over at once.
        late = client.get(f"{path}?since={there['head'] + 2}&wait=50", timeout=20)
        assert late.status_code == 410
