"""What each verdict of the hub does to a journal entry."""

import logging
from typing import Any

import pytest
import time_machine

from contexts.access import Caller
from contexts.levels import PROJECT, Document
from contexts.models import versions
from syncing import batches, link, pull
from syncing.client import CloudClient
from syncing.journal import State
from syncing.models import JournalEntry, Lane
from syncing.push import push_due
from tests.syncing.hubs import ORGANIZATION, Asked, ScriptedHub, always, exchange
from tests.syncing.node.deeds import edit, make, merging, only_for, states, told

pytestmark = pytest.mark.usefixtures("clock")


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
    hub.write(PROJECT, "p1", data={"theirs": 1})
    hub.judge = merging(hub, theirs=1, mine=1)
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
