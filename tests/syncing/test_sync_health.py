"""How a node stands with its hub, as `health/` and `/metrics` tell it."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from rest_framework.test import APIClient

from contexts import services
from contexts.access import Caller
from contexts.levels import PROJECT
from contexts.models import owned
from contexts.queries import timestamp
from syncing import journal, link, pull
from syncing.client import CloudClient
from syncing.errors import SyncError
from syncing.models import JournalEntry, Link
from syncing.push import push_due
from syncing.status import MANY_PENDING
from tests.syncing.hubs import (
    ORGANIZATION,
    Script,
    ScriptedHub,
    always,
    away,
    exchange,
    linked_to,
)

State = JournalEntry.State


@pytest.fixture
def hub() -> ScriptedHub:
    return ScriptedHub()


@pytest.fixture
def client(hub: ScriptedHub, organization: str) -> Iterator[CloudClient]:
    with linked_to(hub) as client:
        exchange(client)
        journal.sweep(ORGANIZATION)
        yield client


def health(api: APIClient) -> Any:
    answer = api.get("/api/v1/health/")
    assert answer.status_code == 200
    return answer.json()


def gauges(api: APIClient) -> dict[str, float]:
    """What `/metrics` tells of sync, by name."""
    families = text_string_to_metric_families(api.get("/metrics").content.decode())
    samples = [sample for family in families for sample in family.samples]
    return {
        sample.name.removeprefix("contextsys_"): sample.value
        for sample in samples
        if sample.name.startswith(("contextsys_journal_", "contextsys_hub_"))
    }


def make(author: Caller, count: int) -> None:
    for number in range(count):
        services.create(author, PROJECT, {}, context_id=f"p{number}")


def test_in_step_all_is_healthy(client: CloudClient, reader_client: APIClient) -> None:
    told = health(reader_client)
    synced_at = link.link_of(ORGANIZATION).synced_at
    assert synced_at is not None
    assert told["status"] == "healthy"
    assert told["sync"] == {
        "status": "healthy",
        "pending_syncs": 0,
        "last_sync": timestamp(synced_at),
        "hub": "answers",
        "error": "",
    }
    assert told["journal"] == {
        "status": "healthy",
        "pending": 0,
        "dead": 0,
        "oldest_pending_seconds": 0,
    }
    assert gauges(reader_client) == {
        "journal_pending": 0,
        "journal_dead": 0,
        "journal_oldest_pending_seconds": 0,
        "hub_answers": 1,
    }


def test_before_the_first_contact_it_says_so(
    hub: ScriptedHub, organization: str, reader_client: APIClient
) -> None:
    with linked_to(hub):
        told = health(reader_client)["sync"]
    assert (told["hub"], told["last_sync"]) == ("away", None)


def test_what_waits_is_counted_with_the_age_of_the_oldest(
    client: CloudClient, owner: Caller, reader_client: APIClient
) -> None:
    make(owner, 3)
    oldest = JournalEntry.objects.earliest("seq")
    JournalEntry.objects.filter(pk=oldest.pk).update(
        created_at=timezone.now() - timedelta(seconds=90)
    )
    told = health(reader_client)
    assert (told["status"], told["sync"]["pending_syncs"], told["journal"]["pending"]) == (
        "healthy",
        3,
        3,
    )
    assert 90 <= told["journal"]["oldest_pending_seconds"] < 120
    found = gauges(reader_client)
    assert found["journal_pending"] == 3
    assert 90 <= found["journal_oldest_pending_seconds"] < 120
    # What has its verdict waits for nobody.
    push_due(ORGANIZATION, client)
    assert health(reader_client)["journal"]["oldest_pending_seconds"] == 0
    assert gauges(reader_client)["journal_pending"] == 0


def test_a_clock_that_was_put_back_gives_no_negative_age(
    client: CloudClient, owner: Caller, reader_client: APIClient
) -> None:
    make(owner, 1)
    JournalEntry.objects.update(created_at=timezone.now() + timedelta(hours=1))
    assert health(reader_client)["journal"]["oldest_pending_seconds"] == 0


def test_many_pending_changes_degrade_it(
    client: CloudClient, owner: Caller, reader_client: APIClient
) -> None:
    make(owner, MANY_PENDING - 1)
    assert health(reader_client)["sync"]["status"] == "healthy"
    services.create(owner, PROJECT, {}, context_id="one-more")
    told = health(reader_client)
    assert (told["status"], told["sync"]["status"]) == ("degraded", "degraded")
    assert told["sync"]["pending_syncs"] == MANY_PENDING == 100


def test_a_refused_change_degrades_it(
    hub: ScriptedHub, client: CloudClient, owner: Caller, reader_client: APIClient
) -> None:
    make(owner, 1)
    hub.judge = lambda _: {"verdict": "rejected", "code": "invalid"}
    push_due(ORGANIZATION, client)
    told = health(reader_client)
    assert (told["status"], told["journal"]["status"]) == ("degraded", "degraded")
    assert (told["journal"]["dead"], told["journal"]["pending"]) == (1, 0)
    assert gauges(reader_client)["journal_dead"] == 1


@pytest.mark.parametrize(
    ("script", "hub_is", "status", "sentence"),
    [
        (away, "away", "healthy", "hub"),
        (always(503), "away", "healthy", "503"),
        (always(403, {"code": "forbidden"}), "refuses", "degraded", "CONTEXTSYS_CLOUD_KEY"),
        (always(500), "answers", "healthy", "500"),
        (always(404), "answers", "healthy", "404"),
    ],
)
def test_it_tells_whether_the_hub_answers_and_if_not_why(
    hub: ScriptedHub,
    client: CloudClient,
    reader_client: APIClient,
    script: Script,
    hub_is: str,
    status: str,
    sentence: str,
) -> None:
    hub.script = script
    with pytest.raises(SyncError):
        pull.pull_once(ORGANIZATION, client)
    told = health(reader_client)["sync"]
    assert (told["hub"], told["status"]) == (hub_is, status)
    assert sentence in told["error"]
    assert gauges(reader_client)["hub_answers"] == (1 if hub_is == "answers" else 0)
    hub.script = lambda _: None
    pull.pull_once(ORGANIZATION, client)
    told = health(reader_client)["sync"]
    assert (told["hub"], told["status"], told["error"]) == ("answers", "healthy", "")


def test_metrics_of_sync_are_the_organizations_own_and_the_instance_admins(
    client: CloudClient, stranger_client: APIClient
) -> None:
    assert gauges(stranger_client) == {}
    browser = APIClient()
    browser.force_login(User.objects.create_superuser("root", password="-"))
    assert gauges(browser)["hub_answers"] == 1


def test_without_a_hub_there_is_nothing_to_tell(
    organization: str, reader_client: APIClient
) -> None:
    assert health(reader_client)["sync"]["status"] == "disabled"
    assert gauges(reader_client) == {}
    assert not owned(ORGANIZATION, Link).exists()
