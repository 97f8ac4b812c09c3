"""Whether the hub answers, and whether it is the right one."""

import logging
from datetime import timedelta

import pytest
from django.utils import timezone

from contexts import services
from contexts.access import Caller
from contexts.levels import GLOBAL, PROJECT
from contexts.models import owned
from syncing import pull
from syncing.client import CloudClient
from syncing.errors import HubAway, HubFailed, HubRefused, OrganizationMismatch, Refused, SyncError
from syncing.models import Link, unsettled
from tests.syncing.hubs import (
    ORGANIZATION,
    Answer,
    Script,
    ScriptedHub,
    always,
    away,
    exchange,
    linked_to,
)
from tests.syncing.node.deeds import pull_all, story, tie


def test_its_going_and_coming_are_logged_once_each(
    hub: ScriptedHub, client: CloudClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "contextsys.sync"):
        hub.script = away
        for _ in range(3):
            with pytest.raises(HubAway):
                pull.pull_once(ORGANIZATION, client)
        assert not tie().reachable
        assert "cannot be reached" in tie().last_error or "broke" in tie().last_error
        hub.script = lambda _: None
        for _ in range(3):
            pull.pull_once(ORGANIZATION, client)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert (tie().reachable, tie().last_error) == (True, "")


@pytest.mark.parametrize(
    ("script", "kind"),
    [(always(500), HubFailed), (always(404, {"code": "x"}), Refused), (always(302), HubFailed)],
)
def test_a_hub_that_answers_with_an_error_is_told_of_once(
    hub: ScriptedHub,
    client: CloudClient,
    caplog: pytest.LogCaptureFixture,
    script: Script,
    kind: type[SyncError],
) -> None:
    hub.script = script
    for _ in range(3):
        with pytest.raises(kind) as failed:
            pull.pull_once(ORGANIZATION, client)
    assert tie().last_error == str(failed.value)
    assert len(caplog.records) == 1
    hub.script = lambda _: None
    pull.pull_once(ORGANIZATION, client)
    assert tie().last_error == ""


def test_a_refused_key_parks_and_an_accepted_one_goes_on(
    hub: ScriptedHub, client: CloudClient, caplog: pytest.LogCaptureFixture
) -> None:
    hub.script = always(403, {"code": "forbidden"})
    for _ in range(2):
        with pytest.raises(HubRefused):
            pull.pull_once(ORGANIZATION, client)
    assert "forbidden" in tie().parked
    assert len(caplog.records) == 1
    hub.script = lambda _: None
    pull.pull_once(ORGANIZATION, client)
    assert tie().parked == ""


# First contact


def test_another_organization_is_refused_at_the_first_contact(
    hub: ScriptedHub, organization: str, caplog: pytest.LogCaptureFixture
) -> None:
    hub.organization = "acme"
    with linked_to(hub) as client:
        with pytest.raises(OrganizationMismatch) as failed:
            pull.pull_once(ORGANIZATION, client)
        for part in ("'acme'", "'global'", "CONTEXTSYS_ORGANIZATION", "CONTEXTSYS_CLOUD_KEY"):
            assert part in str(failed.value)
        assert tie().parked == str(failed.value)
        assert [asked.path for asked in hub.asked] == ["status/"]
        assert str(failed.value) in caplog.text


def test_a_hub_of_another_protocol_is_refused_at_the_first_contact(
    hub: ScriptedHub, organization: str
) -> None:
    hub.script = lambda _: Answer(200, {**hub.status(), "protocol": 2})
    with linked_to(hub) as client, pytest.raises(Refused):
        pull.pull_once(ORGANIZATION, client)
    assert "another version" in tie().last_error


def test_a_key_of_another_organization_later_on_changes_nothing_here(
    hub: ScriptedHub, client: CloudClient, owner: Caller
) -> None:
    """The key was exchanged for one of another organization on the same hub."""
    story(hub)
    pull_all(client)
    other = ScriptedHub("acme")
    other.epoch = "f" * 32
    other.write(GLOBAL, "acme")
    with linked_to(other) as wrong, pytest.raises(OrganizationMismatch):
        pull.pull_once(ORGANIZATION, wrong)
    assert (tie().cursor, tie().hub_epoch) == (4, hub.epoch)
    assert "acme" in tie().parked
    assert not unsettled(ORGANIZATION).exists()
    services.create(owner, PROJECT, {}, context_id="p2")
    pull_all(client)
    exchange(client)
    assert not unsettled(ORGANIZATION).exists()


def test_what_synced_last_is_noted_with_every_answer(hub: ScriptedHub, client: CloudClient) -> None:
    before = timezone.now() - timedelta(hours=1)
    owned(ORGANIZATION, Link).update(synced_at=before)
    pull.pull_once(ORGANIZATION, client)
    synced = tie().synced_at
    assert synced is not None
    assert synced > before
