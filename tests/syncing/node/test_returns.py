"""A hub that failed as a whole and works again: everything goes at once, not in its own time."""

import random
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
import time_machine
from django.utils import timezone

from contexts.access import Caller
from syncing import journal, link, pull
from syncing.client import CloudClient
from syncing.errors import HubAway, SyncError
from syncing.journal import State
from syncing.models import JournalEntry, Lane
from syncing.push import push_due
from tests.syncing.hubs import ORGANIZATION, Answer, Asked, ScriptedHub, always, away
from tests.syncing.node.deeds import make, states, tie, told

pytestmark = pytest.mark.usefixtures("clock")
NAMES = ("p1", "p2", "p3")


def work(client: CloudClient) -> None:
    """What the tasks do every two seconds."""
    with suppress(SyncError):
        pull.pull_once(ORGANIZATION, client)
    push_due(ORGANIZATION, client)


@pytest.mark.parametrize(
    "script",
    [
        away,
        always(500),
        always(503),
        always(404),
        always(302),
        always(429),
        lambda asked: Answer(200, b"<html>"),
        lambda asked: Answer(random.choice([500, 502, 404]), b"<html>"),
    ],
)
def test_what_failed_with_the_hub_goes_the_moment_it_works_again(
    hub: ScriptedHub,
    client: CloudClient,
    owner: Caller,
    clock: time_machine.Traveller,
    script: Callable[[Asked], Answer | None],
) -> None:
    random.seed(3)
    make(owner, *NAMES)
    hub.script = script
    for _ in range(60):
        work(client)
        clock.shift(5)
    hub.script = lambda _: None
    hub.asked.clear()
    work(client)
    # In one batch: that they failed was no fault of theirs.
    assert told(hub) == [list(NAMES)]


def test_a_busy_hub_is_asked_again_when_it_says_however_often_it_says_so(
    hub: ScriptedHub, client: CloudClient, owner: Caller, clock: time_machine.Traveller
) -> None:
    make(owner, *NAMES)
    hub.script = always(429, Retry_After="3")
    for attempt in range(1, 20):
        push_due(ORGANIZATION, client)
        assert len(hub.pushed) == attempt
        for due in Lane.objects.filter(context_id__in=NAMES).values_list("next_attempt_at"):
            waits = (due[0] - timezone.now()).total_seconds()
            assert 3 <= waits <= 4
        clock.shift(4.01)
    assert JournalEntry.objects.get(lane__context_id="p1").attempts == 19
    hub.script = lambda _: None
    push_due(ORGANIZATION, client)
    assert told(hub)[-1] == list(NAMES)


def test_a_hub_that_returns_while_a_failed_push_is_put_off_gets_it_at_once_too(
    hub: ScriptedHub, client: CloudClient, owner: Caller, clock: time_machine.Traveller
) -> None:
    make(owner, *NAMES)
    hub.script = away
    for _ in range(12):
        push_due(ORGANIZATION, client)
        clock.shift(301)
    put_off = journal.put_off

    def returned_meanwhile(*args: Any, **options: Any) -> None:
        link.came(ORGANIZATION)
        put_off(*args, **options)

    random.seed(5)
    with mock.patch.object(journal, "put_off", returned_meanwhile):
        assert isinstance(push_due(ORGANIZATION, client).failure, HubAway)
    hub.script = lambda _: None
    work(client)
    assert {states()[name] for name in NAMES} == {State.SENT}


def test_a_process_that_ends_as_the_hub_returns_leaves_the_return_to_the_next(
    hub: ScriptedHub, client: CloudClient, owner: Caller
) -> None:
    make(owner, *NAMES)
    hub.script = away
    push_due(ORGANIZATION, client)
    Lane.objects.update(next_attempt_at=timezone.now() + timedelta(seconds=250))
    hub.script = lambda _: None
    with (
        mock.patch.object(journal, "network_is_back", side_effect=SystemExit),
        pytest.raises(SystemExit),
    ):
        pull.pull_once(ORGANIZATION, client)
    assert not tie().reachable
    work(client)
    assert {states()[name] for name in NAMES} == {State.SENT}
