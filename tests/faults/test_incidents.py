"""What happens to whole databases: put back, copied, left behind. Noticed, and nothing is lost."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.cluster import Cluster, at_once, cluster_in
from tests.faults.copies import clone_home, kept_aside
from tests.faults.ledger import Ledger, Writer, settled
from tests.faults.services import until

pytestmark = [pytest.mark.services, pytest.mark.xdist_group("faults")]
# For hundreds of changes that every node offers again; nobody promised how fast.
CONVERGED_SECONDS = 180
CHANGES = 500
PENDING = 10
# Half a year later, when all that was superseded is compacted and no node is waited for.
COMPACT = """
import datetime, time_machine
from contexts import compaction
with time_machine.travel(datetime.datetime.now() + datetime.timedelta(days=200)):
    print(compaction.compact_all())
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster_in(tmp_path_factory.mktemp("incidents")) as cluster:
        cluster.start({}, {})
        yield cluster


NIGHT = [pytest.param(number, marks=pytest.mark.nightly) for number in range(1, 10)]
RESTORED = [
    pytest.param(number, way, id=f"{number}-{way}", marks=[pytest.mark.nightly] * (number > 0))
    for number, way in enumerate(["running", "restarted"] * 5)
]


@pytest.mark.parametrize(("number", "way"), RESTORED)
def test_a_hub_that_was_put_back_gets_everything_again(
    cluster: Cluster, number: int, way: str, seed: int, tmp_path: Path
) -> None:
    hub, (one, other) = cluster.hub, cluster.nodes
    ledger = Ledger(f"back-{number}")
    ledger.open(hub, cluster.nodes)
    writers = {site.name: Writer(ledger, site, site.name, seed) for site in cluster.sites}
    writers["hub"].write(20)
    settled(ledger, cluster.sites, CONVERGED_SECONDS)
    before = {node.name: len(node.log()) for node in cluster.nodes}
    with kept_aside(hub, tmp_path) as copy:
        at_once(
            [
                lambda: writers["hub"].write(CHANGES // 2),
                lambda: writers[one.name].write(CHANGES // 4),
                lambda: writers[other.name].write(CHANGES // 4),
            ]
        )
        settled(ledger, cluster.sites, CONVERGED_SECONDS)
        other.proxy.refuse()
        writers[other.name].write(PENDING)
        if way == "running":
            copy.put_back()
        else:
            hub.kill()
            copy.put_back()
            hub.start()
    # Its history goes on, another way than the nodes know it.
    writers["hub"].write(PENDING)
    writers[one.name].write(PENDING)
    other.proxy.heal()
    took = settled(ledger, cluster.sites, CONVERGED_SECONDS)
    print(f"{CHANGES} changes and {PENDING} pending were there again after {took:.1f} s")
    for node in cluster.nodes:
        assert "an older database was put back" in node.log()[before[node.name] :]


@pytest.mark.parametrize("number", [0, *NIGHT])
def test_a_copied_node_is_noticed_and_both_go_on(
    cluster: Cluster, number: int, seed: int, tmp_path: Path
) -> None:
    hub, (one, other) = cluster.hub, cluster.nodes
    ledger = Ledger(f"copied-{number}")
    ledger.open(hub, cluster.nodes)
    writer = Writer(ledger, other, other.name, seed)
    writer.write(20)
    other.proxy.refuse()
    writer.write(PENDING)
    before, told = other.get("sync/status/")["node"], len(other.log())
    other.kill()
    with kept_aside(other, tmp_path) as copy:
        twin = cluster.add_node(f"twin{number}", DATABASE_URL=copy.url)
        try:
            clone_home(other, twin)
            other.proxy.heal()
            at_once([other.start, twin.start])
            writers = [Writer(ledger, site, site.name, seed) for site in (hub, one, twin)]
            at_once([lambda each=each: each.write(20) for each in [writer, *writers]])  # type: ignore[misc]
            took = settled(ledger, cluster.sites, CONVERGED_SECONDS)
            print(f"in step after {took:.1f} s")
            names = {site.get("sync/status/")["node"] for site in (other, twin)}
            assert len(names) == 2
            assert before in names
            since = other.log()[told:] + twin.log()
            assert since.count("a copy of this node syncs under its name") == 1
        finally:
            cluster.nodes.remove(twin)
            twin.close()


@pytest.mark.parametrize("number", [0, *NIGHT])
def test_a_node_below_the_floor_begins_anew_and_keeps_its_edits(
    cluster: Cluster, number: int, seed: int
) -> None:
    hub, (one, other) = cluster.hub, cluster.nodes
    ledger = Ledger(f"floor-{number}")
    ledger.open(hub, cluster.nodes)
    writers = {site.name: Writer(ledger, site, site.name, seed) for site in cluster.sites}
    writers[other.name].write(20)
    settled(ledger, cluster.sites, CONVERGED_SECONDS)
    other.proxy.refuse()
    writers[other.name].write(PENDING)
    at_once([lambda: writers["hub"].write(100), lambda: writers[one.name].write(50)])
    until("hub and node are in step", lambda: hub.digest() == one.digest(), CONVERGED_SECONDS)
    hub.manage("shell", "-c", COMPACT)
    status = hub.get("sync/status/")
    assert status["floor"] == status["head"]
    assert other.journal()["pending"] == PENDING
    before = len(other.log())
    other.proxy.heal()
    writers[one.name].write(PENDING)
    took = settled(ledger, cluster.sites, CONVERGED_SECONDS, histories=False)
    print(f"in step after {took:.1f} s")
    assert "the hub's feed does not go on where we stopped" in other.log()[before:]
