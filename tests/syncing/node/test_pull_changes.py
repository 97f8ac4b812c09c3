"""What a page's changes do here: a node's own that come back, and those of others."""

from typing import Any

from django.utils import timezone

from contexts import entries, services
from contexts.access import Caller
from contexts.history import head_of
from contexts.identifiers import uuid7
from contexts.levels import BRANCH, PROJECT, Document
from contexts.models import Change, Entry, owned
from contexts.queries import timestamp
from syncing.client import CloudClient
from syncing.models import Conflict, Lane, unsettled
from tests.contexts.replay import assert_log_is_the_state
from tests.syncing.hubs import ORGANIZATION, Answer, Asked, ScriptedHub, away, exchange
from tests.syncing.node.deeds import data, edit, pull_all, story


def test_an_own_change_that_comes_back_settles_its_entry_and_changes_nothing(
    hub: ScriptedHub, client: CloudClient, owner: Caller
) -> None:
    services.create(owner, PROJECT, {}, context_id="p1")
    mine, head = Change.objects.get(context_id="p1"), head_of(ORGANIZATION)
    exchange(client)
    assert head_of(ORGANIZATION) == head
    after = Change.objects.get(context_id="p1")
    assert (after.seq, after.revision, after.from_hub) == (mine.seq, mine.revision, False)
    assert not unsettled(ORGANIZATION).exists()
    assert_log_is_the_state(ORGANIZATION)


def test_a_lost_answer_to_a_push_is_made_up_for_by_the_feed(
    hub: ScriptedHub, client: CloudClient, owner: Caller
) -> None:
    services.create(owner, PROJECT, {}, context_id="p1")

    def lose(asked: Asked) -> Answer | None:
        if asked.path == "push/":
            for entry in asked.body["entries"]:
                hub.take(entry)
            away(asked)
        return None

    hub.script = lose
    exchange(client)
    assert not unsettled(ORGANIZATION).exists()
    assert len(hub.pushed) == 1


def test_pending_edits_are_shown_on_top_of_what_comes(
    hub: ScriptedHub, client: CloudClient, owner: Caller
) -> None:
    story(hub, 1)
    pull_all(client)
    edit(owner, mine=1)
    edit(owner, mine=2)
    hub.write(PROJECT, "p1", data={"theirs": 0, "more": True})
    pull_all(client)
    assert data() == {"theirs": 0, "mine": 2, "more": True}
    assert [entry.change.document for entry in unsettled(ORGANIZATION)] == [
        {**hub.feed[1]["document"], "data": {"theirs": 0, "mine": value}} for value in (1, 2)
    ]
    lane = Lane.objects.get(context_id="p1")
    assert lane.upstream is not None
    assert lane.upstream.revision == hub.feed[-1]["revision"]


def test_what_the_hub_has_stays_where_a_pending_edit_disputes_it(
    hub: ScriptedHub, client: CloudClient, owner: Caller
) -> None:
    story(hub, 1)
    pull_all(client)
    edit(owner, theirs="mine", other=1)
    hub.write(PROJECT, "p1", data={"theirs": "hub"})
    pull_all(client)
    assert data() == {"theirs": "hub", "other": 1}


def test_an_edit_outlives_a_deletion_on_either_side(
    hub: ScriptedHub, client: CloudClient, owner: Caller
) -> None:
    story(hub, 1)
    hub.write(PROJECT, "p2", ORGANIZATION)
    pull_all(client)
    edit(owner, mine=1)
    services.delete(owner, PROJECT, "p2")
    hub.write(PROJECT, "p1", gone=True)
    hub.write(PROJECT, "p2", data={"theirs": 1})
    pull_all(client)
    assert (data("p1"), data("p2")) == ({"theirs": 0, "mine": 1}, {"theirs": 1})


def test_a_document_larger_than_a_writer_here_may_write_is_taken_over(
    hub: ScriptedHub, client: CloudClient, settings: Any
) -> None:
    settings.CONTEXTSYS_MAX_DOCUMENT_BYTES = 1024
    hub.write(PROJECT, "p1", ORGANIZATION, data={"long": 1024 * "x"})
    hub.write(PROJECT, "p2", ORGANIZATION)
    pull_all(client)
    assert (data("p1"), data("p2")) == ({"long": 1024 * "x"}, {})


def test_what_comes_is_not_sent_back(hub: ScriptedHub, client: CloudClient) -> None:
    story(hub)
    exchange(client)
    exchange(client)
    assert hub.pushed == []
    assert set(owned(ORGANIZATION, Change, seq__gt=1).values_list("from_hub", flat=True)) == {True}


def test_a_child_that_comes_before_its_parent_finds_its_place_when_that_comes(
    hub: ScriptedHub, client: CloudClient
) -> None:
    hub.write(BRANCH, "b1", "p1")
    pull_all(client)
    assert not BRANCH.rows(ORGANIZATION).exists()
    hub.write(PROJECT, "p1", ORGANIZATION)
    pull_all(client)
    assert BRANCH.rows(ORGANIZATION).get().revision == hub.feed[1]["revision"]


def news(hub: ScriptedHub, operation: str, **body: Any) -> Document:
    """A change at the hub that makes no version of its project."""
    at = hub.newest(PROJECT, "p1")
    assert at is not None
    change = {**at, "operation": operation, "makes_version": False, "document": None}
    change |= {"parent_revision": "", "mutation_id": str(uuid7()), **body}
    hub.tell(change)
    return change


def test_entries_travel_once(hub: ScriptedHub, client: CloudClient, owner: Caller) -> None:
    story(hub, 1)
    pull_all(client)
    mine = entries.add(owner, PROJECT, "p1", Entry.Kind.INSIGHT, "Ours.")
    entry = {
        "id": str(uuid7()),
        "kind": "insight",
        "content": "Theirs.",
        "category": "technical",
        "importance": "high",
        "agent": "hub-agent",
        "details": {},
        "created_at": "2026-01-01T00:00:00Z",
    }
    news(hub, "entry_added", entry=entry)
    exchange(client)
    exchange(client)
    found = owned(ORGANIZATION, Entry).order_by("created_at").values_list("content", "agent")
    assert list(found) == [("Theirs.", "hub-agent"), ("Ours.", mine.agent)]
    assert [change["entry"]["content"] for change in hub.feed if change["entry"]] == [
        "Theirs.",
        "Ours.",
    ]


def test_conflicts_come_with_the_feed_and_so_does_their_end(
    hub: ScriptedHub, client: CloudClient
) -> None:
    story(hub, 1)
    now = timestamp(timezone.now())
    record: Document = {
        "id": str(uuid7()),
        "level": "project",
        "context_id": "p1",
        "status": "open",
    }
    record |= {"base": None, "ours": {"data": {"a": 1}}, "theirs": {"data": {"a": 2}}}
    record["status"] = "open"
    opened = {**record, "paths": ["/data/a"], "rest_applied": True, "actor": "x", "at": now}
    news(hub, "conflict", record=opened)
    pull_all(client)
    conflict = Conflict.objects.get()
    assert (conflict.status, conflict.paths, conflict.theirs) == (
        "open",
        ["/data/a"],
        {"data": {"a": 2}},
    )
    told = {"strategy": "ours", "resolved_by": "y", "resolved_at": now}
    news(hub, "conflict", record={**record, **told, "status": "resolved"})
    pull_all(client)
    conflict.refresh_from_db()
    assert (conflict.status, conflict.strategy, conflict.resolved_by) == ("resolved", "ours", "y")
