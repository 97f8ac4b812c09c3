"""Claimed by lane: no two hold one, and nothing is taken out of order."""

import threading
from datetime import timedelta

import pytest
import time_machine

from contexts.access import Caller
from contexts.models import Role
from syncing import batches, wire
from syncing.batches import LEASE, Batch
from syncing.client import CloudClient
from syncing.journal import State
from syncing.models import JournalEntry, Lane
from tests.conftest import make_organization
from tests.syncing.hubs import ORGANIZATION
from tests.syncing.journal.entries import claimed, edit, waiting
from tests.system.threads import failures, together


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


def test_a_lease_holds_for_who_read_the_time_before_it_was_given(
    owner: Caller, client: CloudClient, clock: time_machine.Traveller
) -> None:
    edit(owner, "p1", a=1)
    assert batches.claim(ORGANIZATION, "node") is not None
    clock.shift(-timedelta(milliseconds=200))
    assert batches.claim(ORGANIZATION, "node") is None
