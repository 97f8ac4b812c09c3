"""Many nodes push at the same moment: nothing lost, nothing twice, the feed without a gap."""

import json
import threading
from functools import partial
from typing import Any

import pytest
from django.db import connections

from contexts import agents
from contexts.models import Role
from syncing.models import Receipt
from tests.conftest import client_with
from tests.syncing.pushing import Document, Hub, Node, entry, insight, task
from tests.system.threads import failures, join_all, together

pytestmark = pytest.mark.django_db(transaction=True)

NODES = 8
SIZES = [
    pytest.param(6, id="6 rounds"),
    pytest.param(60, id="60 rounds", marks=pytest.mark.nightly),
]
ATTEMPTS = 50
TAKEN_IN = {"applied", "merged", "conflict"}


def delivered(node: Node, *entries: Document) -> list[Document]:
    """The results for `entries`, sent until all are taken in, and once more."""
    known: dict[int, Document] = {}
    for _ in range(ATTEMPTS):
        complete = len(known) == len(entries)
        answer = node.send(*entries)
        # Two transactions may have waited for each other: the database ended one.
        assert answer.status_code in (200, 503), answer.content
        results = json.loads(answer.content)["results"] if answer.status_code == 200 else []
        for place, result in enumerate(results):
            if result["verdict"] in TAKEN_IN:
                assert known.setdefault(place, result) == result
            else:
                assert result["verdict"] == "retry"
        if complete:
            return [known[place] for place in range(len(entries))]
    raise AssertionError(f"{node.name} gets no verdicts: {results}")


def work(node: Node, base: str, rounds: int) -> list[tuple[Document, Document]]:
    """A node's edits of the task that all share, each on its own last one, and of its own task."""
    told = []
    own = entry("task", node.name, task({"round": -1}))
    pushed = [own]
    data: Document = {"a": 1, "b": 1}
    for number in range(rounds):
        # The path `a` is everybody's, the others are this node's.
        data = {**data, node.name: number, f"{node.name}.{number}": 1}
        if number == rounds // 2:
            data["a"] = node.name
        shared = entry("task", "t1", task(data), base)
        own = entry("task", node.name, task({"round": number}), own["revision"])
        news = entry(
            "task",
            "t1",
            None,
            operation="entry_added",
            revision=base,
            entry=insight(f"{node.name} {number}"),
        )
        base = shared["revision"]
        pushed += [shared, own, news]
        told += list(zip(pushed, delivered(node, *pushed), strict=True))
        pushed = []
    return told


def follow(hub: Hub, stop: threading.Event, seen: list[Document]) -> None:
    """Reads the feed while others write it."""
    try:
        while not stop.is_set():
            seen += hub.feed(since=len(seen), limit=7)["changes"]
    finally:
        connections.close_all()


@pytest.mark.parametrize("rounds", SIZES)
def test_nodes_that_push_at_once_lose_nothing(hub: Hub, rounds: int) -> None:
    nodes = []
    for number in range(NODES):
        key = agents.issue_key(f"key-{number}", "global", Role.WRITER)
        nodes.append(Node(client_with(key), f"n{number}"))
    base, before = hub.revision("task", "t1"), hub.head()
    reader = Hub(client_with(agents.issue_key("follower", "global", Role.WRITER)))
    stop, followed = threading.Event(), list[Document]()
    follower = threading.Thread(target=follow, args=(reader, stop, followed), daemon=True)
    follower.start()
    try:
        outcomes = together([partial(work, node, base, rounds) for node in nodes], seconds=900)
    finally:
        stop.set()
        join_all([follower])
    assert not failures(outcomes), failures(outcomes)[0]
    told: list[tuple[Document, Document]] = [each for outcome in outcomes for each in outcome]
    feed = whole_feed(hub)
    assert [each["seq"] for each in feed] == list(range(1, hub.head() + 1))
    assert followed == feed[: len(followed)]
    check_every_mutation_is_there_once(feed[before:], told)
    check_the_shared_task(hub, nodes, rounds)
    for node in nodes:
        shown = hub.show("task", node.name)
        assert (shown["data"], shown["version"]) == ({"round": rounds - 1}, rounds + 1)


def whole_feed(hub: Hub) -> list[Document]:
    read: list[Document] = []
    while True:
        page = hub.feed(since=len(read))
        read += page["changes"]
        if not page["more"]:
            return read


def check_every_mutation_is_there_once(
    feed: list[Document], told: list[tuple[Document, Document]]
) -> None:
    by_mutation: dict[str, list[Document]] = {}
    for change in feed:
        by_mutation.setdefault(change["mutation_id"], []).append(change)
    opened = 0
    for pushed, result in told:
        (change,) = by_mutation[pushed["mutation_id"]]
        assert (change["seq"], change["revision"]) == (result["seq"], result["revision"])
        opened += result["conflict_id"] is not None
    assert len(feed) == len(told) + opened
    assert Receipt.objects.count() == len(told)


def check_the_shared_task(hub: Hub, nodes: list[Node], rounds: int) -> None:
    shown: Any = hub.show("task", "t1")
    history = hub.client.get("/api/v1/contexts/task/t1/history/", {"page_size": 500}).json()[
        "results"
    ]
    assert [each["version"] for each in reversed(history)] == list(range(1, NODES * rounds + 2))
    for node in nodes:
        assert shown["data"][node.name] == rounds - 1
        for number in range(rounds):
            assert shown["data"][f"{node.name}.{number}"] == 1
    # What all wrote to the same path is current once, and a side of a conflict for the others.
    conflicts = hub.client.get("/api/v1/conflicts/", {"page_size": 500}).json()["results"]
    theirs = {each["theirs"]["data"]["a"] for each in conflicts}
    assert {shown["data"]["a"], *theirs} == {node.name for node in nodes}
    entries = hub.client.get("/api/v1/contexts/task/t1/entries/", {"page_size": 500}).json()[
        "results"
    ]
    assert len(entries) == NODES * rounds


def test_the_same_push_at_the_same_moment_is_done_once(hub: Hub, node: Node) -> None:
    base = hub.revision("task", "t1")
    hub.edit("task", "t1", data={"a": 2})
    pushed = [
        entry("task", "t1", task({"a": 3, "b": 3}), base),
        entry("task", "t2", task({"x": 1})),
        entry("task", "t1", None, operation="entry_added", revision=base, entry=insight("x")),
    ]
    node.send()
    before = hub.head()
    outcomes = together([partial(delivered, node, *pushed) for _ in range(NODES)])
    assert not failures(outcomes), failures(outcomes)[0]
    assert all(outcome == outcomes[0] for outcome in outcomes)
    assert [each["verdict"] for each in outcomes[0]] == ["conflict", "applied", "applied"]
    # One more is the conflict's.
    assert hub.head() == before + 4
    assert len(hub.conflicts()) == 1


def test_a_context_that_all_make_at_once_is_one(hub: Hub) -> None:
    nodes = []
    for number in range(NODES):
        key = agents.issue_key(f"key-{number}", "global", Role.WRITER)
        nodes.append(Node(client_with(key), f"n{number}"))
    outcomes = together(
        [partial(delivered, node, entry("task", "t9", task({node.name: 1}))) for node in nodes]
    )
    assert not failures(outcomes), failures(outcomes)[0]
    assert hub.show("task", "t9")["data"] == {node.name: 1 for node in nodes}
    assert hub.show("task", "t9")["version"] == NODES
    assert hub.conflicts() == []
