"""Sending the journal: what each verdict and each failure of the hub does to it."""

import logging
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
import time_machine
from django.utils import timezone

from contexts import services
from contexts.access import Caller
from contexts.levels import PROJECT, TASK, Document
from contexts.models import Change, owned, versions
from syncing import batches, link, pull
from syncing.client import CloudClient
from syncing.errors import HubAway, HubFailed, HubRefused, Refused, TooLarge
from syncing.journal import State
from syncing.models import JournalEntry, Lane
from syncing.push import push_due
from tests.conftest import make_chain
from tests.syncing.hubs import (
    ORGANIZATION,
    Answer,
    Asked,
    ScriptedHub,
    always,
    away,
    exchange,
    linked_to,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def hub() -> ScriptedHub:
    return ScriptedHub()


@pytest.fixture
def client(hub: ScriptedHub, organization: str) -> Iterator[CloudClient]:
    """The node's, which is in step with its hub."""
    with linked_to(hub) as client:
        exchange(client)
        hub.asked.clear()
        yield client


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    """It stands still: what is put off stays so."""
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def make(author: Caller, *names: str) -> None:
    for name in names:
        services.create(author, PROJECT, {}, context_id=name)


def edit(author: Caller, name: str, **data: Any) -> None:
    services.update(author, PROJECT, name, lambda old: {**old, "data": {**old["data"], **data}})


def states() -> dict[str, str]:
    """The newest journal entry's state of each context that has one."""
    found = owned(ORGANIZATION, JournalEntry).order_by("seq")
    return dict(found.values_list("lane__context_id", "state"))


def told(hub: ScriptedHub) -> list[list[str]]:
    """The contexts in each push so far."""
    return [[entry["context_id"] for entry in entries] for entries in hub.pushed]


def only_for(name: str, result: Document) -> Callable[[Document], Document | None]:
    """A judge that answers so for one context and takes the others in."""
    return lambda entry: result if entry["context_id"] == name else None


# What is sent


def test_a_push_says_who_sends_and_where_it_stands(
    hub: ScriptedHub, client: CloudClient, owner: Caller
) -> None:
    make(owner, "p1")
    push_due(ORGANIZATION, client)
    (asked,) = hub.asked_for("push/")
    body = dict(asked.body)
    (entry,) = body.pop("entries")
    assert body.pop("node") == entry["origin_node"]
    assert len(body.pop("incarnation")) == 32
    assert body == {
        "protocol": 1,
        "previous": [],
        "organization": ORGANIZATION,
        "epoch": hub.epoch,
        "since": 1,
        "last": hub.feed[0]["stamp"],
    }
    change = Change.objects.get(context_id="p1")
    assert (entry["mutation_id"], entry["revision"]) == (str(change.mutation_id), change.revision)
    assert (entry["base_revision"], entry["document"]) == ("", change.document)
    assert (entry["actor"], "base" in entry) == ("owner", False)


def test_all_that_is_due_goes_in_batches_of_a_hundred(
    hub: ScriptedHub, client: CloudClient, owner: Caller
) -> None:
    make(owner, *(f"p{number}" for number in range(150)))
    for number in range(100):
        edit(owner, f"p{number}", a=1)
    pushed = push_due(ORGANIZATION, client)
    assert [len(entries) for entries in hub.pushed] == [100, 100, 50]
    assert pushed.verdicts == {"applied": 250}
    assert pushed.failure is None
    for number in range(100):
        versions_told = [c["version"] for c in hub.feed if c["context_id"] == f"p{number}"]
        assert versions_told == [1, 2]


def test_nothing_due_asks_nothing(hub: ScriptedHub, client: CloudClient) -> None:
    push_due(ORGANIZATION, client)
    assert hub.asked == []


# Verdicts


def test_what_was_taken_in_waits_for_the_feed_to_tell_and_is_settled_then(
    hub: ScriptedHub, client: CloudClient, owner: Caller
) -> None:
    make(owner, "p1")
    push_due(ORGANIZATION, client)
    entry = JournalEntry.objects.get(lane__context_id="p1")
    assert (entry.state, entry.verdict, entry.hub_seq) == (State.SENT, "applied", 2)
    pull.pull_once(ORGANIZATION, client)
    assert states()["p1"] == State.SETTLED


def test_a_verdict_that_comes_after_the_feed_has_told_settles_at_once(
    hub: ScriptedHub, client: CloudClient, owner: Caller
) -> None:
    """The answer to a first push is lost; the feed tells of it, then it is pushed again."""
    make(owner, "p1", "p2")
    entries = [batches.claim(ORGANIZATION, "node")]
    assert entries[0] is not None
    for body in entries[0].bodies:
        hub.take(body)
    batches.release(entries[0])
    make(owner, "p3")

    # The page with p1 and p2 is stored while the push of all three is under way.
    def pull_meanwhile(asked: Asked) -> None:
        if asked.path == "push/":
            pull.pull_once(ORGANIZATION, client)

    hub.script = pull_meanwhile
    push_due(ORGANIZATION, client)
    assert states() == {"global": "settled", "p1": "settled", "p2": "settled", "p3": "sent"}


def test_a_merged_edit_gives_way_to_the_hubs_version_of_it(
    hub: ScriptedHub, client: CloudClient, owner: Caller
) -> None:
    make(owner, "p1")
    exchange(client)
    edit(owner, "p1", mine=1)
    first = hub.write(PROJECT, "p1", data={"theirs": 1})

    def merge(entry: Document) -> Document:
        document = {**first["document"], "data": {"theirs": 1, "mine": 1}}
        merged = hub.version(PROJECT, "p1", document, first)
        merged |= {"mutation_id": entry["mutation_id"], "origin_node": entry["origin_node"]}
        seq = hub.tell(merged)
        return {"verdict": "merged", "seq": seq, "revision": merged["revision"]}

    hub.judge = merge
    exchange(client)
    row = PROJECT.rows(ORGANIZATION).get()
    assert (row.version, row.data) == (3, {"theirs": 1, "mine": 1})
    assert row.revision == hub.feed[-1]["revision"]
    assert list(versions(ORGANIZATION, "project", "p1").values_list("version", "actor")) == [
        (3, "hub-agent"),
        (2, "hub-agent"),
        (1, "owner"),
    ]
    assert not JournalEntry.objects.exclude(state=State.SETTLED).exists()


def test_an_unknown_base_is_sent_along_and_that_is_tried_once_more(
    hub: ScriptedHub, client: CloudClient, owner: Caller
) -> None:
    make(owner, "p1")
    exchange(client)
    edit(owner, "p1", a=1)
    hub.judge = lambda entry: None if "base" in entry else {"verdict": "unknown_base"}
    pushed = push_due(ORGANIZATION, client)
    first, second = (entries[0] for entries in hub.pushed[-2:])
    assert "base" not in first
    assert second == {**first, "base": second["base"]}
    assert second["base"]["data"] == {}
    assert pushed.verdicts == {"unknown_base": 1, "applied": 1}
    assert Lane.objects.get(context_id="p1").attempts == 0


def test_a_base_that_helps_nothing_puts_its_lane_off(
    hub: ScriptedHub, client: CloudClient, owner: Caller, clock: time_machine.Traveller
) -> None:
    make(owner, "p1", "p2")
    hub.judge = only_for("p1", {"verdict": "unknown_base"})
    push_due(ORGANIZATION, client)
    assert told(hub) == [["p1", "p2"], ["p1"]]
    lane = Lane.objects.get(context_id="p1")
    assert (lane.attempts, lane.waits_for_network) == (1, False)
    assert states() == {"global": "settled", "p1": "pending", "p2": "sent"}


@pytest.mark.parametrize(
    ("result", "why"),
    [
        ({"verdict": "retry", "code": "parent_missing"}, "parent_missing"),
        ({"verdict": "retry"}, "retry"),
        ({}, "retry"),
        ({"verdict": "whatever"}, "whatever"),
        ({"verdict": None}, "None"),
        ({"verdict": ["applied"]}, "applied"),
    ],
)
def test_an_entry_without_a_clear_verdict_is_tried_again(
    hub: ScriptedHub, client: CloudClient, owner: Caller, result: Document, why: str
) -> None:
    make(owner, "p1", "p2")
    hub.judge = only_for("p1", result)
    push_due(ORGANIZATION, client)
    assert states() == {"global": "settled", "p1": "pending", "p2": "sent"}
    entry = JournalEntry.objects.get(lane__context_id="p1")
    assert entry.attempts == 1
    assert why in entry.last_error
    hub.judge = lambda _: None
    link.wait_no_longer(ORGANIZATION)
    push_due(ORGANIZATION, client)
    assert states()["p1"] == State.SENT
    assert Lane.objects.get(context_id="p1").attempts == 0


def test_a_rejected_entry_is_dead_with_its_code_and_others_go_on(
    hub: ScriptedHub, client: CloudClient, owner: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    make(owner, "p1", "p2")
    hub.judge = only_for("p1", {"verdict": "rejected", "code": "invalid"})
    with caplog.at_level(logging.ERROR, "contextsys.sync"):
        pushed = push_due(ORGANIZATION, client)
    assert pushed.verdicts == {"rejected": 1, "applied": 1}
    assert states() == {"global": "settled", "p1": "dead", "p2": "sent"}
    dead = JournalEntry.objects.get(state=State.DEAD)
    assert (dead.code, dead.last_error) == ("invalid", "The hub refused this change.")
    assert len(caplog.records) == 1
    # The local edit stays visible, and the next one of the context goes its way.
    assert PROJECT.rows(ORGANIZATION, context_id="p1").exists()
    edit(owner, "p1", a=1)
    hub.judge = lambda _: None
    push_due(ORGANIZATION, client)
    assert told(hub)[-1] == ["p1"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"results": None},
        {"results": "applied"},
        {"results": [None, 5, "x", []]},
        {"results": [{"mutation_id": ["x"]}, {"mutation_id": {}}, {}]},
    ],
)
def test_an_answer_without_sense_settles_nothing(
    hub: ScriptedHub, client: CloudClient, owner: Caller, body: Document
) -> None:
    make(owner, "p1")
    hub.script = always(200, body or {"a": 1})
    push_due(ORGANIZATION, client)
    assert states()["p1"] == State.PENDING
    assert JournalEntry.objects.get(lane__context_id="p1").attempts == 1


