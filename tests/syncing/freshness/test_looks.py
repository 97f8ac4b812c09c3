"""Before a write or a resolve: a look at the hub, if that takes no time."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from rest_framework.test import APIClient

from contexts import breaker, upstream
from contexts.levels import PROJECT
from contexts.models import owned
from syncing import freshness, link
from syncing.client import CloudClient
from syncing.models import Link
from syncing.push import push_due
from tests.syncing.freshness.conftest import grow_old
from tests.syncing.hubs import (
    ORGANIZATION,
    Answer,
    Asked,
    Listening,
    Script,
    ScriptedHub,
    always,
    away,
    linked_to,
    listening,
)
from tests.system.threads import together

pytestmark = pytest.mark.django_db(transaction=True)
PROJECTS = "/api/v1/contexts/project/"
P1 = f"{PROJECTS}p1/"
RESOLVED = f"{P1}resolved/"
# A machine that is busy with other things takes its time; a hub that hangs is not waited for.
AT_ONCE = 1.5


class Clock:
    """Time as the node measures it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


def looks(hub: ScriptedHub) -> int:
    return len(hub.asked_for("changes/"))


WRITES: list[Callable[[APIClient], Any]] = [
    lambda api: api.patch(P1, {"data": {"mine": 1}}, format="json"),
    lambda api: api.put(P1, {"data": {"mine": 1}}, format="json"),
    lambda api: api.post(PROJECTS, {"id": "p2"}, format="json"),
    lambda api: api.post(f"{P1}insights/", {"content": "x"}, format="json"),
    lambda api: api.get(RESOLVED),
]


@pytest.mark.parametrize("number", range(len(WRITES)))
def test_writes_and_resolving_look_at_the_hub_first(
    hub: ScriptedHub, client: CloudClient, owner_client: APIClient, number: int
) -> None:
    hub.write(PROJECT, "p1", data={"theirs": 1})
    assert WRITES[number](owner_client).status_code < 300
    assert looks(hub) == 1
    assert PROJECT.rows(ORGANIZATION, context_id="p1").get().data.get("theirs", 1) == 1
    assert link.link_of(ORGANIZATION).cursor == len(hub.feed)


def test_what_the_hub_has_is_in_the_answer(
    hub: ScriptedHub, client: CloudClient, owner_client: APIClient
) -> None:
    hub.write(PROJECT, "p1", data={"theirs": 1})
    assert owner_client.get(RESOLVED).json()["data"] == {"theirs": 1}
    assert owner_client.patch(P1, {"data": {"mine": 1}}, format="json").json()["data"] == {
        "theirs": 1,
        "mine": 1,
    }


def test_plain_reading_asks_nobody(
    hub: ScriptedHub, client: CloudClient, owner_client: APIClient
) -> None:
    for address in (P1, PROJECTS, f"{P1}history/", "/api/v1/changes/"):
        assert owner_client.get(address).status_code == 200
    assert hub.asked == []


