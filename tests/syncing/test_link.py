"""The tie to the hub: made once, leased to one worker, begun again where both agree."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from contexts import services
from contexts.access import Caller
from contexts.levels import PROJECT
from contexts.models import owned
from syncing import batches, journal, link
from syncing.client import CloudClient
from syncing.errors import HubAway, HubBusy, HubFailed, HubRefused
from syncing.journal import State
from syncing.models import Checkpoint, JournalEntry, Lane, Link
from tests.conftest import make_organization
from tests.syncing.hubs import ORGANIZATION, ScriptedHub, exchange, linked_to
from tests.system.threads import failures, together

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TEN = 10.0


@pytest.fixture
def hub() -> ScriptedHub:
    return ScriptedHub()


@pytest.fixture
def client(hub: ScriptedHub, organization: str) -> Iterator[CloudClient]:
    with linked_to(hub) as client:
        yield client


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def tie() -> Link:
    return link.link_of(ORGANIZATION)


def test_the_hub_is_asked_who_it_is_once(hub: ScriptedHub, client: CloudClient) -> None:
    assert tie().hub_epoch == ""
    for _ in range(3):
        assert link.contact(ORGANIZATION, client).hub_epoch == hub.epoch
    assert [asked.path for asked in hub.asked] == ["status/"]


@pytest.mark.django_db(transaction=True)
def test_a_link_made_at_once_by_many_is_one() -> None:
    make_organization(ORGANIZATION)
    assert failures(together([lambda: link.link_of(ORGANIZATION)] * 4)) == []
    assert Link.objects.count() == 1


# How the hub is


def test_each_change_of_how_the_hub_is_is_logged_once(
    client: CloudClient, caplog: pytest.LogCaptureFixture
) -> None:
    tie()
    away, wrong = HubAway("Nobody there."), HubRefused(403, "forbidden")
    with caplog.at_level(logging.INFO, "contextsys.sync"):
        for error in (away, away, HubAway("Still nobody."), wrong, wrong, HubFailed(500)):
            link.note(ORGANIZATION, error)
        for _ in range(2):
            link.came(ORGANIZATION)
    assert [record.getMessage().split(":")[0] for record in caplog.records] == [
        "the hub does not answer; changes are kept until it does",
        "the hub refuses to sync",
        "the hub cannot be followed",
        "the hub answers again",
    ]


def test_a_hub_that_is_only_busy_is_not_away(client: CloudClient) -> None:
    tie()
    link.note(ORGANIZATION, HubBusy("The hub answers with status 429."))
    assert (tie().reachable, tie().last_error) == (True, "The hub answers with status 429.")


def test_a_hub_in_good_health_costs_no_write(client: CloudClient) -> None:
    tie()
    with CaptureQueriesContext(connection) as queries:
        link.came(ORGANIZATION)
    assert len(queries) <= 2
    before = tie().last_error
    link.came(ORGANIZATION)
    assert tie().last_error == before


def test_the_return_of_the_hub_makes_due_what_waits_for_it(
    client: CloudClient, owner: Caller
) -> None:
    tie()
    services.create(owner, PROJECT, {}, context_id="p1")
    link.note(ORGANIZATION, HubAway("x"))
    journal.put_off(Lane.objects.all(), network=True, error="x", at_least=250)
    link.came(ORGANIZATION)
    assert Lane.objects.get(context_id="p1").next_attempt_at <= timezone.now()


# One worker at a time


def test_the_standing_pull_is_one_workers_until_its_lease_is_over(
    client: CloudClient, clock: time_machine.Traveller
) -> None:
    tie()
    assert link.claim_pull(ORGANIZATION, TEN)
    assert not link.claim_pull(ORGANIZATION, TEN)
    clock.shift(9)
    assert not link.claim_pull(ORGANIZATION, TEN)
    assert link.claim_pull(ORGANIZATION, TEN, again=True)
    clock.shift(9)
    assert not link.claim_pull(ORGANIZATION, TEN)
    clock.shift(2)
    assert link.claim_pull(ORGANIZATION, TEN)
    link.release_pull(ORGANIZATION)
    assert link.claim_pull(ORGANIZATION, TEN)


def test_who_read_the_time_a_moment_earlier_does_not_get_it_too(
    client: CloudClient, clock: time_machine.Traveller
) -> None:
    tie()
    assert link.claim_pull(ORGANIZATION, TEN)
    clock.shift(-timedelta(milliseconds=300))
    assert not link.claim_pull(ORGANIZATION, TEN)


def test_a_clock_that_was_put_back_a_day_holds_nobody_up(
    client: CloudClient, clock: time_machine.Traveller
) -> None:
    tie()
    assert link.claim_pull(ORGANIZATION, TEN)
    clock.shift(-timedelta(days=1))
    assert link.claim_pull(ORGANIZATION, TEN)


@pytest.mark.django_db(transaction=True)
def test_of_workers_that_begin_at_once_one_follows() -> None:
    make_organization(ORGANIZATION)
    tie()
    found = together([lambda: link.claim_pull(ORGANIZATION, TEN)] * 6)
    assert sorted(found) == [False] * 5 + [True]


# Beginning again


def journaled() -> dict[str, str]:
    found = owned(ORGANIZATION, JournalEntry).order_by("seq")
    return dict(found.values_list("lane__context_id", "state"))


def test_going_back_to_a_checkpoint_offers_again_what_came_after_it(
    hub: ScriptedHub, client: CloudClient, owner: Caller
) -> None:
    exchange(client)
    place = Checkpoint.objects.get()
    services.create(owner, PROJECT, {}, context_id="mine")
    hub.write(PROJECT, "theirs", ORGANIZATION)
    exchange(client)
    services.create(owner, PROJECT, {}, context_id="sent")
    JournalEntry.objects.filter(lane__context_id="sent").update(
        state=State.SENT, verdict="applied", hub_seq=9
    )
    assert link.rewind(ORGANIZATION, "f" * 32, place) == 3
    assert (tie().cursor, tie().hub_epoch) == (place.hub_seq, "f" * 32)
    assert tie().last_stamp == place.stamp
    offered = {name: state for name, state in journaled().items() if name != "global"}
    assert offered == {"mine": "pending", "theirs": "pending", "sent": "pending"}
    assert set(JournalEntry.objects.filter(state=State.PENDING).values_list("hub_seq")) == {(None,)}


def test_beginning_anew_keeps_what_waits_and_offers_the_rest(
    hub: ScriptedHub, client: CloudClient, owner: Caller
) -> None:
    services.create(owner, PROJECT, {}, context_id="mine")
    exchange(client)
    services.create(owner, PROJECT, {}, context_id="waits")
    assert link.begin_anew(ORGANIZATION, offer=True) == 3
    assert (tie().cursor, tie().last_stamp) == (0, None)
    assert journaled() == {"global": "pending", "mine": "pending", "waits": "pending"}
    assert not Checkpoint.objects.exists()


def test_a_human_who_wants_it_now_need_not_wait(client: CloudClient, owner: Caller) -> None:
    services.create(owner, PROJECT, {}, context_id="p1")
    journal.put_off(Lane.objects.all(), network=False, error="x", at_least=250)
    assert batches.claim(ORGANIZATION, "node") is None
    link.wait_no_longer(ORGANIZATION)
    assert batches.claim(ORGANIZATION, "node") is not None


def test_what_is_of_another_organization_is_left_alone(client: CloudClient, owner: Caller) -> None:
    make_organization("elsewhere")
    link.link_of("elsewhere")
    link.note("elsewhere", HubAway("x"))
    tie()
    link.came(ORGANIZATION)
    assert not link.link_of("elsewhere").reachable
    with override_settings(CONTEXTSYS_ORGANIZATION="elsewhere"):
        assert not journal.has_hub(ORGANIZATION)
        assert journal.has_hub("elsewhere")
