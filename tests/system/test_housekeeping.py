"""What Celery does at night: compaction, forgotten answers, and the embedded worker itself."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from celery.signals import task_success
from celery.worker import state
from django.db import connection
from rest_framework.test import APIClient

from contexts import compaction, history, resolving, services, tasks
from contexts.access import Caller
from contexts.errors import Gone
from contexts.levels import GLOBAL, PROJECT, Document, Level
from contexts.models import Change, Feed, IdempotencyRecord
from contextsys.embedded import EmbeddedCelery

DAY = timedelta(days=1)
BEGIN = datetime(2026, 1, 1, 12, tzinfo=UTC)


def write(owner: Caller, level: Level, context_id: str, value: int) -> None:
    def edit(values: Document) -> Document:
        return {**values, "data": {"value": value}}

    services.update(owner, level, context_id, edit)


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(BEGIN, tick=False) as traveller:
        yield traveller


@pytest.fixture
def past(clock: time_machine.Traveller, owner: Caller) -> Caller:
    """Project `p` written on days 0 (made), 10, 20 and 100, `q` on day 0 only; now it is day 120.

    Ninety days are kept: the cutoff is day 30.
    """
    services.create(owner, PROJECT, {"data": {"value": 0}}, context_id="p")
    services.create(owner, PROJECT, {"data": {"value": 0}}, context_id="q")
    for day in (10, 20, 100):
        clock.move_to(BEGIN + day * DAY)
        write(owner, PROJECT, "p", day)
    clock.move_to(BEGIN + 120 * DAY)
    return owner


def at(owner: Caller, context_id: str, day: float) -> Any:
    when = BEGIN + day * DAY
    return resolving.resolve_as_of(PROJECT, owner.organization_id, context_id, when).data["value"]


def test_every_point_in_time_that_is_kept_reads_as_before(past: Caller) -> None:
    days = [30, 45, 99.9, 100, 120]
    before = [(at(past, "p", day), at(past, "q", day)) for day in days]
    tasks.compact_history()
    assert [(at(past, "p", day), at(past, "q", day)) for day in days] == before
    assert before == [(20, 0), (20, 0), (20, 0), (100, 0), (100, 0)]


def test_superseded_versions_are_gone_and_say_so(past: Caller, owner_client: APIClient) -> None:
    tasks.compact_history()
    address = "/api/v1/contexts/project/p/history/"
    statuses = [owner_client.get(f"{address}{version}/").status_code for version in (1, 2, 3, 4)]
    assert statuses == [410, 410, 200, 200]
    versions = owner_client.get(address).json()["results"]
    assert [each["version"] for each in versions] == [4, 3, 2, 1]
    assert [each["diff"] is None for each in versions] == [False, True, True, True]
    with pytest.raises(Gone):
        at(past, "p", 15)


def test_the_feed_begins_after_what_is_compacted(past: Caller, owner_client: APIClient) -> None:
    tasks.compact_history()
    feed = Feed.objects.get()
    # The organization, p, q, and p on days 10 and 20; then p on day 100.
    assert (feed.floor, feed.head) == (5, 6)
    with pytest.raises(Gone):
        history.read_feed(past.organization_id, 4, 100)
    assert [each.seq for each in history.read_feed(past.organization_id, 5, 100).changes] == [6]
    assert owner_client.get("/api/v1/changes/?since=0").status_code == 410
    assert owner_client.get("/api/v1/changes/?since=5").status_code == 200


def test_no_row_and_no_current_document_is_lost(past: Caller, owner_client: APIClient) -> None:
    rows = Change.objects.count()
    tasks.compact_history()
    assert Change.objects.count() == rows
    assert owner_client.get("/api/v1/contexts/project/p/").json()["data"] == {"value": 100}
    assert owner_client.get("/api/v1/contexts/project/q/").json()["data"] == {"value": 0}


def test_compacting_again_changes_nothing(past: Caller) -> None:
    assert compaction.compact_all() == 2
    assert compaction.compact_all() == 0
    assert Feed.objects.get().floor == 5


def test_it_goes_on_as_time_does(past: Caller, clock: time_machine.Traveller) -> None:
    tasks.compact_history()
    clock.move_to(BEGIN + 200 * DAY)
    assert compaction.compact_all() == 1
    assert Feed.objects.get().floor == Feed.objects.get().head
    assert at(past, "p", 200) == 100
    assert at(past, "q", 200) == 0


def test_batches_are_bounded_and_all_are_done(
    past: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "BATCH", 1)
    assert compaction.compact_all() == 2


def test_a_deleted_context_keeps_its_tombstone(
    past: Caller, clock: time_machine.Traveller, owner_client: APIClient
) -> None:
    services.delete(past, PROJECT, "p")
    clock.move_to(BEGIN + 300 * DAY)
    tasks.compact_history()
    versions = owner_client.get("/api/v1/contexts/project/p/history/").json()["results"]
    assert versions[0]["operation"] == "deleted"
    made = services.create(past, PROJECT, {}, context_id="p")
    assert made.version == 6


def test_what_came_in_late_but_was_made_long_ago_hides_no_news(
    past: Caller, clock: time_machine.Traveller
) -> None:
    write(past, GLOBAL, "global", 1)
    Change.objects.filter(seq=7).update(at=BEGIN)
    tasks.compact_history()
    assert Feed.objects.get().floor == 5


def test_organizations_are_compacted_one_by_one(past: Caller, stranger_client: APIClient) -> None:
    tasks.compact_history()
    floors = {feed.organization_id: feed.floor for feed in Feed.objects.all()}
    assert floors == {"global": 5, "elsewhere": 0}


def test_workers_at_once_do_it_once(
    transactional_db: None, clock: time_machine.Traveller, past: Caller
) -> None:
    dropped: list[int] = []
    start = threading.Barrier(4)

    def work() -> None:
        try:
            start.wait(30)
            dropped.append(compaction.compact_all())
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(dropped) == 2
    assert len(dropped) == 4
    assert (at(past, "p", 30), at(past, "p", 100)) == (20, 100)
    assert Feed.objects.get().floor == 5


def test_answers_to_repeat_are_forgotten_after_a_day(
    organization: str, clock: time_machine.Traveller
) -> None:
    for hours in (0, 12):
        clock.move_to(BEGIN + timedelta(hours=hours))
        IdempotencyRecord.objects.create(
            organization_id=organization, caller="agent:a", key=str(hours), fingerprint="-"
        )
    clock.move_to(BEGIN + timedelta(hours=24, seconds=1))
    tasks.expire_idempotency_records()
    assert [record.key for record in IdempotencyRecord.objects.all()] == ["12"]


def test_the_embedded_worker_does_tasks_and_ends(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "should_stop", None)
    done = threading.Event()

    def notice(sender: Any, **_: Any) -> None:
        done.set()

    task_success.connect(notice, sender=tasks.compact_history)
    before = set(threading.enumerate())
    celery = EmbeddedCelery()
    celery.start()
    try:
        tasks.compact_history.delay()
        assert done.wait(60)
    finally:
        celery.stop()
        celery.join(60)
        task_success.disconnect(notice, sender=tasks.compact_history)
    names = {thread.name for thread in set(threading.enumerate()) - before}
    assert not names & {"celery-worker", "celery-beat"}
