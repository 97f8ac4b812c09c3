"""A node that is in step with its hub, which goes by script."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import time_machine

from syncing.client import CloudClient
from tests.syncing.hubs import ScriptedHub, exchange, linked_to

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def hub() -> ScriptedHub:
    return ScriptedHub()


@pytest.fixture
def client(hub: ScriptedHub, organization: str) -> Iterator[CloudClient]:
    """The node's, which is in step with its hub."""
    with linked_to(hub) as client:
        exchange(client)
        hub.asked.clear()
        yield client


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """It stands still: what is put off stays so."""
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller
