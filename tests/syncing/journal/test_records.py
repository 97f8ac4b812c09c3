"""Journal entries are written with the change, found by the sweep, and spared by compaction."""

from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
import time_machine
from django.db import transaction

from contexts import compaction, completion, delegations, entries, services
from contexts.access import Caller
from contexts.changes import Author
from contexts.history import head_of
from contexts.levels import PROJECT, TASK, Document
from contexts.models import Change, Delegation, Entry, Feed, Role, owned
from syncing import journal, link
from syncing.client import CloudClient
from syncing.journal import State
from syncing.models import JournalEntry
from tests.conftest import make_chain, make_organization
from tests.syncing.hubs import ORGANIZATION, ScriptedHub, exchange, linked_to
from tests.syncing.journal.conftest import NOW
from tests.syncing.journal.entries import edit, waiting


def test_every_kind_of_change_is_journaled_with_it(owner: Caller, client: CloudClient) -> None:
    make_chain(owner)
    entries.add(owner, TASK, "t1", Entry.Kind.INSIGHT, "Mind the gap.")
    services.update(owner, TASK, "t1", lambda old: {**old, "progress": 5})
    asked = delegations.delegate(
        Caller(ORGANIZATION, "writer", Role.WRITER),
        TASK,
        "t1",
        to="global",
        data={"a": 1},
    )
    delegations.decide(owner, asked.delegation_id, Delegation.Status.APPROVED)
    delegations.delegate(owner, TASK, "t1", to="project", data={"b": 2})
    completion.complete(owner, "t1", "done")
    services.revert(owner, TASK, "t1", 1)
    services.delete(owner, PROJECT, "p1", cascade=True)
    logged = owned(ORGANIZATION, Change, seq__gt=1).order_by("seq")
    kinds = {change.operation for change in logged}
    assert kinds == {"created", "updated", "deleted", "entry_added", "delegated"}
    told = [(change.context_id, change.seq) for change in logged]
    assert waiting() == told


@pytest.mark.django_db(transaction=True)
def test_a_change_that_is_rolled_back_leaves_no_entry(client: CloudClient) -> None:
    make_organization(ORGANIZATION)
    author = Author(ORGANIZATION, "owner")
    before = waiting()
    with transaction.atomic():
        services.create(author, PROJECT, {}, context_id="p1")
        assert len(waiting()) == len(before) + 1
        transaction.set_rollback(True)
    assert waiting() == before
    assert head_of(ORGANIZATION) == len(before)


def test_without_its_entry_there_is_no_change(owner: Caller, client: CloudClient) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("disk full")

    with mock.patch.object(journal, "record", fail), pytest.raises(RuntimeError):
        services.create(owner, PROJECT, {}, context_id="p1")
    assert not PROJECT.rows(ORGANIZATION).exists()
    assert head_of(ORGANIZATION) == 1


def test_only_the_configured_organization_is_journaled(owner: Caller, client: CloudClient) -> None:
    make_organization("elsewhere")
    services.create(Author("elsewhere", "stranger"), PROJECT, {}, context_id="p1")
    assert not JournalEntry.objects.exists()


def test_without_a_hub_nothing_is_journaled(owner: Caller) -> None:
    edit(owner, "p1", a=1)
    assert not JournalEntry.objects.exists()


# Found by the sweep


def test_what_was_written_past_the_journal_is_found_by_the_sweep(
    owner: Caller, hub: ScriptedHub
) -> None:
    edit(owner, "p1", a=1)
    edit(owner, "p1", a=2)
    with linked_to(hub), mock.patch.object(journal, "SWEPT_AT_ONCE", 2):
        edit(owner, "p2", a=1)
        link.link_of(ORGANIZATION)
        for _ in range(2):
            journal.sweep(ORGANIZATION)
            assert waiting() == [("global", 1), ("p1", 2), ("p1", 3), ("p2", 4)]


