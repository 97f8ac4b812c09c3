"""Five nodes and their hub, over a network that is whole, cut in parts, or gone."""

import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import pytest

from tests.faults.cluster import Cluster, Site, at_once, cluster_in
from tests.faults.following import Follower, followed
from tests.faults.ledger import Ledger, Writer, quantile, settled
from tests.faults.proxy import FAILURES
from tests.faults.services import until

pytestmark = [pytest.mark.services, pytest.mark.xdist_group("faults")]
NODES = 5
CONVERGED_SECONDS = 30
# What the contract promises (§4).
SEEN_SECONDS = 2.0
RETURNED_SECONDS = 15.0
# The shortest time for which anything waits for a hub that is not there (`syncing.client`).
LOCAL_SECONDS = 3.0
LONGEST_CUT = 10.0
# The longest first backoff, the breaker's pause after it, and the sweep that comes next.
RETRIED_SECONDS = 1.0 + 5.0 + 2.0
SLACK_SECONDS = 2.0
# The first sweep, and the time that a start takes to settle.
REJOINED_SECONDS = 5.0
ONE_WAY_SECONDS = 0.5


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster_in(tmp_path_factory.mktemp("five")) as cluster:
        cluster.start(*[{}] * NODES)
        yield cluster


@dataclass(frozen=True)
class Size:
    """How many writes each node does, and how long it rests after each.

    Six instances on two cores keep up with some ten writes a second between them.
    """

    writes: int
    pause: float


class Weather(threading.Thread):
    """Cuts one node's way to the hub now and then, one way or both, for up to ten seconds."""

    def __init__(self, node: Site, seed: int, longest: float) -> None:
        super().__init__(daemon=True)
        self.proxy, self.longest = node.proxy, longest
        self.chance = random.Random(f"{seed} {node.name}")
        self.cuts: list[tuple[float, float]] = []
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(self.chance.uniform(0, 2)):
            began = time.monotonic()
            self.proxy.delay = self.chance.choice([0, 0, 0.05, 0.3])
            how = self.chance.choice(["up", "down", "both", "refused"])
            if how == "refused":
                self.proxy.refuse()
            else:
                self.proxy.cut(up=how != "down", down=how != "up")
            self._over.wait(self.chance.uniform(0, self.longest))
            self.proxy.heal(reset=self.chance.random() < 0.5)
            self.cuts.append((began, time.monotonic()))

    def clear(self) -> None:
        self._over.set()
        self.join()
        self.proxy.delay = 0
        self.proxy.heal()


@pytest.mark.parametrize(
    "size",
    [
        pytest.param(Size(200, pause=0.5), id="ci"),
        pytest.param(Size(4000, pause=0.4), id="large", marks=pytest.mark.nightly),
    ],
)
def test_partitions_slow_no_write_and_all_is_everywhere_after_them(
    cluster: Cluster, size: Size, seed: int
) -> None:
    ledger = Ledger(f"cuts-{size.writes}")
    ledger.open(cluster.hub, cluster.nodes)
    writers = [Writer(ledger, node, node.name, seed, pause=size.pause) for node in cluster.nodes]
    weather = [Weather(node, seed, LONGEST_CUT) for node in cluster.nodes]
    for each in weather:
        each.start()
    try:
        at_once([partial(writer.write, size.writes) for writer in writers])
    finally:
        for each in weather:
            each.clear()
    took = settled(ledger, cluster.sites, CONVERGED_SECONDS)
    print(
        f"{ledger.count} writes, {sum(len(each.cuts) for each in weather)} cuts; a write took "
        f"p50 {ledger.slowest(0.5):.3f} p99 {ledger.slowest(0.99):.3f} most {ledger.slowest():.3f} "
        f"s; converged in {took:.1f} s"
    )
    assert ledger.count == NODES * size.writes
    assert ledger.slowest() < LOCAL_SECONDS


def test_a_write_is_on_the_hub_and_every_other_node_at_once(cluster: Cluster, seed: int) -> None:
    """CONTRACT §4: within two seconds while all are up."""
    chance = random.Random(seed)
    delays: list[float] = []
    with followed(cluster.sites) as followers:
        for number in range(20):
            node = chance.choice(cluster.nodes)
            delays += _seen_everywhere(followers, node, f"lag-{number}")
    print(
        f"seen elsewhere after p50 {quantile(delays, 0.5):.3f} p99 {quantile(delays, 0.99):.3f} s"
    )
    assert quantile(delays, 0.99) < SEEN_SECONDS


