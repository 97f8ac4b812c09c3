"""A push that fails: nothing is lost, and it is tried again in time."""

import logging
import random
from collections.abc import Callable
from datetime import timedelta

import httpx2
import pytest
import time_machine
from django.utils import timezone

from contexts.access import Caller
from syncing import link, pull
from syncing.client import CloudClient
from syncing.errors import HubAway, HubFailed, HubRefused, Refused, TooLarge
from syncing.journal import State
from syncing.models import JournalEntry, Lane
from syncing.push import push_due
from tests.syncing.hubs import (
    ORGANIZATION,
    Answer,
    Asked,
    ScriptedHub,
    always,
    away,
    exchange,
    linked_to,
)
from tests.syncing.node.deeds import make, states, told

pytestmark = pytest.mark.usefixtures("clock")


@pytest.mark.parametrize(
    "script",
    [
        away,
        always(429),
        always(502),
        always(503),
        always(504),
        always(408),
        always(500),
        always(599),
        always(404),
        always(400, {"code": "invalid"}),
        always(302),
        lambda asked: Answer(200, b"<html>"),
    ],
)
def test_nothing_but_a_final_verdict_makes_an_entry_dead(
    hub: ScriptedHub,
    client: CloudClient,
    owner: Caller,
    clock: time_machine.Traveller,
    script: Callable[[Asked], Answer | None],
) -> None:
    make(owner, "p1")
    hub.script = script
    for _ in range(25):
        assert push_due(ORGANIZATION, client).failure is not None
        clock.shift(301)
    assert states()["p1"] == State.PENDING
    assert JournalEntry.objects.get(lane__context_id="p1").attempts == 25
    bodies = {str(entries) for entries in hub.pushed}
    assert len(bodies) == 1, "the same bytes again"
    hub.script = lambda _: None
    push_due(ORGANIZATION, client)
    assert states()["p1"] == State.SENT


def test_a_hub_that_is_away_ends_the_push_after_one_try(
    hub: ScriptedHub, client: CloudClient, owner: Caller
) -> None:
    make(owner, *(f"p{number}" for number in range(120)))
    hub.script = away
    pushed = push_due(ORGANIZATION, client)
    assert isinstance(pushed.failure, HubAway)
    assert len(hub.pushed) == 1
    # What was not even tried is due as before: the next one finds out by itself.
    assert Lane.objects.filter(waits_for_network=True).count() == 100


def test_one_failed_push_is_tried_again_unasked_within_the_backoff(
    hub: ScriptedHub, client: CloudClient, owner: Caller, clock: time_machine.Traveller
) -> None:
    for seed in range(20):
        random.seed(seed)
        name = f"p{seed}"
        make(owner, name)
        hub.script = away
        push_due(ORGANIZATION, client)
        hub.script = lambda _: None
        for _ in range(2):
            clock.shift(0.5)
            push_due(ORGANIZATION, client)
        assert states()[name] == State.SENT


def test_what_waits_for_the_network_goes_the_moment_the_hub_answers_again(
    hub: ScriptedHub, client: CloudClient, owner: Caller, clock: time_machine.Traveller
) -> None:
    make(owner, "p1")
    hub.script = away
    for _ in range(12):
        push_due(ORGANIZATION, client)
        clock.shift(301)
    push_due(ORGANIZATION, client)
    random.seed(5)
    hub.script = lambda _: None
    pull.pull_once(ORGANIZATION, client)
    push_due(ORGANIZATION, client)
    assert states()["p1"] == State.SENT


def test_a_hub_that_is_asked_too_often_is_left_alone_as_long_as_it_says(
    hub: ScriptedHub, client: CloudClient, owner: Caller, clock: time_machine.Traveller
) -> None:
    """That it answers other questions meanwhile changes nothing of that."""
    make(owner, "p1", "p2")
    hub.script = lambda asked: (
        Answer(429, {}, {"Retry-After": "40"}) if asked.path == "push/" else None
    )
    push_due(ORGANIZATION, client)
    hub.asked.clear()
    for _ in range(3):
        clock.shift(13)
        pull.pull_once(ORGANIZATION, client)
        push_due(ORGANIZATION, client)
    assert hub.pushed == []
    hub.script = lambda _: None
    clock.shift(13)
    push_due(ORGANIZATION, client)
    assert told(hub) == [["p1", "p2"]]


def test_retry_after_of_a_hub_that_is_down_ends_when_it_is_up(
    hub: ScriptedHub, client: CloudClient, owner: Caller, clock: time_machine.Traveller
) -> None:
    make(owner, "p1")
    hub.script = always(503, Retry_After="200")
    push_due(ORGANIZATION, client)
    due = Lane.objects.get(context_id="p1").next_attempt_at
    assert due >= timezone.now() + timedelta(seconds=200)
    clock.shift(20)
    push_due(ORGANIZATION, client)
    assert len(hub.pushed) == 1
    hub.script = lambda _: None
    pull.pull_once(ORGANIZATION, client)
    push_due(ORGANIZATION, client)
    assert states()["p1"] == State.SENT


