"""The journal: written with the change, claimed by lane, tried again with patience, never lost."""

import random
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone

from contexts import compaction, completion, delegations, entries, services
from contexts.access import Caller
from contexts.changes import Author
from contexts.history import head_of
from contexts.levels import PROJECT, TASK, Document
from contexts.models import Change, Delegation, Entry, Feed, Role, owned
from syncing import batches, journal, link, wire
from syncing.batches import LEASE, Batch
from syncing.client import CloudClient
from syncing.journal import LONGEST_BACKOFF, State
from syncing.models import JournalEntry, Lane
from tests.conftest import make_chain, make_organization
from tests.syncing.hubs import ORGANIZATION, ScriptedHub, exchange, linked_to
from tests.system.threads import failures, together

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def hub() -> ScriptedHub:
    return ScriptedHub()


@pytest.fixture
def client(hub: ScriptedHub) -> Iterator[CloudClient]:
    with linked_to(hub) as client:
        yield client


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def edit(author: Caller, context_id: str, **data: Any) -> None:
    """The next edit of a project, which is made at the first."""
    level = PROJECT
    if not level.rows(ORGANIZATION, context_id=context_id).exists():
        services.create(author, level, {"data": data}, context_id=context_id)
        return
    services.update(author, level, context_id, lambda old: {**old, "data": {**old["data"], **data}})


def waiting(state: State = State.PENDING) -> list[tuple[str, int]]:
    """The entries in that state: context and number, in order."""
    found = owned(ORGANIZATION, JournalEntry, state=state).order_by("seq")
    return list(found.values_list("lane__context_id", "seq"))


def claimed(most: int = 100) -> list[str]:
    """The contexts whose changes the next claim takes, one a change."""
    batch = batches.claim(ORGANIZATION, "node", most)
    return [body["context_id"] for body in batch.bodies] if batch is not None else []


# Written with the change


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


# Claimed by lane


def test_a_claim_takes_each_contexts_changes_in_order(owner: Caller, client: CloudClient) -> None:
    for value in range(3):
        edit(owner, "p1", a=value)
        edit(owner, "p2", a=value)
    batch = batches.claim(ORGANIZATION, "node")
    assert batch is not None
    assert [entry.seq for entry in batch.entries] == [2, 3, 4, 5, 6, 7]
    assert [body["document"]["data"]["a"] for body in batch.bodies] == [0, 0, 1, 1, 2, 2]


def test_what_is_claimed_is_nobody_elses_until_it_is_released(
    owner: Caller, client: CloudClient
) -> None:
    edit(owner, "p1", a=1)
    edit(owner, "p2", a=1)
    first = batches.claim(ORGANIZATION, "node", 1)
    assert first is not None
    # An edit that comes meanwhile waits for the one before it.
    edit(owner, "p1", a=2)
    assert claimed() == ["p2"]
    batches.release(first)
    assert claimed() == ["p1", "p1"]


def test_a_killed_workers_lease_runs_out(
    owner: Caller, client: CloudClient, clock: time_machine.Traveller
) -> None:
    edit(owner, "p1", a=1)
    killed = batches.claim(ORGANIZATION, "node")
    assert killed is not None
    clock.shift(LEASE - timedelta(seconds=1))
    assert batches.claim(ORGANIZATION, "node") is None
    clock.shift(timedelta(seconds=2))
    again = batches.claim(ORGANIZATION, "node")
    assert again is not None
    assert again.bodies == killed.bodies
    # Should it live after all, its release is no longer of any lane.
    batches.release(killed)
    assert batches.claim(ORGANIZATION, "node") is None


@pytest.mark.django_db(transaction=True)
def test_threads_that_claim_at_once_never_hold_the_same_lane(client: CloudClient) -> None:
    make_organization(ORGANIZATION)
    author = Caller(ORGANIZATION, "owner", Role.ADMIN)
    for value in range(4):
        for context_id in "abcdefgh":
            edit(author, context_id, a=value)
    guard, held, sent = threading.Lock(), set[int](), list[tuple[int, int]]()

    def note(batch: Batch) -> None:
        with guard:
            lanes = {lane.pk for lane in batch.lanes if lane.pk in _leased(batch)}
            assert not lanes & held, "two hold the same lane"
            held.update(lanes)
            sent.extend((entry.lane_id, entry.seq) for entry in batch.entries)

    def work() -> None:
        while (batch := batches.claim(ORGANIZATION, "node", 3)) is not None or waiting():
            if batch is None:
                continue
            note(batch)
            keys = [entry.pk for entry in batch.entries]
            JournalEntry.objects.filter(pk__in=keys).update(state=State.SENT)
            with guard:
                held.difference_update(_leased(batch))
                batches.release(batch)

    assert failures(together([work] * 4)) == []
    assert len(sent) == len(set(sent)) == 33
    for lane in {lane for lane, _ in sent}:
        numbers = [seq for each, seq in sent if each == lane]
        assert numbers == sorted(numbers)


def _leased(batch: Batch) -> set[int]:
    return set(Lane.objects.filter(lease_token=batch.token).values_list("pk", flat=True))


def test_a_batch_ends_at_its_bytes_and_one_change_may_have_more(
    owner: Caller, client: CloudClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "BATCH_BYTES", 4000)
    for name, size in (("p1", 1200), ("p2", 1200), ("p3", 9000), ("p4", 10)):
        edit(owner, name, text="x" * size)
    taken = []
    while batch := batches.claim(ORGANIZATION, "node"):
        taken.append([body["context_id"] for body in batch.bodies])
        JournalEntry.objects.filter(pk__in=[each.pk for each in batch.entries]).delete()
        batches.release(batch)
    assert taken == [["p1", "p2"], ["p3"], ["p4"]]


