"""The standing pull: who follows the hub, when, and what ends it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine

from contexts.levels import PROJECT
from contexts.models import owned
from syncing import following, link, pull
from syncing.client import CloudClient
from syncing.digests import digests
from syncing.errors import HubAway, HubBusy, HubRefused
from syncing.models import Link
from tests.syncing.hubs import (
    ORGANIZATION,
    Answer,
    Asked,
    ScriptedHub,
    always,
    away,
)
from tests.syncing.node.conftest import Clock

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TRANSCRIPT = next((Path(__file__).parents[2] / "data" / "transcripts").glob("*.jsonl"))


def tie() -> Link:
    return owned(ORGANIZATION, Link).get()


def polls(hub: ScriptedHub) -> list[Asked]:
    return hub.asked_for("changes/")


def test_it_waits_at_the_hub_for_what_comes(
    hub: ScriptedHub, client: CloudClient, pull_clock: Clock
) -> None:
    assert following.follow(ORGANIZATION, client)
    assert {asked.query["wait"] for asked in polls(hub)} == {"5"}
    assert pull_clock.now >= 1000 + following.STRETCH_SECONDS


def test_what_comes_is_taken_over_and_it_waits_again(
    hub: ScriptedHub, client: CloudClient, pull_clock: Clock
) -> None:
    for value in range(3):
        hub.write(PROJECT, "p1", ORGANIZATION, data={"a": value})
    following.follow(ORGANIZATION, client)
    assert PROJECT.rows(ORGANIZATION).get().data == {"a": 2}
    assert [asked.query["since"] for asked in polls(hub)][:2] == ["1", "4"]


def test_only_one_worker_follows(hub: ScriptedHub, client: CloudClient, pull_clock: Clock) -> None:
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
    hub: ScriptedHub, client: CloudClient, pull_clock: Clock, failing: bool
) -> None:
    if failing:
        hub.script = away
        with pytest.raises(HubAway):
            following.follow(ORGANIZATION, client)
    else:
        following.follow(ORGANIZATION, client)
    assert tie().lease_until is None


def test_a_lost_hub_is_asked_without_waiting_so_that_its_return_is_seen_at_once(
    hub: ScriptedHub, client: CloudClient, pull_clock: Clock
) -> None:
    owned(ORGANIZATION, Link).update(reachable=False)
    following.follow(ORGANIZATION, client)
    assert "wait" not in polls(hub)[0].query
    assert polls(hub)[1].query["wait"] == "5"


@pytest.mark.parametrize(("told", "rest"), [("3", 3), ("300", 5)])
def test_a_hub_that_wants_to_be_asked_less_often_is_left_alone_that_long(
    hub: ScriptedHub, client: CloudClient, pull_clock: Clock, told: str, rest: int
) -> None:
    """But for a probe every five seconds."""
    hold, hub.script = hub.script, always(429, Retry_After=told)
    with time_machine.travel(NOW, tick=False) as traveller:
        with pytest.raises(HubBusy):
            following.follow(ORGANIZATION, client)
        hub.asked.clear()
        traveller.shift(rest - 1)
        assert not following.follow(ORGANIZATION, client)
        assert hub.asked == []
        hub.script = hold
        traveller.shift(2)
        assert following.follow(ORGANIZATION, client)


def test_a_hub_that_refuses_is_asked_again_only_now_and_then(
    hub: ScriptedHub, client: CloudClient, pull_clock: Clock
) -> None:
    assert timedelta(seconds=5) <= following.PARKED < timedelta(seconds=15)
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
    hub: ScriptedHub, client: CloudClient, pull_clock: Clock
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
    hub: ScriptedHub, client: CloudClient, pull_clock: Clock
) -> None:
    hub.digest = digests.of(ORGANIZATION)[1]
    for _ in range(3):
        following.follow(ORGANIZATION, client)
    assert len(hub.asked_for("status/")) == 1
    assert tie().checked_cursor == 1


def test_they_are_compared_no_more_than_once_a_minute(
    hub: ScriptedHub, client: CloudClient, pull_clock: Clock
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
