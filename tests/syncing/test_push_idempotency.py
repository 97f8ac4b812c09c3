"""`POST sync/push/`: whatever arrives twice is done once, and answered alike (DESIGN §4)."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from syncing import receipts
from syncing.models import Receipt
from tests.syncing.pushing import Document, Hub, Node, entry, insight, task

Prepare = Callable[[Hub], Document]


def applied(hub: Hub) -> Document:
    return entry("task", "t1", task({"a": 2, "b": 1}), hub.revision("task", "t1"))


def made(hub: Hub) -> Document:
    return entry("task", "t2", task({"x": 1}))


def merged(hub: Hub) -> Document:
    base = hub.revision("task", "t1")
    hub.edit("task", "t1", data={"a": 2})
    return entry("task", "t1", task({"a": 1, "b": 2}), base)


def conflict(hub: Hub) -> Document:
    base = hub.revision("task", "t1")
    hub.edit("task", "t1", data={"a": 2})
    return entry("task", "t1", task({"a": 3, "b": 2}), base)


def redacted(hub: Hub) -> Document:
    return entry("task", "t2", task({"password": "hunter2-hunter2-x9"}))


def deleted(hub: Hub) -> Document:
    return entry("task", "t1", None, hub.revision("task", "t1"))


def kept(hub: Hub) -> Document:
    base = hub.revision("task", "t1")
    hub.edit("task", "t1", data={"a": 2})
    return entry("task", "t1", None, base)


def news(hub: Hub) -> Document:
    revision = hub.revision("task", "t1")
    told = insight("learned")
    return entry("task", "t1", None, operation="entry_added", revision=revision, entry=told)


CASES = [
    (applied, "applied"),
    (made, "applied"),
    (merged, "merged"),
    (conflict, "conflict"),
    (redacted, "merged"),
    (deleted, "applied"),
    (kept, "conflict"),
    (news, "applied"),
]
each_case = pytest.mark.parametrize(
    ("prepare", "verdict"), CASES, ids=[prepare.__name__ for prepare, _ in CASES]
)


@each_case
def test_the_same_again_gets_the_same_answer_and_changes_nothing(
    hub: Hub, node: Node, prepare: Prepare, verdict: str
) -> None:
    pushed = prepare(hub)
    first = node.judged(pushed)
    assert first["verdict"] == verdict
    after = hub.status()
    assert node.judged(pushed) == first
    # Members in another order are the same entry.
    assert node.judged(dict(reversed(pushed.items()))) == first
    assert hub.status() == after


@each_case
def test_after_its_receipt_is_forgotten_it_is_still_known(
    hub: Hub, node: Node, prepare: Prepare, verdict: str, settings: Any
) -> None:
    """Only that it was part of a conflict is not told again: the feed told that."""
    pushed = prepare(hub)
    first = node.judged(pushed)
    after = hub.status()
    assert receipts.expire() == 0
    later = timezone.now() + timedelta(days=settings.CONTEXTSYS_HISTORY_DAYS, minutes=1)
    with time_machine.travel(later):
        assert receipts.expire() == 1
        again = node.judged(pushed)
    told = {"verdict": "merged", "conflict_id": None} if verdict == "conflict" else {}
    assert again == {**first, **told}
    assert hub.status() == after


def test_many_receipts_are_forgotten_in_batches(
    hub: Hub, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receipts, "BATCH", 2)
    node.send(*(entry("task", f"t{number}", task({})) for number in range(10, 15)))
    Receipt.objects.update(at=datetime(2020, 1, 1, tzinfo=UTC))
    node.judged(entry("task", "t20", task({})))
    assert receipts.expire() == 5
    assert Receipt.objects.count() == 1


@each_case
def test_the_same_again_much_later_too(
    hub: Hub, node: Node, other_node: Node, prepare: Prepare, verdict: str
) -> None:
    pushed = prepare(hub)
    first = node.judged(pushed)
    base = hub.last_revision("task", pushed["context_id"])
    later = entry("task", pushed["context_id"], task({"later": 1}), base)
    assert other_node.verdict(later) == "applied"
    node.incarnation = "first"
    after = hub.status()
    assert node.judged(pushed) == first
    assert hub.status() == after


def test_twice_in_one_push_is_done_once(hub: Hub, node: Node) -> None:
    pushed = merged(hub)
    first, second = node.push(pushed, pushed)
    assert first == second
    assert [each["version"] for each in hub.history("task", "t1")] == [3, 2, 1]


def test_a_push_whose_answer_was_lost_goes_on_where_it_stopped(hub: Hub, node: Node) -> None:
    base = hub.revision("task", "t1")
    one = entry("task", "t1", task({"a": 2, "b": 1}), base)
    two = entry("task", "t1", task({"a": 3, "b": 1}), one["revision"])
    first = node.judged(one)
    again, second = node.push(one, two)
    assert again == first
    assert second["verdict"] == "applied"
    assert [each["version"] for each in hub.history("task", "t1")] == [3, 2, 1]


@each_case
def test_another_entry_under_the_same_id_is_refused(
    hub: Hub, node: Node, prepare: Prepare, verdict: str
) -> None:
    pushed = prepare(hub)
    first = node.judged(pushed)
    after = hub.status()
    others = [
        entry("task", "t3", task({"x": 1}), mutation_id=pushed["mutation_id"]),
        entry(
            "task",
            "t1",
            None,
            operation="entry_added",
            revision=hub.last_revision("task", "t1"),
            entry=insight("something else"),
            mutation_id=pushed["mutation_id"],
        ),
    ]
    for other in others:
        told = node.judged(other)
        assert (told["verdict"], told["code"]) == ("rejected", "mutation_reused")
        assert told["seq"] is None
    assert hub.status() == after
    assert node.judged(pushed) == first


@each_case
@pytest.mark.parametrize("change", [{"actor": "agent-next-door"}, {"at": "2026-01-02T03:04:05Z"}])
def test_the_same_entry_by_another_or_of_another_time_is_refused(
    hub: Hub, node: Node, prepare: Prepare, verdict: str, change: Document
) -> None:
    pushed = prepare(hub)
    first = node.judged(pushed)
    told = node.judged({**pushed, **change})
    assert (told["verdict"], told["code"]) == ("rejected", "mutation_reused")
    assert node.judged(pushed) == first


def test_another_document_under_the_same_id_and_revision_is_refused_as_that(
    hub: Hub, node: Node
) -> None:
    pushed = applied(hub)
    first = node.judged(pushed)
    told = node.judged({**pushed, "document": task({"a": 3, "b": 1})})
    assert (told["verdict"], told["code"]) == ("rejected", "mutation_reused")
    assert node.judged(pushed) == first


def test_a_mutation_id_is_the_nodes_own(hub: Hub, node: Node, other_node: Node) -> None:
    mine = entry("task", "t2", task({"x": 1}))
    theirs = entry("task", "t3", task({"x": 2}), mutation_id=mine["mutation_id"])
    assert node.verdict(mine) == "applied"
    assert other_node.verdict(theirs) == "applied"
    assert hub.show("task", "t3")["data"] == {"x": 2}


def test_what_was_not_taken_in_is_judged_anew(hub: Hub, node: Node) -> None:
    orphan = entry("task", "t9", task(branch="b9"))
    unknown = entry("task", "t1", task({"a": 2}), f"1-{'0' * 32}")
    wrong = entry("task", "t1", task(progress=101), hub.revision("task", "t1"))
    verdicts = ["retry", "unknown_base", "rejected"]
    for _ in range(2):
        assert [each["verdict"] for each in node.push(orphan, unknown, wrong)] == verdicts
    hub.make("branch", "b9", project_id="p1")
    assert node.verdict(orphan) == "applied"


def test_an_entry_that_is_here_already_is_not_added_again(
    hub: Hub, node: Node, other_node: Node
) -> None:
    first = news(hub)
    assert node.verdict(first) == "applied"
    head = hub.head()
    again = {**first, "mutation_id": "00000000-0000-4000-8000-000000000001"}
    assert other_node.verdict(again) == "applied"
    assert hub.head() == head


def test_a_version_that_two_nodes_made_alike_is_one(hub: Hub, node: Node, other_node: Node) -> None:
    first, second = applied(hub), applied(hub)
    assert node.judged(first)["seq"] == other_node.judged(second)["seq"]
    assert [each["version"] for each in hub.history("task", "t1")] == [2, 1]


@each_case
def test_a_copy_under_a_name_of_its_own_is_told_what_became_of_what_it_shares(
    hub: Hub, node: Node, prepare: Prepare, verdict: str
) -> None:
    """What both made before they parted keeps the old name, and may have come before."""
    pushed = prepare(hub)
    first = node.judged(pushed)
    after = hub.status()
    copy = Node(node.client, "node-1-copy")
    told = copy.judged({**pushed, "origin_node": node.name})
    assert told["verdict"] in ("applied", "merged")
    assert (told["seq"], told["revision"]) == (first["seq"], first["revision"])
    assert hub.status() == after


def test_a_hub_knows_its_own_changes_when_a_node_offers_them(hub: Hub, node: Node) -> None:
    """As after it was put back: nodes offer all they have, its own changes too."""
    hub.edit("task", "t1", data={"a": 2})
    hub.client.post("/api/v1/contexts/task/t1/progress/", {"content": "x"}, format="json")
    after = hub.status()
    for change in hub.feed()["changes"]:
        offered = {**change, "base_revision": change["parent_revision"]}
        told = node.judged(offered)
        assert (told["verdict"], told["seq"]) == ("applied", change["seq"])
    assert hub.status() == after
