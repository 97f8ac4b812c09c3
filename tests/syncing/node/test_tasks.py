"""What Celery runs for a node, and the hint that asks for it after a commit."""

import logging
import threading
from collections.abc import Iterator
from datetime import timedelta
from unittest import mock

import pytest
from django.test import override_settings
from django.utils import timezone
from kombu.exceptions import OperationalError

from contexts import services
from contexts.access import Caller
from contexts.levels import PROJECT
from contexts.models import owned
from syncing import following, link, pull, tasks
from syncing.client import CloudClient
from syncing.models import JournalEntry, Link
from syncing.nudging import Nudger
from tests.syncing.hubs import (
    ORGANIZATION,
    Answer,
    ScriptedHub,
    always,
    away,
    linked_to,
)
from tests.syncing.node.conftest import Clock

pytestmark = pytest.mark.django_db


@pytest.fixture
def follow_again() -> Iterator[mock.Mock]:
    """What the task asks for at its end."""
    with mock.patch.object(tasks.follow_hub, "apply_async") as apply:
        yield apply


def test_following_goes_on_where_it_ended(
    client: CloudClient, pull_clock: Clock, follow_again: mock.Mock
) -> None:
    tasks.follow_hub()
    follow_again.assert_called_once()


def test_a_worker_that_may_not_follow_leaves_it_to_the_schedule(
    client: CloudClient, pull_clock: Clock, follow_again: mock.Mock
) -> None:
    assert link.claim_pull(ORGANIZATION, 10)
    tasks.follow_hub()
    follow_again.assert_not_called()


def test_a_hub_that_fails_ends_the_task_quietly(
    hub: ScriptedHub,
    client: CloudClient,
    pull_clock: Clock,
    follow_again: mock.Mock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for script in (away, always(500), always(403), lambda _: Answer(200, {"changes": 5})):
        hub.script = script
        owned(ORGANIZATION, Link).update(parked="")
        tasks.follow_hub()
        tasks.sweep_journal()
    follow_again.assert_not_called()
    assert all(record.exc_info is None for record in caplog.records)


def test_the_sweep_pushes_what_waits_and_what_no_receiver_saw(
    hub: ScriptedHub, client: CloudClient, owner: Caller
) -> None:
    services.create(owner, PROJECT, {}, context_id="p1")
    with override_settings(CONTEXTSYS_CLOUD_URL=""):
        services.create(owner, PROJECT, {}, context_id="p2")
    tasks.sweep_journal()
    assert [[each["context_id"] for each in entries] for entries in hub.pushed] == [["p1", "p2"]]


def test_a_push_leaves_a_hub_alone_that_did_not_answer_a_moment_ago(
    hub: ScriptedHub, client: CloudClient, owner: Caller
) -> None:
    services.create(owner, PROJECT, {}, context_id="p1")
    hub.script = away
    tasks.push_journal(ORGANIZATION)
    link.wait_no_longer(ORGANIZATION)
    tasks.push_journal(ORGANIZATION)
    assert len(hub.pushed) == 1
    # The moment it answers anyone here, that is over.
    hub.script = lambda _: None
    pull.pull_once(ORGANIZATION, client)
    tasks.push_journal(ORGANIZATION)
    assert len(hub.pushed) == 2
    assert not JournalEntry.objects.filter(state="pending").exists()


@pytest.mark.parametrize(
    "setting", [{"CONTEXTSYS_CLOUD_URL": ""}, {"CONTEXTSYS_ORGANIZATION": "acme"}]
)
def test_without_a_hub_or_its_organization_there_is_nothing_to_do(
    hub: ScriptedHub,
    client: CloudClient,
    follow_again: mock.Mock,
    setting: dict[str, str],
) -> None:
    """The second is what the error of a first contact may have told the operator to set."""
    with override_settings(**setting):
        tasks.sweep_journal()
        tasks.follow_hub()
        tasks.push_journal(ORGANIZATION)
    assert hub.asked == []
    follow_again.assert_not_called()
    assert Link.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_committed_change_asks_for_a_push_and_a_rolled_back_one_does_not(
    hub: ScriptedHub, client: CloudClient, owner: Caller
) -> None:
    with mock.patch.object(tasks, "nudge") as nudge:
        services.create(owner, PROJECT, {}, context_id="p1")
        nudge.assert_called_once_with(ORGANIZATION)
        hub.write(PROJECT, "p2", ORGANIZATION)
        pull.pull_once(ORGANIZATION, client)
        nudge.assert_called_once()


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_is_away_costs_a_write_nothing_and_is_told_of_once(
    hub: ScriptedHub, client: CloudClient, owner: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    asked = threading.Semaphore(0)

    def fail(*_: object, **__: object) -> None:
        asked.release()
        raise ConnectionError("no broker")

    nudger = Nudger(tasks._ask)
    with (
        mock.patch.object(tasks.push_journal, "apply_async", fail),
        mock.patch.object(tasks, "nudge", nudger.nudge),
        caplog.at_level(logging.WARNING, "contextsys.sync"),
    ):
        for name in ("p1", "p2"):
            services.create(owner, PROJECT, {}, context_id=name)
            assert asked.acquire(timeout=20)
        # The one who is asked next has seen both fail.
        nudger.nudge(ORGANIZATION)
        assert asked.acquire(timeout=20)
    told = [record.getMessage() for record in caplog.records]
    assert told == ["the broker does not answer (ConnectionError): the sweep will push"]
    tasks.sweep_journal()
    assert {change["context_id"] for change in hub.feed} == {"global", "p1", "p2"}
    assert timezone.now() - JournalEntry.objects.latest("seq").created_at < timedelta(minutes=5)


def test_without_the_organization_that_it_syncs_a_node_asks_nothing_of_its_hub() -> None:
    hub = ScriptedHub()
    with linked_to(hub):
        tasks.sweep_journal()
        tasks.push_journal(ORGANIZATION)
        tasks.follow_hub()
    assert hub.asked == []
    assert not Link.objects.exists()


def test_an_instance_without_a_hub_has_nothing_to_do(organization: str) -> None:
    with override_settings(CONTEXTSYS_CLOUD_URL=""):
        tasks.sweep_journal()
        tasks.push_journal(ORGANIZATION)
        tasks.follow_hub()
    assert not Link.objects.exists()


def test_a_broker_that_is_away_ends_no_stretch_with_an_error(organization: str) -> None:
    with (
        linked_to(ScriptedHub()),
        mock.patch.object(following, "STRETCH_SECONDS", 0.05),
        mock.patch.object(tasks.follow_hub, "apply_async", side_effect=OperationalError),
    ):
        tasks.follow_hub()