def test_a_context_at_which_the_hub_fails_holds_no_other_up(
    hub: ScriptedHub, client: CloudClient, owner: Caller, clock: time_machine.Traveller
) -> None:
    names = [f"p{number}" for number in range(20)]
    make(owner, *names)

    def fail_at_one(asked: Asked) -> Answer | None:
        entries = asked.body["entries"] if asked.body else []
        bad = any(entry["context_id"] == "p7" for entry in entries)
        return Answer(500, {"code": "server_error"}) if bad else None

    hub.script = fail_at_one
    assert isinstance(push_due(ORGANIZATION, client).failure, HubFailed)
    for _ in range(6):
        clock.shift(2)
        make(owner, f"q{len(names)}")
        names.append(f"q{len(names)}")
        push_due(ORGANIZATION, client)
    found = states()
    assert found.pop("p7") == State.PENDING
    assert set(found.values()) <= {State.SENT, State.SETTLED}
    # After the first failure it is sent by itself, and no other with it.
    assert [names for names in told(hub)[1:] if "p7" in names and len(names) > 1] == []


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_parks_the_organization_until_the_hub_takes_it_again(
    hub: ScriptedHub,
    client: CloudClient,
    owner: Caller,
    clock: time_machine.Traveller,
    caplog: pytest.LogCaptureFixture,
    status: int,
) -> None:
    make(owner, "p1")
    hub.script = always(status, {"code": "refused"})
    with caplog.at_level(logging.INFO, "contextsys.sync"):
        assert isinstance(push_due(ORGANIZATION, client).failure, HubRefused)
        assert "CONTEXTSYS_CLOUD_KEY" in link.link_of(ORGANIZATION).parked
        hub.asked.clear()
        clock.shift(3600)
        push_due(ORGANIZATION, client)
        assert hub.asked == []
        assert states()["p1"] == State.PENDING
        hub.script = lambda _: None
        pull.pull_once(ORGANIZATION, client)
        assert link.link_of(ORGANIZATION).parked == ""
        push_due(ORGANIZATION, client)
    assert states()["p1"] == State.SENT
    assert JournalEntry.objects.get(lane__context_id="p1").attempts == 0
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]


def test_another_history_leaves_all_as_it_is_for_the_pull_to_find_out(
    hub: ScriptedHub, client: CloudClient, owner: Caller
) -> None:
    make(owner, "p1")
    hub.epoch = "f" * 32
    push_due(ORGANIZATION, client)
    lane = Lane.objects.get(context_id="p1")
    assert (states()["p1"], lane.attempts, lane.lease_until) == (State.PENDING, 0, None)
    exchange(client)
    exchange(client)
    assert states()["p1"] == State.SETTLED
    assert link.link_of(ORGANIZATION).hub_epoch == "f" * 32


def test_a_hub_that_takes_every_node_for_a_copy_ends_the_push(
    hub: ScriptedHub, client: CloudClient, owner: Caller
) -> None:
    make(owner, "p1")
    hub.script = always(409, {"code": "node_cloned"})
    push_due(ORGANIZATION, client)
    assert len(hub.pushed) < 5
    assert states()["p1"] == State.PENDING


def test_the_librarys_errors_never_leave_a_push(
    hub: ScriptedHub, client: CloudClient, owner: Caller
) -> None:
    make(owner, "p1")
    for error in (httpx2.ReadTimeout("x"), httpx2.WriteError("x"), httpx2.ProxyError("x")):

        def fail(asked: Asked, error: Exception = error) -> Answer | None:
            raise error

        hub.script = fail
        link.wait_no_longer(ORGANIZATION)
        assert isinstance(push_due(ORGANIZATION, client).failure, HubAway)


def test_first_contact_that_fails_is_noted_and_nothing_is_claimed(
    hub: ScriptedHub, organization: str, owner: Caller
) -> None:
    with linked_to(hub) as client:
        make(owner, "p1")
        hub.script = away
        assert isinstance(push_due(ORGANIZATION, client).failure, HubAway)
        tie = link.link_of(ORGANIZATION)
        assert (tie.reachable, tie.hub_epoch) == (False, "")
        hub.script = always(400, {"code": "x", "error": "Not like that."})
        assert isinstance(push_due(ORGANIZATION, client).failure, Refused)
        hub.script = always(413)
        assert isinstance(push_due(ORGANIZATION, client).failure, TooLarge)
        assert Lane.objects.exclude(lease_until=None).count() == 0
