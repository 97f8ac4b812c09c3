"""A node whose journal is looked at; nothing of it is sent unless a test says so."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import time_machine

from syncing.client import CloudClient
from tests.syncing.hubs import ScriptedHub, linked_to

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def hub() -> ScriptedHub:
    return ScriptedHub()


@pytest.fixture
def client(hub: ScriptedHub) -> Iterator[CloudClient]:
    with linked_to(hub) as client:
        yield client


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller
