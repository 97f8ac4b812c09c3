"""A hub that takes long over each entry answers in time all the same."""

from typing import Any

import pytest
from pytest_django.plugin import DjangoDbBlocker

from syncing import receiving
from syncing.models import JournalEntry, Lane
from syncing.push import push_due
from tests.syncing.simulator.checks import check
from tests.syncing.simulator.parties import ORGANIZATION
from tests.syncing.simulator.simulation import Simulation
from tests.syncing.simulator.wire import Wire
from tests.syncing.simulator.world import CALM


def test_what_a_hub_has_no_time_for_comes_again_at_once(
    monkeypatch: pytest.MonkeyPatch, django_db_blocker: DjangoDbBlocker
) -> None:
    """One entry a push here: nothing is put off for it, and all is sent in one go."""
    monkeypatch.setattr(receiving, "BUSY_SECONDS", -1.0)
    with django_db_blocker.unblock():
        world = Simulation(1, chances=CALM)
        with world.running():
            node = world.nodes[0]
            for _ in range(30):
                world.write(node)
            client: Any = Wire(world, node)
            with world.acting(node):
                waiting = JournalEntry.objects.filter(state=JournalEntry.State.PENDING)
                count = waiting.count()
                pushed = push_due(ORGANIZATION, client)
                assert sum(pushed.verdicts.values()) == count > 20
                assert not waiting.exists()
                assert not Lane.objects.filter(attempts__gt=0).exists()
            world.come_to_rest()
            check(world)
