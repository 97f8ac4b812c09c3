"""`sync` in answers: how far the hub has what was written."""

from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from contexts.identifiers import uuid7
from syncing.client import CloudClient
from syncing.models import Conflict, JournalEntry
from syncing.push import push_due
from tests.syncing.hubs import (
    ORGANIZATION,
    ScriptedHub,
)

pytestmark = pytest.mark.django_db(transaction=True)
PROJECTS = "/api/v1/contexts/project/"
P1 = f"{PROJECTS}p1/"


def standing(api: APIClient) -> str:
    """What a write that changes nothing says of the context."""
    answer = api.patch(P1, {}, format="json")
    assert answer.status_code == 200
    return str(answer.json()["sync"]["status"])


def test_a_write_says_how_far_the_hub_has_its_context(
    hub: ScriptedHub, client: CloudClient, owner_client: APIClient
) -> None:
    assert standing(owner_client) == "synced"
    answer = owner_client.patch(P1, {"data": {"a": 1}}, format="json")
    assert answer.json()["sync"] == {"status": "pending"}
    assert standing(owner_client) == "pending"
    made = owner_client.post(PROJECTS, {"id": "p2"}, format="json")
    assert made.json()["sync"] == {"status": "pending"}
    push_due(ORGANIZATION, client)
    assert standing(owner_client) == "synced"
    entry = owner_client.post(f"{P1}insights/", {"content": "x"}, format="json")
    assert entry.json()["sync"] == {"status": "pending"}


@pytest.mark.parametrize("state", [JournalEntry.State.PENDING, JournalEntry.State.DEAD])
def test_what_the_hub_does_not_have_is_pending(
    client: CloudClient, owner_client: APIClient, state: JournalEntry.State
) -> None:
    owner_client.patch(P1, {"data": {"a": 1}}, format="json")
    JournalEntry.objects.update(state=state)
    assert standing(owner_client) == "pending"


def test_an_open_conflict_is_told_of_with_and_without_a_hub(
    client: CloudClient, owner_client: APIClient
) -> None:
    conflict = Conflict.objects.create(
        conflict_id=uuid7(),
        organization_id=ORGANIZATION,
        level="project",
        context_id="p1",
        actor="x",
    )
    Conflict.objects.create(
        conflict_id=uuid4(),
        organization_id=ORGANIZATION,
        level="project",
        context_id="p9",
        actor="x",
    )
    assert standing(owner_client) == "conflict"
    Conflict.objects.filter(pk=conflict.pk).update(status=Conflict.Status.RESOLVED)
    assert standing(owner_client) == "synced"


def test_without_a_hub_it_is_disabled(owner_client: APIClient) -> None:
    owner_client.post(PROJECTS, {"id": "p1"}, format="json")
    assert standing(owner_client) == "disabled"
