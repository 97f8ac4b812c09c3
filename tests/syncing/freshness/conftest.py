"""A node that was in step with its hub, long ago, and this process's view of the hub."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from contexts import upstream
from contexts.levels import PROJECT
from contexts.models import owned
from syncing import freshness
from syncing.client import CloudClient
from syncing.models import Link
from tests.syncing.hubs import (
    ORGANIZATION,
    ScriptedHub,
    exchange,
    linked_to,
)

LOOK_SECONDS = freshness.LOOK_SECONDS


@pytest.fixture
def hub() -> ScriptedHub:
    return ScriptedHub()


@pytest.fixture(autouse=True)
def node(monkeypatch: pytest.MonkeyPatch) -> Iterator[freshness.Hub]:
    """This process's view of the hub, which remembers nothing of other tests."""
    node = freshness.Hub()
    monkeypatch.setattr(upstream, "_upstream", node)
    yield node
    node._looker.shutdown()


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look has as long as it takes on a busy machine, unless a test is `hurried`."""
    monkeypatch.setattr(freshness, "LOOK_SECONDS", 20.0)


@pytest.fixture
def hurried(patient: None, monkeypatch: pytest.MonkeyPatch) -> float:
    """A look has as long as in production; the seconds."""
    monkeypatch.setattr(freshness, "LOOK_SECONDS", LOOK_SECONDS)
    return LOOK_SECONDS


@pytest.fixture
def client(hub: ScriptedHub, owner_client: APIClient) -> Iterator[CloudClient]:
    """In step with the hub, long ago."""
    with linked_to(hub) as client:
        hub.write(PROJECT, "p1", ORGANIZATION)
        exchange(client)
        grow_old()
        hub.asked.clear()
        yield client


def grow_old() -> None:
    owned(ORGANIZATION, Link).update(synced_at=timezone.now() - timedelta(seconds=10))