def test_what_was_brought_within_two_seconds_is_fresh_enough(
    hub: ScriptedHub, client: CloudClient, owner_client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(freshness, "time", clock)
    owned(ORGANIZATION, Link).update(synced_at=timezone.now())
    owner_client.get(RESOLVED)
    clock.now += 1.5
    owner_client.patch(P1, {"data": {"a": 1}}, format="json")
    assert looks(hub) == 0
    clock.now += 1
    grow_old()
    owner_client.get(RESOLVED)
    assert looks(hub) == 1
    # A look of its own is as good as what the standing pull brings.
    clock.now += 1.5
    owner_client.get(RESOLVED)
    assert looks(hub) == 1


@pytest.mark.parametrize("hours", [1, -1])
def test_a_clock_that_was_set_does_not_make_old_things_fresh(
    hub: ScriptedHub, client: CloudClient, owner_client: APIClient, hours: int
) -> None:
    owned(ORGANIZATION, Link).update(synced_at=timezone.now() + timedelta(hours=hours))
    owner_client.get(RESOLVED)
    assert looks(hub) == 1


def test_many_at_once_share_one_look(
    hub: ScriptedHub, client: CloudClient, owner_client: APIClient
) -> None:
    entered = threading.Event()

    def slowly(asked: Asked) -> None:
        entered.set()
        time.sleep(0.1)

    hub.script = slowly
    found = together([lambda: owner_client.get(RESOLVED).status_code] * 6)
    assert found == [200] * 6
    assert entered.is_set()
    assert looks(hub) == 1


def test_no_look_within_a_transaction_or_for_another_organization(
    hub: ScriptedHub, client: CloudClient, stranger_client: APIClient
) -> None:
    with transaction.atomic():
        upstream.refresh(ORGANIZATION)
    stranger_client.post(PROJECTS, {"id": "p1"}, format="json")
    assert hub.asked == []


# A hub that does not answer, or not in time


@pytest.fixture
def server(hub: ScriptedHub, client: CloudClient) -> Iterator[Listening]:
    with listening(hub) as server, linked_to(hub, server.url):
        yield server


def timed(call: Callable[[], Any]) -> float:
    began = time.monotonic()
    assert call().status_code == 200
    return time.monotonic() - began


def test_a_look_has_no_more_than_three_hundred_milliseconds(hurried: float) -> None:
    assert hurried <= 0.3


def test_a_hub_that_hangs_costs_a_write_that_once_and_then_nothing(
    hub: ScriptedHub, server: Listening, owner_client: APIClient, hurried: float
) -> None:
    released = threading.Event()

    def hang(handler: BaseHTTPRequestHandler) -> None:
        released.wait(30)
        handler.close_connection = True

    server.raw = hang
    try:
        write = partial(owner_client.patch, P1, {"data": {"a": 1}}, format="json")
        first = timed(write)
        asked = len(server.peers)
        for _ in range(3):
            timed(write)
            timed(partial(owner_client.get, RESOLVED))
        assert hurried * 0.8 < first < AT_ONCE
        assert asked == len(server.peers) == 1
    finally:
        released.set()


@pytest.mark.parametrize(
    "script",
    [
        away,
        always(429),
        always(500),
        always(503),
        always(401),
        always(404),
        always(410, {"epoch": "x", "code": "gone"}),
        always(200, {"changes": 5}),
        lambda asked: Answer(200, b"<html>"),
    ],
)
def test_whatever_the_hub_answers_the_write_goes_its_way(
    hub: ScriptedHub, client: CloudClient, owner_client: APIClient, script: Script
) -> None:
    hub.script = script
    answer = owner_client.patch(P1, {"data": {"a": 1}}, format="json")
    assert (answer.status_code, answer.json()["sync"]) == (200, {"status": "pending"})
    asked = len(hub.asked)
    assert owner_client.get(RESOLVED).status_code == 200
    assert len(hub.asked) == asked, "a hub that failed is not asked by each write"
    assert link.link_of(ORGANIZATION).cursor == len(hub.feed)


def test_the_breaker_lets_looks_through_again_after_a_while(
    hub: ScriptedHub, client: CloudClient, owner_client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(breaker, "time", clock)
    hub.script = away
    owner_client.get(RESOLVED)
    hub.script = lambda _: None
    hub.write(PROJECT, "p1", data={"theirs": 1})
    assert owner_client.get(RESOLVED).json()["data"] == {}
    clock.now += breaker.PAUSE_SECONDS + 0.1
    assert owner_client.get(RESOLVED).json()["data"] == {"theirs": 1}


def test_a_hub_that_is_known_to_be_away_is_not_looked_at(
    hub: ScriptedHub, client: CloudClient, owner_client: APIClient
) -> None:
    owned(ORGANIZATION, Link).update(reachable=False)
    owner_client.get(RESOLVED)
    assert hub.asked == []


def test_a_look_that_failed_is_no_news_of_the_hub(
    hub: ScriptedHub, client: CloudClient, owner_client: APIClient
) -> None:
    """It may only have been too slow for those in a hurry: the standing pull judges that."""
    hub.script = away
    owner_client.get(RESOLVED)
    assert link.link_of(ORGANIZATION).reachable


def test_a_look_that_took_too_long_is_taken_over_all_the_same(
    hub: ScriptedHub, client: CloudClient, owner_client: APIClient, hurried: float
) -> None:
    hub.write(PROJECT, "p1", data={"theirs": 1})

    def slowly(asked: Asked) -> None:
        time.sleep(hurried + 0.3)

    hub.script = slowly
    assert owner_client.get(RESOLVED).json()["data"] == {}
    deadline = time.monotonic() + 20
    while PROJECT.rows(ORGANIZATION).get().data != {"theirs": 1}:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_hub_too_slow_to_look_at_is_pushed_to_all_the_same(
    hub: ScriptedHub, client: CloudClient, owner_client: APIClient, hurried: float
) -> None:
    def slowly(asked: Asked) -> None:
        if asked.path == "changes/":
            time.sleep(hurried + 0.3)

    hub.script = slowly
    owner_client.patch(P1, {"data": {"a": 1}}, format="json")
    assert client.breaker.allows
    assert push_due(ORGANIZATION, client).verdicts == {"applied": 1}
