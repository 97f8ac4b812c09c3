"""A feed of another history or below its floor: found out by checkpoints, made up for."""

from itertools import pairwise

import pytest

from contexts import services
from contexts.access import Caller
from contexts.identifiers import uuid7
from contexts.levels import PROJECT, Document
from contexts.models import owned, versions
from syncing import link, pull
from syncing.client import CloudClient
from syncing.errors import HubAway, HubFailed
from syncing.models import Checkpoint, JournalEntry, unsettled
from tests.syncing.hubs import ORGANIZATION, Answer, Asked, ScriptedHub, away, exchange
from tests.syncing.node.deeds import data, edit, ids, pull_all, story, tie


@pytest.fixture
def checkpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "SPACING", 1)


@pytest.mark.parametrize("epoch", ["e" * 32, "f" * 32])
@pytest.mark.parametrize("lost", [1, 3])
@pytest.mark.usefixtures("checkpoints")
def test_a_hub_that_was_put_back_is_noticed_and_gets_again_what_it_lost(
    hub: ScriptedHub,
    client: CloudClient,
    owner: Caller,
    caplog: pytest.LogCaptureFixture,
    epoch: str,
    lost: int,
) -> None:
    """An older database at the hub: under the same epoch, or a new one that was given then."""
    story(hub)
    pull_all(client)
    for value in range(3):
        edit(owner, mine=value)
        exchange(client)
    edit(owner, mine="pending")
    complete = list(hub.feed)
    hub.epoch, hub.feed = epoch, hub.feed[:-lost]
    hub.write(PROJECT, "p9", ORGANIZATION)
    exchange(client)
    exchange(client)
    assert f"offering it {lost + 1} changes again" in caplog.text
    assert ids(complete) <= ids(hub.feed)
    assert data() == {"theirs": 2, "mine": "pending"}
    assert data("p9") == {}
    assert tie().hub_epoch == epoch
    assert not unsettled(ORGANIZATION).exists()


def test_a_hub_of_which_nothing_is_known_again_gets_all(
    hub: ScriptedHub, client: CloudClient, owner: Caller
) -> None:
    """Its database is gone, and another one was begun."""
    story(hub)
    pull_all(client)
    edit(owner, mine=1)
    exchange(client)
    complete = list(hub.feed)
    first = dict(hub.feed[0], mutation_id=str(uuid7()))
    hub.epoch, hub.feed = "f" * 32, []
    hub.tell(first)
    exchange(client)
    exchange(client)
    assert ids(complete[1:]) <= ids(hub.feed)
    assert data() == {"theirs": 2, "mine": 1}
    assert not unsettled(ORGANIZATION).exists()


def test_below_the_floor_the_snapshot_is_read_and_pending_edits_stay(
    hub: ScriptedHub, client: CloudClient, owner: Caller
) -> None:
    story(hub)
    pull_all(client)
    edit(owner, mine="pending")
    services.create(owner, PROJECT, {"data": {"new": 1}}, context_id="p2")
    for value in range(5):
        hub.write(PROJECT, "p1", data={"theirs": 10 + value})
    hub.write(PROJECT, "p3", ORGANIZATION)
    hub.floor = 7
    pull_all(client)
    assert hub.asked_for("snapshot/")[0].query["after"] == ""
    assert data("p1") == {"theirs": 14, "mine": "pending"}
    assert (data("p2"), data("p3")) == ({"new": 1}, {})
    assert (tie().cursor, str(tie().last_stamp)) == (10, hub.feed[-1]["stamp"])
    pending = {entry.lane.context_id for entry in unsettled(ORGANIZATION)}
    assert pending >= {"p1", "p2"}
    hub.judge = lambda entry: None
    exchange(client)
    for name in ("p1", "p2"):
        mine = versions(ORGANIZATION, "project", name).filter(actor="owner")
        assert {str(change.mutation_id) for change in mine} <= ids(hub.feed)


@pytest.mark.parametrize("broken", ["snapshot/", "changes/"])
def test_a_snapshot_that_breaks_off_is_read_again(
    hub: ScriptedHub, client: CloudClient, owner: Caller, broken: str
) -> None:
    story(hub)
    pull_all(client)
    edit(owner, mine=1)
    hub.write(PROJECT, "p3", ORGANIZATION)
    hub.floor = 5
    asked: list[Asked] = []

    def break_off(each: Asked) -> Answer | None:
        asked.append(each)
        return away(each) if each.path == broken and len(asked) > 2 else None

    hub.script = break_off
    with pytest.raises(HubAway):
        pull_all(client)
    assert not tie().reachable
    hub.script = lambda _: None
    pull_all(client)
    assert (data("p1"), data("p3")) == ({"theirs": 2, "mine": 1}, {})
    assert tie().cursor == 5


@pytest.mark.parametrize(
    "rubbish",
    [
        {},
        {"changes": [], "head": "x"},
        {"changes": [], "head": 5, "epoch": "e" * 32},
        {"changes": [], "head": 5, "epoch": 7, "next": None},
        {"changes": [None], "head": 5, "epoch": "e" * 32, "next": None},
        {"changes": [], "head": -5, "epoch": "e" * 32, "next": None},
        {"changes": [], "head": 5, "epoch": "e" * 32, "next": 7},
        {"changes": [], "head": 5, "epoch": "e" * 32, "next": "x", "last": "y"},
        {"changes": [], "head": 5, "epoch": "e" * 32, "next": ""},
    ],
)
def test_a_snapshot_that_makes_no_sense_moves_nothing(
    hub: ScriptedHub, client: CloudClient, rubbish: Document
) -> None:
    story(hub)
    hub.floor = 3
    hub.script = lambda asked: Answer(200, rubbish or {"a": 1}) if "snap" in asked.path else None
    with pytest.raises(HubFailed):
        pull_all(client)
    hub.script = lambda _: None
    pull_all(client)
    assert data() == {"theirs": 2}


# Checkpoints


def test_checkpoints_lie_apart_and_are_thinned_out(
    hub: ScriptedHub, client: CloudClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "SPACING", 2)
    monkeypatch.setattr(link, "MOST_CHECKPOINTS", 8)
    monkeypatch.setattr(pull, "PAGE", 1)
    story(hub, 40)
    pull_all(client)
    kept = owned(ORGANIZATION, Checkpoint).order_by("hub_seq")
    places = list(kept.values_list("hub_seq", flat=True))
    gaps = [after - before for before, after in pairwise(places)]
    assert len(places) <= 8
    # Dense where it is recent.
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[-1] == 2 < gaps[0]


def test_a_checkpoint_never_promises_what_the_hub_may_not_have(
    hub: ScriptedHub, client: CloudClient, owner: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "SPACING", 1)
    services.create(owner, PROJECT, {}, context_id="p2")
    first = JournalEntry.objects.get(lane__context_id="p2")
    story(hub)
    pull_all(client)
    assert owned(ORGANIZATION, Checkpoint).latest("hub_seq").local_seq == first.seq - 1