# Tried again


def test_a_failed_lane_is_tried_again_after_a_while_of_full_jitter(
    owner: Caller, client: CloudClient, clock: time_machine.Traveller
) -> None:
    edit(owner, "p1", a=1)
    lane = Lane.objects.get(context_id="p1")
    random.seed(1)
    for attempts, bound in ((0, 1), (1, 2), (4, 16), (8, 256), (9, 300), (50, 300)):
        delays = []
        for _ in range(200):
            lane.attempts = attempts
            journal.put_off([lane], network=True, error="away")
            due = Lane.objects.values_list("next_attempt_at", flat=True).get(pk=lane.pk)
            delays.append((due - timezone.now()).total_seconds())
        assert 0 <= min(delays) < 0.1 * bound
        assert 0.9 * bound < max(delays) <= bound <= LONGEST_BACKOFF
        # Spread over the whole of it, so that many nodes do not come back at one moment.
        assert 0.4 * bound < sum(delays) / len(delays) < 0.6 * bound


def test_attempts_are_counted_and_the_reason_stands_at_the_first_entry(
    owner: Caller, client: CloudClient
) -> None:
    edit(owner, "p1", a=1)
    edit(owner, "p1", a=2)
    journal.put_off([Lane.objects.get(context_id="p1")], network=True, error="It is away.")
    first, second = JournalEntry.objects.order_by("seq")
    assert (first.attempts, first.last_error) == (1, "It is away.")
    assert (second.attempts, second.last_error) == (0, "")
    assert Lane.objects.get(context_id="p1").attempts == 1


def test_a_put_off_lane_is_not_due_before_its_time_and_holds_no_other(
    owner: Caller, client: CloudClient, clock: time_machine.Traveller
) -> None:
    edit(owner, "p1", a=1)
    edit(owner, "p2", a=1)
    journal.put_off([Lane.objects.get(context_id="p1")], network=True, error="away", at_least=20.0)
    edit(owner, "p1", a=2)
    batch = batches.claim(ORGANIZATION, "node")
    assert batch is not None
    assert [body["context_id"] for body in batch.bodies] == ["p2"]
    JournalEntry.objects.filter(lane__context_id="p2").delete()
    clock.shift(19)
    assert claimed() == []
    clock.shift(2)
    assert claimed() == ["p1", "p1"]


@pytest.mark.parametrize("day", [timedelta(days=1), timedelta(days=-1)])
def test_a_clock_that_was_set_wrong_makes_nobody_wait_for_that_day(
    owner: Caller, client: CloudClient, clock: time_machine.Traveller, day: timedelta
) -> None:
    edit(owner, "p1", a=1)
    edit(owner, "p2", a=1)
    with time_machine.travel(NOW + day, tick=False):
        assert batches.claim(ORGANIZATION, "node", 1) is not None
        journal.put_off([Lane.objects.get(context_id="p2")], network=True, error="away")
    clock.shift(LEASE + timedelta(seconds=1))
    assert claimed() == ["p1", "p2"]


def test_a_lease_holds_for_who_read_the_time_before_it_was_given(
    owner: Caller, client: CloudClient, clock: time_machine.Traveller
) -> None:
    edit(owner, "p1", a=1)
    assert batches.claim(ORGANIZATION, "node") is not None
    clock.shift(-timedelta(milliseconds=200))
    assert batches.claim(ORGANIZATION, "node") is None


def test_the_return_of_the_network_makes_due_what_waits_for_it_alone(
    owner: Caller, client: CloudClient, clock: time_machine.Traveller
) -> None:
    edit(owner, "p1", a=1)
    edit(owner, "p2", a=1)
    lanes = {lane.context_id: lane for lane in Lane.objects.all()}
    journal.put_off([lanes["p1"]], network=True, error="away", at_least=60)
    journal.put_off([lanes["p2"]], network=False, error="failed", at_least=60)
    assert claimed() == []
    journal.network_is_back(ORGANIZATION)
    assert claimed() == ["p1"]


def test_a_lane_that_failed_by_itself_is_sent_by_itself(
    owner: Caller, client: CloudClient, clock: time_machine.Traveller
) -> None:
    for name in ("p1", "p2", "p3"):
        edit(owner, name, a=1)
    journal.put_off([Lane.objects.get(context_id="p2")], network=False, error="failed")
    clock.shift(2)
    assert claimed() == ["p1", "p3"]
    assert claimed() == ["p2"]


def test_dead_entries_are_pending_again_when_someone_says_so(
    owner: Caller, client: CloudClient
) -> None:
    for name in ("p1", "p2"):
        edit(owner, name, a=1)
    JournalEntry.objects.update(state=State.DEAD, code="invalid", last_error="No.")
    assert claimed() == []
    one = JournalEntry.objects.get(lane__context_id="p2")
    assert journal.retry_dead(ORGANIZATION, [one.pk]) == 1
    assert claimed() == ["p2"]
    assert journal.retry_dead("elsewhere") == 0
    assert journal.retry_dead(ORGANIZATION) == 1
    assert [name for name, _ in waiting()] == ["p1", "p2"]
    assert set(JournalEntry.objects.values_list("code", "last_error")) == {("", "")}


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
