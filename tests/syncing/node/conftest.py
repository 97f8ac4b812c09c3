"""A node that is in step with its hub, which goes by script."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import time_machine

from syncing import following
from syncing.client import CloudClient
from tests.syncing.hubs import Asked, ScriptedHub, exchange, linked_to

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Clock:
    """Time as the standing pull measures it; the hub's waiting moves it on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


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


@pytest.fixture
def pull_clock(hub: ScriptedHub, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The hub holds every empty answer for as long as it may."""
    clock = Clock()
    monkeypatch.setattr(following, "time", clock)

    def hold(asked: Asked) -> None:
        if asked.path == "changes/" and int(asked.query["since"]) == len(hub.feed):
            clock.now += float(asked.query.get("wait", 0))

    hub.script = hold
    return clock