def test_the_sweep_does_the_work_of_a_push_that_was_never_asked_for(
    owner: Caller, hub: ScriptedHub, client: CloudClient
) -> None:
    """The hint after the commit is lost (here nothing is ever nudged): the sweep alone brings
    all there, also what no receiver saw."""
    edit(owner, "p1", a=1)
    with mock.patch.object(journal, "has_hub", return_value=False):
        edit(owner, "p2", a=1)
    exchange(client)
    assert waiting() == waiting(State.SENT) == []
    assert {change["context_id"] for change in hub.feed} == {"global", "p1", "p2"}


def test_the_sweep_forgets_what_is_settled(owner: Caller, client: CloudClient) -> None:
    edit(owner, "p1", a=1)
    exchange(client)
    assert waiting(State.SETTLED) != []
    journal.sweep(ORGANIZATION)
    assert not JournalEntry.objects.exists()


def test_what_came_from_the_hub_is_not_journaled(
    owner: Caller, hub: ScriptedHub, client: CloudClient
) -> None:
    exchange(client)
    hub.write(PROJECT, "p1", "global", data={"a": 1})
    exchange(client)
    journal.sweep(ORGANIZATION)
    assert PROJECT.rows(ORGANIZATION).get().data == {"a": 1}
    assert not JournalEntry.objects.exists()


# What compaction must leave


def documents() -> dict[int, Document | None]:
    return dict(owned(ORGANIZATION, Change).values_list("seq", "document"))


def test_compaction_leaves_what_is_still_to_be_pushed(
    owner: Caller, client: CloudClient, clock: time_machine.Traveller
) -> None:
    exchange(client)
    for value in range(3):
        edit(owner, "p1", a=value)
    before = documents()
    compaction.compact(ORGANIZATION, NOW + timedelta(days=400))
    assert documents() == before
    assert owned(ORGANIZATION, Feed).get().floor < 2
    exchange(client)
    compaction.compact(ORGANIZATION, NOW + timedelta(days=400))
    assert [seq for seq, document in documents().items() if document is None] == [2, 3]


@pytest.mark.parametrize("state", [State.PENDING, State.SENT])
def test_nothing_is_needed_below_what_is_unsettled_and_its_bases(
    owner: Caller, client: CloudClient, state: State
) -> None:
    exchange(client)
    assert journal.first_needed(ORGANIZATION) is None
    edit(owner, "p1", a=1)
    exchange(client)
    edit(owner, "p2", a=1)
    edit(owner, "p1", a=2)
    JournalEntry.objects.exclude(state=State.SETTLED).update(state=state)
    # The first one is new, the second one's base is older than both.
    assert [seq for _, seq in waiting(state)] == [3, 4]
    assert journal.first_needed(ORGANIZATION) == 1


def test_what_the_hub_refused_keeps_the_documents_of_its_context_and_no_others(
    hub: ScriptedHub, owner: Caller, client: CloudClient, clock: time_machine.Traveller
) -> None:
    """It may wait for a human for years; tried again, it goes with its base."""
    exchange(client)
    hub.judge = lambda entry: (
        {"verdict": "rejected", "code": "forbidden"} if entry["context_id"] == "p1" else None
    )
    for value in range(3):
        edit(owner, "p1", a=value)
        edit(owner, "p2", a=value)
    exchange(client)
    assert {context for context, _ in waiting(State.DEAD)} == {"p1"}
    head = owned(ORGANIZATION, Feed).get().head
    compaction.compact(ORGANIZATION, NOW + timedelta(days=400))
    assert owned(ORGANIZATION, Feed).get().floor == head
    gone = owned(ORGANIZATION, Change, document__isnull=True, makes_version=True)
    assert set(gone.values_list("context_id", flat=True)) == {"p2"}
    hub.judge = lambda entry: None
    hub.asked.clear()
    journal.retry_dead(ORGANIZATION)
    exchange(client)
    told = [each["document"]["data"] for batch in hub.pushed for each in batch]
    assert told == [{"a": 0}, {"a": 1}, {"a": 2}]
    assert journal.first_needed(ORGANIZATION) is None


def test_an_organization_without_a_link_is_left_alone_by_the_sweep(
    owner: Caller, client: CloudClient
) -> None:
    journal.sweep(ORGANIZATION)
    journal.sweep("elsewhere")
    assert not JournalEntry.objects.exists()
