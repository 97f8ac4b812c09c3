"""The standing pull and the tasks that keep a node in step: who runs, when, and what they raise."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest import mock

import pytest
import time_machine
from django.test import override_settings
from django.utils import timezone

from contexts import services
from contexts.access import Caller
from contexts.levels import PROJECT
from contexts.models import owned
from syncing import following, link, pull, tasks
from syncing.client import CloudClient
from syncing.digests import digests
from syncing.errors import HubAway, HubRefused
from syncing.models import JournalEntry, Link
from syncing.nudging import Nudger
from tests.instances import Instance
from tests.syncing.hubs import (
    KEY,
    ORGANIZATION,
    Answer,
    Asked,
    Script,
    ScriptedHub,
    always,
    away,
    listening,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TRANSCRIPT = next((Path(__file__).parents[2] / "data" / "transcripts").glob("*.jsonl"))


class Clock:
    """Time as the standing pull measures it; the hub's waiting moves it on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(hub: ScriptedHub, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The hub holds every empty answer for as long as it may."""
    clock = Clock()
    monkeypatch.setattr(following, "time", clock)

    def hold(asked: Asked) -> None:
        if asked.path == "changes/" and int(asked.query["since"]) == len(hub.feed):
            clock.now += float(asked.query.get("wait", 0))

    hub.script = hold
    return clock


@pytest.fixture
def follow_again() -> Iterator[mock.Mock]:
    """What the task asks for at its end."""
    with mock.patch.object(tasks.follow_hub, "apply_async") as apply:
        yield apply


def tie() -> Link:
    return owned(ORGANIZATION, Link).get()


def polls(hub: ScriptedHub) -> list[Asked]:
    return hub.asked_for("changes/")


def test_it_waits_at_the_hub_for_what_comes(
    hub: ScriptedHub, client: CloudClient, clock: Clock
) -> None:
    assert following.follow(ORGANIZATION, client)
    assert {asked.query["wait"] for asked in polls(hub)} == {"5"}
    assert clock.now >= 1000 + following.STRETCH_SECONDS


def test_what_comes_is_taken_over_and_it_waits_again(
    hub: ScriptedHub, client: CloudClient, clock: Clock
) -> None:
    for value in range(3):
        hub.write(PROJECT, "p1", ORGANIZATION, data={"a": value})
    following.follow(ORGANIZATION, client)
    assert PROJECT.rows(ORGANIZATION).get().data == {"a": 2}
    assert [asked.query["since"] for asked in polls(hub)][:2] == ["1", "4"]


def test_only_one_worker_follows(hub: ScriptedHub, client: CloudClient, clock: Clock) -> None:
    others: list[bool] = []
    hold = hub.script

    def other_worker(asked: Asked) -> Answer | None:
        hub.script = hold
        others.append(following.follow(ORGANIZATION, client))
        return None

    hub.script = other_worker
    assert following.follow(ORGANIZATION, client)
    assert others == [False]


@pytest.mark.parametrize("failing", [False, True])
def test_its_lease_is_free_when_it_ends(
    hub: ScriptedHub, client: CloudClient, clock: Clock, failing: bool
) -> None:
    if failing:
        hub.script = away
        with pytest.raises(HubAway):
            following.follow(ORGANIZATION, client)
    else:
        following.follow(ORGANIZATION, client)
    assert tie().lease_until is None


def test_a_lost_hub_is_asked_without_waiting_so_that_its_return_is_seen_at_once(
    hub: ScriptedHub, client: CloudClient, clock: Clock
) -> None:
    owned(ORGANIZATION, Link).update(reachable=False)
    following.follow(ORGANIZATION, client)
    assert "wait" not in polls(hub)[0].query
    assert polls(hub)[1].query["wait"] == "5"


def test_a_hub_that_refuses_is_asked_again_only_now_and_then(
    hub: ScriptedHub, client: CloudClient, clock: Clock
) -> None:
    hold, hub.script = hub.script, always(403, {"code": "forbidden"})
    with time_machine.travel(NOW, tick=False) as traveller:
        with pytest.raises(HubRefused):
            following.follow(ORGANIZATION, client)
        hub.asked.clear()
        traveller.shift(following.PARKED - timedelta(seconds=1))
        assert not following.follow(ORGANIZATION, client)
        assert hub.asked == []
        hub.script = hold
        traveller.shift(2)
        assert following.follow(ORGANIZATION, client)
        assert tie().parked == ""
        # Nor does a clock that jumped make it wait for another day.
        owned(ORGANIZATION, Link).update(parked="x", parked_at=NOW + timedelta(days=1))
        assert following.follow(ORGANIZATION, client)


