"""Entries that the hub refuses, and a context that it fails at, hold up nobody else."""

import random
import sqlite3
import time
from collections.abc import Iterator
from functools import partial

import psycopg
import pytest

from syncing.management.commands.sync import SHOWN
from tests.faults.cluster import Cluster, Site, at_once, cluster_in
from tests.faults.following import followed
from tests.faults.ledger import quantile
from tests.faults.services import until

pytestmark = [pytest.mark.services, pytest.mark.xdist_group("faults")]
LAG_SECONDS = 5.0
HUBS_LIMIT = 20_000
WRITERS = 4
CURSED_EVERY = 20
# Between two writes of one writer: the lag is to tell of the poison, not of how much is written.
PAUSE = 0.1
CURSED = "cursed"
VILLAIN = "villain"
# What each database says of work that is too much for it, in the words of one that is away.
SQLITE_CURSE = f"""
CREATE TRIGGER curse BEFORE INSERT ON contexts_change WHEN NEW.actor = '{VILLAIN}'
BEGIN SELECT json('['); END
"""
POSTGRES_CURSE = f"""
CREATE FUNCTION curse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE SQLSTATE '54000' USING MESSAGE = 'too much'; END $$;
CREATE TRIGGER curse BEFORE INSERT ON contexts_change FOR EACH ROW
WHEN (NEW.actor = '{VILLAIN}') EXECUTE FUNCTION curse();
"""


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The hub takes smaller documents than its node."""
    with cluster_in(tmp_path_factory.mktemp("poison")) as cluster:
        cluster.start({}, hub={"CONTEXTSYS_MAX_DOCUMENT_BYTES": str(HUBS_LIMIT)})
        yield cluster


def _execute(site: Site, sqlite: str, postgres: str) -> None:
    url = site.environment["DATABASE_URL"]
    if url.startswith("postgres"):
        with psycopg.connect(url) as connection:
            connection.execute(postgres)
    else:
        with sqlite3.connect(url.removeprefix("sqlite:///"), timeout=30) as database:
            database.executescript(sqlite)
        database.close()


def _make(node: Site, name: str, text: str = "") -> float:
    """Makes a task; when it was acknowledged."""
    body = {"id": name, "branch_id": "b1", "data": {"text": text}}
    with node.client() as client:
        answer = client.post("api/v1/contexts/task/", json=body)
    assert answer.status_code == 201, answer.text
    return time.monotonic()


def _patch(node: Site, name: str, key: str | None = None) -> str:
    """Edits the cursed task; how far the hub has it."""
    with node.client(key) as client:
        answer = client.patch(f"api/v1/contexts/task/{CURSED}/", json={"data": {name: name}})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["sync"]["status"])


@pytest.mark.parametrize(
    "writes",
    [pytest.param(500, id="ci"), pytest.param(10_000, id="large", marks=pytest.mark.nightly)],
)
def test_poison_holds_up_nobody_else_and_nothing_transient_is_dead(
    cluster: Cluster, writes: int, seed: int
) -> None:
    [node] = cluster.nodes
    poisoned = set(random.Random(seed).sample(range(writes), writes // 100))
    _execute(cluster.hub, SQLITE_CURSE, POSTGRES_CURSE)
    made: dict[str, float] = {}
    with followed([cluster.hub]) as [follower]:
        _make(node, CURSED)
        until("the context is on the hub", lambda: CURSED in follower.seen, 10)
        # Its second version is never taken in, and those after it must not overtake it.
        curses = [_patch(node, VILLAIN, node.manage("create_agent", VILLAIN).stdout.strip())]

        def write(numbers: range) -> None:
            for number in numbers:
                if number in poisoned:
                    _make(node, f"poison-{number}", "x" * 2 * HUBS_LIMIT)
                elif number % CURSED_EVERY == 0:
                    curses.append(_patch(node, f"k{number}"))
                else:
                    made[f"good-{number}"] = _make(node, f"good-{number}")
                time.sleep(PAUSE)

        at_once([partial(write, range(writes)[first::WRITERS]) for first in range(WRITERS)])
        assert set(curses) == {"pending"}
        deadline = time.monotonic() + 60
        lags = [follower.when(name, deadline) - at for name, at in made.items()]
    print(f"lag of the others: p50 {quantile(lags, 0.5):.2f} p99 {quantile(lags, 0.99):.2f} s")
    assert quantile(lags, 0.99) < LAG_SECONDS
    journal = node.journal()
    assert journal["dead"] == len(poisoned)
    assert journal["pending"] == len(curses)
    _execute(cluster.hub, "DROP TRIGGER curse", "DROP FUNCTION curse CASCADE")
    told = node.manage("sync").stdout
    assert told.count("(document_too_large)") == min(len(poisoned), SHOWN), told
    assert (f"and {len(poisoned) - SHOWN} more" in told) == (len(poisoned) > SHOWN), told
    until("the curse is over", lambda: not node.journal()["pending"], 30)
    there, here = (site.get(f"contexts/task/{CURSED}/") for site in cluster.sites)
    assert there == here
    histories = [site.pages(f"contexts/task/{CURSED}/history/") for site in cluster.sites]
    assert histories[0] == histories[1]
    assert [each["version"] for each in histories[0]] == list(range(len(curses) + 1, 0, -1))
    assert histories[0][-2]["actor"] == VILLAIN
    # What was refused stays where it was written, and is offered again when someone wants it.
    assert node.journal()["dead"] == len(poisoned)
    for number in poisoned:
        assert node.has(f"contexts/task/poison-{number}/")
        assert not cluster.hub.has(f"contexts/task/poison-{number}/")