@pytest.mark.parametrize("seq", ["x", None, [], -1, 0, 1.5, True, 2**70])
def test_a_verdict_without_a_number_is_none(
    hub: ScriptedHub, client: CloudClient, owner: Caller, seq: Any
) -> None:
    make(owner, "p1")
    hub.judge = lambda _: {"verdict": "applied", "seq": seq}
    push_due(ORGANIZATION, client)
    assert states()["p1"] == State.PENDING


# Failures of the hub


@pytest.mark.parametrize(
    "script",
    [
        away,
        always(429),
        always(502),
        always(503),
        always(504),
        always(408),
        always(500),
        always(599),
        always(404),
        always(400, {"code": "invalid"}),
        always(302),
        lambda asked: Answer(200, b"<html>"),
    ],
)
def test_nothing_but_a_final_verdict_makes_an_entry_dead(
    hub: ScriptedHub,
    client: CloudClient,
    owner: Caller,
    clock: time_machine.Traveller,
    script: Callable[[Asked], Answer | None],
) -> None:
    make(owner, "p1")
    hub.script = script
    for _ in range(25):
        assert push_due(ORGANIZATION, client).failure is not None
        clock.shift(301)
    assert states()["p1"] == State.PENDING
    assert JournalEntry.objects.get(lane__context_id="p1").attempts == 25
    bodies = {str(entries) for entries in hub.pushed}
    assert len(bodies) == 1, "the same bytes again"
    hub.script = lambda _: None
    push_due(ORGANIZATION, client)
    assert states()["p1"] == State.SENT