def test_after_a_start_a_hub_that_refused_is_asked_at_once(
    hub: ScriptedHub, client: CloudClient, clock: Clock
) -> None:
    """It may have been to give the node another key."""
    hold, hub.script = hub.script, always(403, {"code": "forbidden"})
    with pytest.raises(HubRefused):
        following.follow(ORGANIZATION, client)
    hub.script = hold
    assert not following.follow(ORGANIZATION, client)
    link.begin_afresh()
    assert following.follow(ORGANIZATION, client)


# Whether both hold the same


def test_when_all_is_quiet_both_are_compared_once_at_each_place(
    hub: ScriptedHub, client: CloudClient, clock: Clock
) -> None:
    hub.digest = digests.of(ORGANIZATION)[1]
    for _ in range(3):
        following.follow(ORGANIZATION, client)
    assert len(hub.asked_for("status/")) == 1
    assert tie().checked_cursor == 1


def test_they_are_compared_no_more_than_once_a_minute(
    hub: ScriptedHub, client: CloudClient, clock: Clock
) -> None:
    with time_machine.travel(NOW, tick=False) as traveller:
        compared = []
        for value in range(4):
            hub.write(PROJECT, "p1", ORGANIZATION, data={"a": value})
            pull.pull_once(ORGANIZATION, client)
            hub.digest = digests.of(ORGANIZATION)[1]
            following.follow(ORGANIZATION, client)
            compared.append(len(hub.asked_for("status/")))
            traveller.shift(25)
    assert compared == [1, 1, 1, 2]


# Tasks


def test_following_goes_on_where_it_ended(
    client: CloudClient, clock: Clock, follow_again: mock.Mock
) -> None:
    tasks.follow_hub()
    follow_again.assert_called_once()


def test_a_worker_that_may_not_follow_leaves_it_to_the_schedule(
    client: CloudClient, clock: Clock, follow_again: mock.Mock
) -> None:
    assert link.claim_pull(ORGANIZATION, 10)
    tasks.follow_hub()
    follow_again.assert_not_called()