def _make_task(site: Site, task: str) -> float:
    """Makes a task; when it was acknowledged."""
    with site.client() as client:
        made = client.post("api/v1/contexts/task/", json={"id": task, "branch_id": "b1"})
        assert made.status_code == 201, made.text
    return time.monotonic()


def _seen_everywhere(followers: list[Follower], node: Site, task: str) -> list[float]:
    """Makes a task on `node`; how long it took to each other site."""
    made = _make_task(node, task)
    others = [each for each in followers if each.site is not node]
    return [each.when(task, made + 10) - made for each in others]


def test_all_flows_soon_after_the_hub_is_back(cluster: Cluster) -> None:
    """CONTRACT §4: within 15 s of its return, whatever was written meanwhile."""
    with followed(cluster.sites) as followers:
        cluster.hub.kill()
        tasks = {f"away-{node.name}-{n}": node for node in cluster.nodes for n in range(4)}
        for task, node in tasks.items():
            _make_task(node, task)
        # Long enough for every node to have noticed, and to be waiting.
        for node in cluster.nodes:
            until("the hub's absence is noticed", partial(_says, node, "away"), 15)
        cluster.hub.start()
        back = time.monotonic()
        took = [each.when(task, back + 30) - back for each in followers for task in tasks]
    print(f"all was everywhere {max(took):.1f} s after the hub's return")
    assert max(took) < RETURNED_SECONDS


def _says(node: Site, how: str) -> bool:
    return bool(node.get("health/")["sync"]["hub"] == how)


@pytest.mark.parametrize(
    "rounds",
    [
        pytest.param(4, id="ci"),
        pytest.param(20, id="large", marks=pytest.mark.nightly),
    ],
)
def test_after_one_failed_push_and_silence_it_is_sent_again_unasked(
    cluster: Cluster, rounds: int
) -> None:
    def play(node: Site, follower: Follower) -> None:
        for number in range(rounds):
            how = FAILURES[number % len(FAILURES)]
            task = f"silence-{rounds}-{node.name}-{number}"
            failed = node.proxy.failed
            node.proxy.fail_next_push(how)
            made = _make_task(node, task)
            came = follower.when(task, made + 60) - made
            # The hub that does not answer in time has it before the node knows.
            took.append((came, how))
            until("it is acknowledged", lambda: not node.journal()["pending"], 60)
            assert node.proxy.failed == failed + 1

    took: list[tuple[float, str]] = []
    with followed([cluster.hub]) as [follower]:
        at_once([partial(play, node, follower) for node in cluster.nodes])
    print(f"sent again after at most {max(took)}")
    assert len(took) == NODES * rounds
    assert max(took)[0] < RETRIED_SECONDS + SLACK_SECONDS
    # Once each: the one whose answer was lost was there already.
    for site in cluster.sites:
        entries = site.pages("contexts/task/", branch_id="b1")
        ours = [each for each in entries if each["id"].startswith(f"silence-{rounds}-")]
        assert len(ours) == NODES * rounds
        assert {each["version"] for each in ours} == {1}


def test_a_hub_that_takes_its_time_is_not_taken_for_dead(cluster: Cluster) -> None:
    """Half a second each way is slow for who waits for an answer, and no reason to stop pushing."""
    node = cluster.nodes[0]
    before = node.log()
    node.proxy.delay = ONE_WAY_SECONDS
    delays = []
    try:
        with followed([cluster.hub]) as [follower]:
            for number in range(8):
                task = f"slow-{number}"
                made = _make_task(node, task)
                delays.append(follower.when(task, made + 30) - made)
    finally:
        node.proxy.delay = 0
    print(f"on the hub after {[round(each, 2) for each in delays]}")
    assert "does not answer" not in node.log()[len(before) :]
    # It may have to wait for the push before it.
    assert max(delays) < 4 * ONE_WAY_SECONDS + SEEN_SECONDS


def test_a_killed_node_pushes_as_soon_as_it_is_back(cluster: Cluster) -> None:
    """What it was sending when it was killed waits for no lease of its own."""
    node, proxy = cluster.nodes[0], cluster.nodes[0].proxy
    with followed([cluster.hub]) as [follower]:
        proxy.cut(up=True, down=True)
        pushes = proxy.pushes
        _make_task(node, "killed-1")
        until("it is being sent", lambda: proxy.pushes > pushes, 10)
        node.kill()
        proxy.heal(reset=True)
        assert "killed-1" not in follower.seen
        node.start()
        back = time.monotonic()
        took = follower.when("killed-1", back + 60) - back
    print(f"on the hub {took:.1f} s after the node's return")
    assert took < REJOINED_SECONDS