def test_a_hub_that_is_away_ends_the_push_after_one_try(
    hub: ScriptedHub, client: CloudClient, owner: Caller
) -> None:
    make(owner, *(f"p{number}" for number in range(120)))
    hub.script = away
    pushed = push_due(ORGANIZATION, client)
    assert isinstance(pushed.failure, HubAway)
    assert len(hub.pushed) == 1
    # What was not even tried is due as before: the next one finds out by itself.
    assert Lane.objects.filter(waits_for_network=True).count() == 100


def test_one_failed_push_is_tried_again_unasked_within_the_backoff(
    hub: ScriptedHub, client: CloudClient, owner: Caller, clock: time_machine.Traveller
) -> None:
    for seed in range(20):
        random.seed(seed)
        name = f"p{seed}"
        make(owner, name)
        hub.script = away
        push_due(ORGANIZATION, client)
        hub.script = lambda _: None
        for _ in range(2):
            clock.shift(0.5)
            push_due(ORGANIZATION, client)
        assert states()[name] == State.SENT


def test_what_waits_for_the_network_goes_the_moment_the_hub_answers_again(
    hub: ScriptedHub, client: CloudClient, owner: Caller, clock: time_machine.Traveller
) -> None:
    make(owner, "p1")
    hub.script = away
    for _ in range(12):
        push_due(ORGANIZATION, client)
        clock.shift(301)
    push_due(ORGANIZATION, client)
    random.seed(5)
    hub.script = lambda _: None
    pull.pull_once(ORGANIZATION, client)
    push_due(ORGANIZATION, client)
    assert states()["p1"] == State.SENT


