"""Tried again with patience, or when someone says so."""

import random
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from contexts.access import Caller
from syncing import batches, journal
from syncing.batches import LEASE
from syncing.client import CloudClient
from syncing.journal import LONGEST_BACKOFF, State
from syncing.models import JournalEntry, Lane
from tests.syncing.hubs import ORGANIZATION
from tests.syncing.journal.conftest import NOW
from tests.syncing.journal.entries import claimed, edit, waiting


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
