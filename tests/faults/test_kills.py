"""kill -9 of everything there is, under load: what was acknowledged is there, once."""

import contextlib
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tests.faults.cluster import BEAT, WORKER, Cluster, Site, at_once
from tests.faults.ledger import Ledger, Writer, settled
from tests.faults.services import PrivatePostgres, PrivateRedis, Service, until

pytestmark = [pytest.mark.services, pytest.mark.xdist_group("faults")]
CONVERGED_SECONDS = 30
WRITERS = 3
# Longer than what a pool waits between two attempts by then, if it doubles its pauses.
AWAY_SECONDS = 10.0
RECOVERED_SECONDS = 3.0


@dataclass(frozen=True)
class Size:
    kills: int
    writes: int
    nodes: int
    pause: float


@dataclass(frozen=True)
class Victim:
    """What is killed, and how it comes back."""

    name: str
    kill: Callable[[], None]
    start: Callable[[], None]


@dataclass(frozen=True)
class Deployment:
    """The cluster, and what of it can be killed."""

    cluster: Cluster
    victims: list[Victim]

    def logs(self) -> str:
        return self.cluster.logs()


@pytest.fixture(
    params=[
        pytest.param(Size(10, 1000, nodes=1, pause=0), id="ci"),
        pytest.param(Size(200, 20_000, nodes=2, pause=0.15), id="large", marks=pytest.mark.nightly),
    ]
)
def size(request: pytest.FixtureRequest) -> Size:
    chosen: Size = request.param
    return chosen


@pytest.fixture
def deployment(size: Size, tmp_path: Path) -> Iterator[Deployment]:
    """A hub and nodes on a PostgreSQL and a Redis that only they use, their web, worker and beat
    processes of their own; and a laptop, which is one process on SQLite.
    """
    with contextlib.ExitStack() as stack:
        postgres = PrivatePostgres()
        stack.callback(postgres.close)
        redis = PrivateRedis()
        stack.callback(redis.close)
        postgres.start()
        redis.start()
        cluster = Cluster(tmp_path, postgres.new_database())
        stack.callback(cluster.close)
        # Redis databases of its own for each: the broker's messages are for one instance.
        own = [
            {"REDIS_URL": redis.url(number), "CELERY_BROKER_URL": redis.url(number + 1)}
            for number in range(0, 2 * size.nodes + 2, 2)
        ]
        nodes = [{**each, "DATABASE_URL": postgres.new_database()} for each in own[1:]]
        cluster.start(*nodes, {}, hub=own[0])
        *others, laptop = cluster.nodes
        victims = [_service("PostgreSQL", postgres), _service("Redis", redis)]
        victims += [_web(cluster.hub), _web(laptop)]
        for node in others:
            victims += [_web(node), _celery(node, *WORKER), _celery(node, *BEAT)]
        yield Deployment(cluster, victims)


def _service(name: str, service: Service) -> Victim:
    return Victim(name, service.kill, service.start)


def _web(site: Site) -> Victim:
    return Victim(f"web of {site.name}", site.kill, site.start)


def _celery(site: Site, which: str, *arguments: str) -> Victim:
    return Victim(
        f"{which} of {site.name}",
        lambda: site.kill_celery(which),
        lambda: site.start_celery(which, *arguments),
    )


def test_what_was_acknowledged_survives_kills_and_is_there_once(
    size: Size, deployment: Deployment, seed: int
) -> None:
    chance = random.Random(seed)
    ledger = Ledger("kills")
    sites = deployment.cluster.sites
    ledger.open(sites[0], sites[1:])
    # More from the nodes than from the hub: theirs is the longer way.
    places = [sites[-(number % len(sites)) - 1] for number in range(WRITERS)]
    writers = [
        Writer(ledger, site, f"w{number}", seed, size.pause) for number, site in enumerate(places)
    ]
    killed: list[str] = []
    over = threading.Event()

    def kill_now_and_then() -> None:
        # Each at least once, in an order of chance.
        order = list(deployment.victims)
        chance.shuffle(order)
        for number in range(1, size.kills + 1):
            while ledger.count < number * size.writes // (size.kills + 1):
                if over.wait(0.02):
                    return
            victim = order.pop() if order else chance.choice(deployment.victims)
            victim.kill()
            killed.append(victim.name)
            time.sleep(chance.choice([0, 0.2, 1]))
            victim.start()

    def write(writer: Writer) -> None:
        writer.write(size.writes, wanted=lambda: ledger.count < size.writes)

    killer = threading.Thread(target=kill_now_and_then)
    killer.start()
    try:
        at_once([partial(write, each) for each in writers])
    finally:
        over.set()
        killer.join()
    took = settled(ledger, sites, CONVERGED_SECONDS)
    again = sum(writer.attempts for writer in writers) - ledger.count
    print(f"{ledger.count} writes, {again} sent again, converged in {took:.1f} s")
    print(f"killed: {killed}")
    assert len(killed) == size.kills
    assert ledger.count >= size.writes


def test_a_database_that_was_away_is_used_again_at_once(tmp_path: Path) -> None:
    """However long it was away; nobody has to restart anything."""
    with contextlib.ExitStack() as stack:
        postgres = PrivatePostgres()
        stack.callback(postgres.close)
        postgres.start()
        site = Site("hub", tmp_path, postgres.new_database(), {})
        stack.callback(site.close)
        site.start()
        client = stack.enter_context(site.client())
        postgres.kill()
        gone = time.monotonic()
        while time.monotonic() < gone + AWAY_SECONDS:
            assert client.get("api/v1/contexts/global/global/").status_code == 503
        postgres.start()
        back = time.monotonic()
        until("it answers", lambda: site.has("contexts/global/global/"), 60)
        assert time.monotonic() - back < RECOVERED_SECONDS