def test_a_hub_that_is_asked_too_often_is_left_alone_as_long_as_it_says(
    hub: ScriptedHub, client: CloudClient, owner: Caller, clock: time_machine.Traveller
) -> None:
    """That it answers other questions meanwhile changes nothing of that."""
    make(owner, "p1", "p2")
    hub.script = lambda asked: (
        Answer(429, {}, {"Retry-After": "40"}) if asked.path == "push/" else None
    )
    push_due(ORGANIZATION, client)
    hub.asked.clear()
    for _ in range(3):
        clock.shift(13)
        pull.pull_once(ORGANIZATION, client)
        push_due(ORGANIZATION, client)
    assert hub.pushed == []
    hub.script = lambda _: None
    clock.shift(13)
    push_due(ORGANIZATION, client)
    assert told(hub) == [["p1", "p2"]]


def test_retry_after_of_a_hub_that_is_down_ends_when_it_is_up(
    hub: ScriptedHub, client: CloudClient, owner: Caller, clock: time_machine.Traveller
) -> None:
    make(owner, "p1")
    hub.script = always(503, Retry_After="200")
    push_due(ORGANIZATION, client)
    due = Lane.objects.get(context_id="p1").next_attempt_at
    assert due >= timezone.now() + timedelta(seconds=200)
    clock.shift(20)
    push_due(ORGANIZATION, client)
    assert len(hub.pushed) == 1
    hub.script = lambda _: None
    pull.pull_once(ORGANIZATION, client)
    push_due(ORGANIZATION, client)
    assert states()["p1"] == State.SENT


def test_a_context_at_which_the_hub_fails_holds_no_other_up(
    hub: ScriptedHub, client: CloudClient, owner: Caller, clock: time_machine.Traveller
) -> None:
    names = [f"p{number}" for number in range(20)]
    make(owner, *names)

    def fail_at_one(asked: Asked) -> Answer | None:
        entries = asked.body["entries"] if asked.body else []
        bad = any(entry["context_id"] == "p7" for entry in entries)
        return Answer(500, {"code": "server_error"}) if bad else None

    hub.script = fail_at_one
    assert isinstance(push_due(ORGANIZATION, client).failure, HubFailed)
    for _ in range(6):
        clock.shift(2)
        make(owner, f"q{len(names)}")
        names.append(f"q{len(names)}")
        push_due(ORGANIZATION, client)
    found = states()
    assert found.pop("p7") == State.PENDING
    assert set(found.values()) <= {State.SENT, State.SETTLED}
    # After the first failure it is sent by itself, and no other with it.
    assert [names for names in told(hub)[1:] if "p7" in names and len(names) > 1] == []


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_parks_the_organization_until_the_hub_takes_it_again(
    hub: ScriptedHub,
    client: CloudClient,
    owner: Caller,
    clock: time_machine.Traveller,
    caplog: pytest.LogCaptureFixture,
    status: int,
) -> None:
    make(owner, "p1")
    hub.script = always(status, {"code": "refused"})
    with caplog.at_level(logging.INFO, "contextsys.sync"):
        assert isinstance(push_due(ORGANIZATION, client).failure, HubRefused)
        assert "CONTEXTSYS_CLOUD_KEY" in link.link_of(ORGANIZATION).parked
        hub.asked.clear()
        clock.shift(3600)
        push_due(ORGANIZATION, client)
        assert hub.asked == []
        assert states()["p1"] == State.PENDING
        hub.script = lambda _: None
        pull.pull_once(ORGANIZATION, client)
        assert link.link_of(ORGANIZATION).parked == ""
        push_due(ORGANIZATION, client)
    assert states()["p1"] == State.SENT
    assert JournalEntry.objects.get(lane__context_id="p1").attempts == 0
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]


def test_another_history_leaves_all_as_it_is_for_the_pull_to_find_out(
    hub: ScriptedHub, client: CloudClient, owner: Caller
) -> None:
    make(owner, "p1")
    hub.epoch = "f" * 32
    push_due(ORGANIZATION, client)
    lane = Lane.objects.get(context_id="p1")
    assert (states()["p1"], lane.attempts, lane.lease_until) == (State.PENDING, 0, None)
    exchange(client)
    exchange(client)
    assert states()["p1"] == State.SETTLED
    assert link.link_of(ORGANIZATION).hub_epoch == "f" * 32


def test_a_hub_that_takes_every_node_for_a_copy_ends_the_push(
    hub: ScriptedHub, client: CloudClient, owner: Caller
) -> None:
    make(owner, "p1")
    hub.script = always(409, {"code": "node_cloned"})
    push_due(ORGANIZATION, client)
    assert len(hub.pushed) < 5
    assert states()["p1"] == State.PENDING


# What is too large


