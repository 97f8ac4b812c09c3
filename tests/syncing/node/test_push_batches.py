"""What a push sends: all that is due, in batches that the hub takes, parents first."""

import pytest
import time_machine
from django.utils import timezone

from contexts.access import Caller
from contexts.levels import PROJECT, TASK
from contexts.models import Change
from syncing import pull
from syncing.client import CloudClient
from syncing.journal import State
from syncing.models import JournalEntry, Lane
from syncing.push import push_due
from tests.conftest import make_chain
from tests.syncing.hubs import ORGANIZATION, Answer, Asked, ScriptedHub
from tests.syncing.node.deeds import edit, make, states

pytestmark = pytest.mark.usefixtures("clock")


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


# What waits for another context


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