def test_a_hub_that_fails_ends_the_task_quietly(
    hub: ScriptedHub,
    client: CloudClient,
    clock: Clock,
    follow_again: mock.Mock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for script in (away, always(500), always(403), lambda _: Answer(200, {"changes": 5})):
        hub.script = script
        owned(ORGANIZATION, Link).update(parked="")
        tasks.follow_hub()
        tasks.sweep_journal()
    follow_again.assert_not_called()
    assert all(record.exc_info is None for record in caplog.records)


def test_the_sweep_pushes_what_waits_and_what_no_receiver_saw(
    hub: ScriptedHub, client: CloudClient, owner: Caller
) -> None:
    services.create(owner, PROJECT, {}, context_id="p1")
    with override_settings(CONTEXTSYS_CLOUD_URL=""):
        services.create(owner, PROJECT, {}, context_id="p2")
    tasks.sweep_journal()
    assert [[each["context_id"] for each in entries] for entries in hub.pushed] == [["p1", "p2"]]


def test_a_push_leaves_a_hub_alone_that_did_not_answer_a_moment_ago(
    hub: ScriptedHub, client: CloudClient, owner: Caller
) -> None:
    services.create(owner, PROJECT, {}, context_id="p1")
    hub.script = away
    tasks.push_journal(ORGANIZATION)
    link.wait_no_longer(ORGANIZATION)
    tasks.push_journal(ORGANIZATION)
    assert len(hub.pushed) == 1
    # The moment it answers anyone here, that is over.
    hub.script = lambda _: None
    pull.pull_once(ORGANIZATION, client)
    tasks.push_journal(ORGANIZATION)
    assert len(hub.pushed) == 2
    assert not JournalEntry.objects.filter(state="pending").exists()


@pytest.mark.parametrize(
    "setting", [{"CONTEXTSYS_CLOUD_URL": ""}, {"CONTEXTSYS_ORGANIZATION": "acme"}]
)
def test_without_a_hub_or_its_organization_there_is_nothing_to_do(
    hub: ScriptedHub,
    client: CloudClient,
    follow_again: mock.Mock,
    setting: dict[str, str],
) -> None:
    """The second is what the error of a first contact may have told the operator to set."""
    with override_settings(**setting):
        tasks.sweep_journal()
        tasks.follow_hub()
        tasks.push_journal(ORGANIZATION)
    assert hub.asked == []
    follow_again.assert_not_called()
    assert Link.objects.count() == 1


# The hint after a commit


@pytest.mark.django_db(transaction=True)
def test_a_committed_change_asks_for_a_push_and_a_rolled_back_one_does_not(
    hub: ScriptedHub, client: CloudClient, owner: Caller
) -> None:
    with mock.patch.object(tasks, "nudge") as nudge:
        services.create(owner, PROJECT, {}, context_id="p1")
        nudge.assert_called_once_with(ORGANIZATION)
        hub.write(PROJECT, "p2", ORGANIZATION)
        pull.pull_once(ORGANIZATION, client)
        nudge.assert_called_once()


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_is_away_costs_a_write_nothing_and_is_told_of_once(
    hub: ScriptedHub, client: CloudClient, owner: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    asked = threading.Semaphore(0)

    def fail(*_: object, **__: object) -> None:
        asked.release()
        raise ConnectionError("no broker")

    nudger = Nudger(tasks._ask)
    with (
        mock.patch.object(tasks.push_journal, "apply_async", fail),
        mock.patch.object(tasks, "nudge", nudger.nudge),
        caplog.at_level(logging.WARNING, "contextsys.sync"),
    ):
        for name in ("p1", "p2"):
            services.create(owner, PROJECT, {}, context_id=name)
            assert asked.acquire(timeout=20)
        # The one who is asked next has seen both fail.
        nudger.nudge(ORGANIZATION)
        assert asked.acquire(timeout=20)
    told = [record.getMessage() for record in caplog.records]
    assert told == ["the broker does not answer (ConnectionError): the sweep will push"]
    tasks.sweep_journal()
    assert {change["context_id"] for change in hub.feed} == {"global", "p1", "p2"}
    assert timezone.now() - JournalEntry.objects.latest("seq").created_at < timedelta(minutes=5)


# A whole process


def until(holds: Callable[[], bool], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def holding(hub: ScriptedHub) -> Script:
    """A hub that holds an empty answer, as a real one does."""

    def hold(asked: Asked) -> None:
        end = time.monotonic() + float(asked.query.get("wait", 0))
        while asked.path == "changes/" and int(asked.query["since"]) == len(hub.feed):
            if time.monotonic() > end or hub.script is away:
                return
            time.sleep(0.02)

    return hold


def test_a_serving_node_pushes_and_follows_and_logs_once_that_its_hub_goes_and_comes(
    hub: ScriptedHub, start_instance: Callable[..., Instance]
) -> None:
    hub.script = holding(hub)
    with listening(hub) as server:
        node = start_instance(CONTEXTSYS_CLOUD_URL=server.url, CONTEXTSYS_CLOUD_KEY=KEY)
        with node.client() as api:

            def make(name: str) -> str:
                answer = api.post("/api/v1/contexts/project/", json={"id": name})
                assert answer.status_code == 201
                return str(answer.json()["sync"]["status"])

            make("p1")
            until(lambda: hub.newest(PROJECT, "p1") is not None, "a write is pushed")
            hub.write(PROJECT, "p2", ORGANIZATION, data={"theirs": 1})
            there = "/api/v1/contexts/project/p2/"
            until(lambda: api.get(there).status_code == 200, "what others write comes")
            hub.script = away
            until(lambda: "does not answer" in node.log(), "its going is logged")
            assert make("p3") == "pending"
            asked = len(server.peers)
            until(lambda: len(server.peers) >= asked + 3, "it is asked again and again")
            hub.script = holding(hub)
            until(lambda: hub.newest(PROJECT, "p3") is not None, "what waited is pushed")
            until(lambda: "answers again" in node.log(), "its return is logged")
            # Nobody nudges for what is written past the server: only its sweep finds that.
            unaware = Instance(node.home, node.environment["DATABASE_URL"], {})
            unaware.manage("import_transcript", str(TRANSCRIPT), "--project", "p4")
            until(lambda: hub.newest(PROJECT, "p4") is not None, "the sweep finds it")
        assert node.stop() == 0
    log = node.log()
    assert (log.count("does not answer"), log.count("answers again")) == (1, 1)
    assert "Traceback" not in log
    assert KEY not in log