def test_a_batch_that_is_too_large_is_halved_until_it_fits(
    hub: ScriptedHub, client: CloudClient, owner: Caller
) -> None:
    make(owner, *(f"p{number}" for number in range(40)))
    hub.script = lambda asked: (
        Answer(413) if asked.path == "push/" and len(asked.body["entries"]) > 12 else None
    )
    pushed = push_due(ORGANIZATION, client)
    assert pushed.failure is None
    assert [len(entries) for entries in hub.pushed][:3] == [40, 20, 10]
    assert pushed.verdicts == {"applied": 40}


def test_one_that_is_too_large_alone_is_dead_and_the_others_go_on_in_batches(
    hub: ScriptedHub, client: CloudClient, owner: Caller
) -> None:
    make(owner, *(f"p{number}" for number in range(150)))

    def refuse(asked: Asked) -> Answer | None:
        entries = asked.body["entries"] if asked.body else []
        fat = any(entry["context_id"] == "p5" for entry in entries)
        return Answer(413, {"code": "too_large"}) if fat else None

    hub.script = refuse
    pushed = push_due(ORGANIZATION, client)
    assert pushed.failure is None
    assert pushed.verdicts == {"rejected": 1, "applied": 149}
    dead = JournalEntry.objects.get(state=State.DEAD)
    assert (dead.lane.context_id, dead.code) == ("p5", "too_large")
    assert len(hub.pushed) < 30


def test_a_task_below_a_refused_parent_waits_while_others_go_on(
    hub: ScriptedHub, client: CloudClient, owner: Caller
) -> None:
    make_chain(owner)
    make(owner, "p2")
    refused = {"p1": {"verdict": "rejected", "code": "invalid"}}
    waits = {"verdict": "retry", "code": "parent_missing"}
    hub.judge = lambda entry: refused.get(
        entry["context_id"], waits if entry["level"] in ("branch", "task") else None
    )
    push_due(ORGANIZATION, client)
    assert states() == {
        "global": "settled",
        "p1": "dead",
        "b1": "pending",
        "t1": "pending",
        "p2": "sent",
    }
    assert TASK.rows(ORGANIZATION).exists()


def test_what_waits_for_a_context_goes_as_soon_as_the_hub_has_it(
    hub: ScriptedHub, client: CloudClient, owner: Caller, clock: time_machine.Traveller
) -> None:
    """Whoever brought it, a push of ours or the feed: not only when its turn to try again comes."""
    make_chain(owner)
    refused = {"p1": "parent_missing", "b1": "parent_missing", "t1": "context_missing"}
    hub.judge = lambda entry: {"verdict": "retry", "code": refused[entry["context_id"]]}
    for _ in range(8):
        push_due(ORGANIZATION, client)
        clock.shift(301)
    push_due(ORGANIZATION, client)

    def due() -> set[str]:
        lanes = Lane.objects.filter(next_attempt_at__lte=timezone.now(), attempts__gt=0)
        return set(lanes.values_list("context_id", flat=True))

    assert due() == set()
    hub.write(PROJECT, "elsewhere", ORGANIZATION)
    pull.pull_once(ORGANIZATION, client)
    assert due() == set()
    hub.write(PROJECT, "p1", ORGANIZATION)
    pull.pull_once(ORGANIZATION, client)
    assert due() == {"b1", "p1"}
    hub.judge = lambda entry: None
    push_due(ORGANIZATION, client)
    assert set(states().values()) <= {State.SENT, State.SETTLED}


def test_the_librarys_errors_never_leave_a_push(
    hub: ScriptedHub, client: CloudClient, owner: Caller
) -> None:
    make(owner, "p1")
    for error in (httpx2.ReadTimeout("x"), httpx2.WriteError("x"), httpx2.ProxyError("x")):

        def fail(asked: Asked, error: Exception = error) -> Answer | None:
            raise error

        hub.script = fail
        link.wait_no_longer(ORGANIZATION)
        assert isinstance(push_due(ORGANIZATION, client).failure, HubAway)


def test_first_contact_that_fails_is_noted_and_nothing_is_claimed(
    hub: ScriptedHub, organization: str, owner: Caller
) -> None:
    with linked_to(hub) as client:
        make(owner, "p1")
        hub.script = away
        assert isinstance(push_due(ORGANIZATION, client).failure, HubAway)
        tie = link.link_of(ORGANIZATION)
        assert (tie.reachable, tie.hub_epoch) == (False, "")
        hub.script = always(400, {"code": "x", "error": "Not like that."})
        assert isinstance(push_due(ORGANIZATION, client).failure, Refused)
        hub.script = always(413)
        assert isinstance(push_due(ORGANIZATION, client).failure, TooLarge)
        assert Lane.objects.exclude(lease_until=None).count() == 0
