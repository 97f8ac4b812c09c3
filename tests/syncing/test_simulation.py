"""Random runs of a hub and three nodes; a seed that fails replays exactly.

By hand: `pytest tests/syncing/test_simulation.py -k "seeds and 17"`. The simulated databases are
SQLite's in memory whatever the suite runs on: of CI's two runs each takes every other seed.
"""

import pytest
from django.conf import settings
from pytest_django.plugin import DjangoDbBlocker

from tests.syncing.simulator.checks import check
from tests.syncing.simulator.simulation import Simulation, simulate
from tests.syncing.simulator.world import CALM

SEEDS = 200
OPERATIONS = 200
GROUP = 10
NIGHTLY_SEEDS = 5000
NIGHTLY_OPERATIONS = 300
# How many changes a page has when all come to rest: larger ones are what nodes see who catch up.
PAGES = (7, 40, 40, 40)
PARITY = int("postgresql" in settings.DATABASES["default"]["ENGINE"])


@pytest.mark.parametrize("first", range(0, SEEDS, GROUP))
def test_nothing_is_lost_and_all_become_equal_whatever_the_seeds(
    first: int, django_db_blocker: DjangoDbBlocker
) -> None:
    with django_db_blocker.unblock():
        for seed in range(first + PARITY, first + GROUP, 2):
            simulate(seed, OPERATIONS, page_at_rest=PAGES[seed % 4])


@pytest.mark.parametrize(
    "seed",
    [
        # A version was made here while the hub made the same one of an older edit of ours.
        550,
        # A deletion that waited for its children left overtaken versions in the history.
        1043,
        # A deletion was made here while the hub's own, the same, waited for the children.
        1317,
    ],
)
def test_what_failed_once_holds(seed: int, django_db_blocker: DjangoDbBlocker) -> None:
    with django_db_blocker.unblock():
        simulate(seed, NIGHTLY_OPERATIONS, page_at_rest=7)


@pytest.mark.nightly
@pytest.mark.parametrize("first", range(SEEDS, NIGHTLY_SEEDS, 50))
def test_nothing_is_lost_over_long_runs(first: int, django_db_blocker: DjangoDbBlocker) -> None:
    with django_db_blocker.unblock():
        for seed in range(first, first + 50):
            simulate(seed, NIGHTLY_OPERATIONS, page_at_rest=PAGES[seed % 4])


@pytest.mark.parametrize("seed", range(2))
def test_clocks_that_jump_change_nothing(seed: int, django_db_blocker: DjangoDbBlocker) -> None:
    """What must hold in the end holds too when every clock is up to a day off and jumps."""
    with django_db_blocker.unblock():
        simulate(1000 + seed, 300, skewed=True)


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(17))
def test_clocks_that_jump_change_nothing_over_long_runs(
    seed: int, django_db_blocker: DjangoDbBlocker
) -> None:
    with django_db_blocker.unblock():
        simulate(1100 + seed, 300, skewed=True)


def test_a_seed_replays_exactly(django_db_blocker: DjangoDbBlocker) -> None:
    with django_db_blocker.unblock():
        assert simulate(7, 60).trace == simulate(7, 60).trace


@pytest.mark.parametrize("seed", range(3))
def test_a_hub_that_was_put_back_gets_everything_again(
    seed: int, django_db_blocker: DjangoDbBlocker
) -> None:
    """Nodes notice that its history is another one and offer what it lost; pending edits stay."""
    with django_db_blocker.unblock():
        world = Simulation(2000 + seed)
        with world.running():
            world.steps(60)
            world.synchronize()
            backup = world.copy_of(world.hub)
            world.steps(60)
            world.synchronize()
            # What only the hub had and no node read is gone with its disk: nobody wrote there.
            world.write_on_nodes(10)
            world.put_back(world.hub, backup)
            world.write_on_nodes(10)
            world.come_to_rest()
            check(world)


@pytest.mark.parametrize("seed", range(3))
def test_a_copied_node_is_noticed_and_loses_nothing(
    seed: int, django_db_blocker: DjangoDbBlocker
) -> None:
    with django_db_blocker.unblock():
        world = Simulation(3000 + seed)
        with world.running():
            world.steps(60)
            world.write_on_nodes(5)
            twin = world.clone(world.nodes[0])
            names = {world.name_of(twin), world.name_of(world.nodes[0])}
            assert len(names) == 1
            world.chances = CALM
            world.write_on_nodes(20)
            world.come_to_rest()
            check(world)
            assert world.name_of(twin) != world.name_of(world.nodes[0])


@pytest.mark.parametrize("seed", range(3))
def test_a_node_below_the_floor_takes_the_snapshot_and_keeps_its_edits(
    seed: int, django_db_blocker: DjangoDbBlocker
) -> None:
    with django_db_blocker.unblock():
        world = Simulation(4000 + seed)
        with world.running():
            world.steps(60)
            world.synchronize()
            away = world.nodes.pop()
            world.steps(60)
            world.synchronize()
            world.raise_floor()
            world.nodes.append(away)
            world.write_on_nodes(10)
            world.come_to_rest()
            check(world, history=False)
