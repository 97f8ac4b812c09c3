"""Many writers at once: nothing lost, nothing skipped, no deadlock, on either database."""

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from itertools import chain
from pathlib import Path

import pytest
from django.db import connection

from contexts.errors import ContextError
from tests.contexts.deeds import perform, random_deed
from tests.contexts.replay import assert_log_is_the_state
from tests.instances import ROOT, Instance, temporary_database
from tests.system import writers
from tests.system.concurrency.deeds import OWNER
from tests.system.threads import failures, together

pytestmark = pytest.mark.django_db(transaction=True)

SIZES = [
    pytest.param(16, 50, id="16 writers"),
    pytest.param(24, 200, id="24 writers", marks=pytest.mark.nightly),
]


def assert_nothing_lost_or_skipped(outcome: writers.Outcome) -> None:
    assert not outcome.errors, outcome.errors[0]
    told = outcome.ledgers
    whole_feed = list(range(1, len(outcome.seqs) + 1))
    assert outcome.seqs == whole_feed
    assert all(seen == whole_feed for seen in outcome.readers)
    assert sorted(outcome.tasks) == sorted(
        [writers.SHARED, *chain.from_iterable(each["tasks"] for each in told)]
    )
    keys = {key: version for each in told for key, version in each["keys"].items()}
    assert sorted(outcome.shared) == sorted(keys)
    assert outcome.shared_versions == list(range(1, len(keys) + 2))
    # Every acknowledged edit made a version of its own.
    assert sorted(keys.values()) == outcome.shared_versions[1:]
    assert sorted(outcome.insights) == sorted(
        chain.from_iterable(each["insights"] for each in told)
    )
    assert any(each["undone"] for each in told)
    assert len(outcome.held) == writers.PAUSES
    assert set(outcome.held) <= set(whole_feed)


@pytest.fixture
def a_connection_each() -> Iterator[None]:
    """A pool as wide as there are threads: blocked writers must not starve the readers of it."""
    if connection.vendor != "postgresql":
        yield
        return
    options = connection.settings_dict["OPTIONS"]
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]
    connection.settings_dict["OPTIONS"] = {**options, "pool": {"min_size": 1, "max_size": 24}}
    try:
        yield
    finally:
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]
        connection.settings_dict["OPTIONS"] = options


@pytest.mark.usefixtures("a_connection_each")
@pytest.mark.parametrize(("number", "writes"), SIZES)
def test_threads_lose_no_write_and_readers_skip_none(
    shared_task: str, number: int, writes: int
) -> None:
    outcome = writers.contend(writers.THREADS, number, writes, readers=2)
    assert not outcome.errors, outcome.errors[0]
    writers.examine(outcome)
    assert_nothing_lost_or_skipped(outcome)
    assert len(outcome.seqs) == 4 + number * writes + writers.PAUSES


@pytest.mark.parametrize(("number", "writes"), SIZES)
def test_processes_lose_no_write_even_when_one_is_killed_and_readers_skip_none(
    tmp_path: Path, number: int, writes: int
) -> None:
    with temporary_database(tmp_path) as database_url:
        instance = Instance(
            tmp_path / "home",
            database_url,
            {"DJANGO_SETTINGS_MODULE": "contextsys.settings"},
        )
        instance.manage("migrate", "-v", "0")
        ended = subprocess.run(
            [sys.executable, "-m", "tests.system.writers", str(number), str(writes), "2"],
            cwd=ROOT,
            env=instance.environment,
            capture_output=True,
            text=True,
            timeout=2 * writers.SECONDS + number * writes * writers.SECONDS_A_WRITE,
        )
    assert ended.returncode == 0, ended.stderr
    outcome = writers.Outcome(**json.loads(ended.stdout))
    assert_nothing_lost_or_skipped(outcome)
    assert len(outcome.seqs) == 4 + number * writes + writers.PAUSES


@pytest.mark.parametrize(
    ("threads", "number"),
    [
        pytest.param(8, 40, id="8 threads"),
        pytest.param(12, 400, id="12 threads", marks=pytest.mark.nightly),
    ],
)
def test_any_mix_of_writes_ends_without_deadlock_and_with_the_log_as_the_state(
    shared_task: str, threads: int, number: int
) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")

    def work(place: int) -> int:
        rng = random.Random(seed + place)
        done = 0
        for step in range(number):
            deed = random_deed(rng, place * number + step)
            try:
                perform(OWNER, deed)
                done += 1
            except ContextError:
                pass
            finally:
                connection.close()
        return done

    outcomes = together([partial(work, place) for place in range(threads)], seconds=number * 3)
    # A deadlock, a lock that could not be had, a broken constraint: all would stand here.
    assert not failures(outcomes), (seed, failures(outcomes))
    assert sum(outcomes) > threads * number / 10
    assert_log_is_the_state(OWNER.organization_id)
