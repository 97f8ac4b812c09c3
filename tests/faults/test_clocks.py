"""Clocks that are a day off and jump: they decide nothing and hold nothing up."""

import random
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.faults.cluster import Cluster, Site, at_once, cluster_in
from tests.faults.ledger import Ledger, Writer, settled
from tests.faults.services import until

pytestmark = [pytest.mark.services, pytest.mark.xdist_group("faults")]
CONVERGED_SECONDS = 30
# What the contract promises while all are up (§4), with a sweep in between.
SEEN_SECONDS = 4.0
DAY = 86_400.0
CLOCKS = str(Path(__file__).parent / "clocks")


class Clocks:
    """The clocks of a cluster's sites, each by a file that its process follows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def environment(self, name: str) -> dict[str, str]:
        file = self.folder / f"{name}.clock"
        file.write_text("0")
        return {"PYTHONPATH": CLOCKS, "FAULTS_CLOCK": str(file)}

    def set(self, site: Site, seconds: float) -> None:
        """Makes the site's clock that much wrong, all at once."""
        file = Path(site.environment["FAULTS_CLOCK"])
        draft = file.with_suffix(".new")
        draft.write_text(str(seconds))
        draft.rename(file)


@pytest.fixture(scope="module")
def clocks(tmp_path_factory: pytest.TempPathFactory) -> Clocks:
    return Clocks(tmp_path_factory.mktemp("clocks"))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, clocks: Clocks) -> Iterator[Cluster]:
    with cluster_in(tmp_path_factory.mktemp("skewed")) as cluster:
        names = ("hub", "node1", "node2")
        hub, *nodes = [clocks.environment(name) for name in names]
        cluster.start(*nodes, hub=hub)
        yield cluster


@pytest.fixture(autouse=True)
def right(cluster: Cluster, clocks: Clocks) -> None:
    """Every test begins with clocks that are right."""
    for site in cluster.sites:
        clocks.set(site, 0)


@pytest.mark.parametrize(
    "writes",
    [pytest.param(120, id="ci"), pytest.param(5000, id="large", marks=pytest.mark.nightly)],
)
def test_clocks_that_jump_change_nothing(
    cluster: Cluster, clocks: Clocks, writes: int, seed: int
) -> None:
    """As `tests/syncing/test_simulation.py` shows with more of them, and here with processes."""
    chance = random.Random(seed)
    ledger = Ledger(f"clocks-{writes}")
    ledger.open(cluster.hub, cluster.nodes)
    writers = [Writer(ledger, site, site.name, seed, pause=0.1) for site in cluster.sites]
    over = threading.Event()

    def jump() -> None:
        while not over.wait(chance.uniform(0.2, 1)):
            clocks.set(chance.choice(cluster.sites), chance.uniform(-DAY, DAY))

    jumper = threading.Thread(target=jump)
    jumper.start()
    try:
        at_once([partial(writer.write, writes // len(writers)) for writer in writers])
    finally:
        over.set()
        jumper.join()
    took = settled(ledger, cluster.sites, CONVERGED_SECONDS)
    print(f"{ledger.count} writes, in step after {took:.1f} s")


@pytest.mark.parametrize("first", [0, 1])
def test_what_reaches_the_hub_first_stays_whatever_its_clock_says(
    cluster: Cluster, clocks: Clocks, first: int
) -> None:
    early, late = cluster.nodes[first], cluster.nodes[1 - first]
    task = f"contexts/task/first-{first}/"
    with cluster.hub.client() as client:
        client.post("api/v1/contexts/task/", json={"id": f"first-{first}", "branch_id": "b1"})
    until("both have the task", lambda: early.has(task) and late.has(task), 10)
    clocks.set(cluster.nodes[0], DAY)
    clocks.set(cluster.nodes[1], -DAY)
    late.proxy.refuse()
    _edit(late, task, late.name)
    _edit(early, task, early.name)
    until("the hub has it", lambda: bool(cluster.hub.get(task)["data"]), 10)
    late.proxy.heal()
    until("the dispute is noticed", lambda: _disputed(early, task) != [], CONVERGED_SECONDS)
    cluster.in_step(CONVERGED_SECONDS)
    for site in cluster.sites:
        assert site.get(task)["data"] == {"by": early.name}
        [conflict] = _disputed(site, task)
        assert conflict["ours"]["data"] == {"by": early.name}
        assert conflict["theirs"]["data"] == {"by": late.name}


def _edit(site: Site, task: str, value: str) -> None:
    with site.client() as client:
        answer = client.patch(f"api/v1/{task}", json={"data": {"by": value}})
    assert answer.status_code == 200, answer.text


def _disputed(site: Site, task: str) -> list[dict[str, dict[str, object]]]:
    there = site.pages("conflicts/")
    return [each for each in there if f"contexts/task/{each['context_id']}/" == task]


@pytest.mark.parametrize("jump", [-DAY, DAY])
def test_a_jump_holds_nothing_up(cluster: Cluster, clocks: Clocks, jump: float) -> None:
    """What was due, leased or scheduled before it is not put off for a day, and in order."""
    node = cluster.nodes[0]
    # It has failed before, so it waits for a time that it has written down.
    node.proxy.refuse()
    task = f"jump-{jump:.0f}"
    with node.client() as client:
        client.post("api/v1/contexts/task/", json={"id": task, "branch_id": "b1"})
    until("the hub's absence is noticed", lambda: _away(node), 15)
    clocks.set(node, jump)
    node.proxy.heal()
    until("it is on the hub", lambda: cluster.hub.has(f"contexts/task/{task}/"), 15)
    # And so does what fails without the network.
    clocks.set(node, 0)
    node.proxy.fail_next_push("500")
    with node.client() as client:
        client.patch(f"api/v1/contexts/task/{task}/", json={"data": {"a": 1}})
    clocks.set(node, jump)
    until("it is sent again", lambda: bool(cluster.hub.get(f"contexts/task/{task}/")["data"]), 15)
    # A push that nobody asked for, long after: the sweep goes on.
    clocks.set(node, 0)
    cluster.in_step(15)


def _away(node: Site) -> bool:
    return bool(node.get("health/")["sync"]["hub"] == "away")
