"""Following the hub's feed: what a page does here, and what a crash, a gap or rubbish does not."""

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from itertools import count, pairwise, takewhile
from typing import Any
from unittest import mock

import pytest
from django.test import override_settings
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from contexts import broadcast, entries, services
from contexts.access import Caller
from contexts.errors import DocumentTooLarge
from contexts.history import head_of
from contexts.identifiers import uuid7
from contexts.levels import BRANCH, GLOBAL, PROJECT, TASK, Document
from contexts.models import Change, Entry, ProjectContext, owned, versions
from contexts.queries import timestamp
from syncing import link, pull
from syncing.client import CloudClient
from syncing.digests import digests
from syncing.errors import (
    HubAway,
    HubFailed,
    HubRefused,
    OrganizationMismatch,
    Refused,
    SyncError,
)
from syncing.models import Checkpoint, Conflict, JournalEntry, Lane, Link, unsettled
from syncing.takeover import Takeover
from tests.contexts.replay import assert_log_is_the_state
from tests.syncing.hubs import (
    ORGANIZATION,
    Answer,
    Asked,
    Script,
    ScriptedHub,
    always,
    away,
    exchange,
    linked_to,
)


class Crash(BaseException):
    """The process ends here."""


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


def tie() -> Link:
    return owned(ORGANIZATION, Link).get()


def pull_all(client: CloudClient) -> int:
    """Pulls until there is no more; returns how many changes came."""
    count, more = 0, True
    while more:
        pulled = pull.pull_once(ORGANIZATION, client)
        count, more = count + pulled.changes, pulled.more
    return count


def data(context_id: str = "p1") -> Any:
    row = PROJECT.rows(ORGANIZATION, context_id=context_id).first()
    return row.data if row is not None else None


def edit(author: Caller, context_id: str = "p1", **values: Any) -> None:
    services.update(
        author, PROJECT, context_id, lambda old: {**old, "data": {**old["data"], **values}}
    )


def story(hub: ScriptedHub, count: int = 3) -> None:
    """A project at the hub, edited a few times."""
    for value in range(count):
        hub.write(PROJECT, "p1", ORGANIZATION, data={"theirs": value})


def ids(changes: Sequence[Document]) -> set[str]:
    return {change["mutation_id"] for change in changes}


# A page


def test_a_page_brings_what_others_did_as_they_did_it(
    hub: ScriptedHub, client: CloudClient
) -> None:
    hub.write(PROJECT, "p1", ORGANIZATION, data={"a": 1})
    hub.write(BRANCH, "b1", "p1", git_branch_name="main")
    made = hub.write(TASK, "t1", "b1", progress=5)
    last = hub.write(TASK, "t1", progress=10)
    assert pull_all(client) == 4
    row = TASK.rows(ORGANIZATION).get()
    assert (row.version, row.revision, row.updated_by) == (2, last["revision"], "hub-agent")
    assert (timestamp(row.created_at), timestamp(row.updated_at)) == (made["at"], last["at"])
    logged = owned(ORGANIZATION, Change, level="task").order_by("seq")
    assert [str(each.mutation_id) for each in logged] == [made["mutation_id"], last["mutation_id"]]
    assert {each.origin_node for each in logged} == {hub.node}
    assert (tie().cursor, str(tie().last_stamp)) == (5, hub.feed[-1]["stamp"])
    assert_log_is_the_state(ORGANIZATION)


def test_the_hub_is_asked_from_where_the_node_stopped(
    hub: ScriptedHub, client: CloudClient
) -> None:
    story(hub)
    pull_all(client)
    pull.pull_once(ORGANIZATION, client, wait=5)
    first, second = hub.asked_for("changes/")
    assert (first.query["since"], second.query["since"]) == ("1", "4")
    assert second.query["last"] == hub.feed[-1]["stamp"]
    assert second.query["epoch"] == hub.epoch
    assert (second.query["wait"], "wait" in first.query) == ("5", False)


def test_long_feeds_come_page_by_page(
    hub: ScriptedHub, client: CloudClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pull, "PAGE", 4)
    story(hub, 10)
    assert [pull.pull_once(ORGANIZATION, client) for _ in range(3)] == [
        pull.Pulled(4, True),
        pull.Pulled(4, True),
        pull.Pulled(2, False),
    ]
    assert data() == {"theirs": 9}


@pytest.mark.parametrize("where", ["before", "after"])
def test_a_crash_leaves_neither_the_page_nor_its_place(
    hub: ScriptedHub, client: CloudClient, where: str
) -> None:
    story(hub)
    before = head_of(ORGANIZATION)
    run = Takeover.run

    def crash(takeover: Takeover) -> None:
        if where == "after":
            run(takeover)
        raise Crash

    with mock.patch.object(Takeover, "run", crash), pytest.raises(Crash):
        pull.pull_once(ORGANIZATION, client)
    assert (tie().cursor, head_of(ORGANIZATION), data()) == (1, before, None)
    assert pull_all(client) == 3
    assert data() == {"theirs": 2}


def test_a_crash_at_the_cursor_leaves_no_page(hub: ScriptedHub, client: CloudClient) -> None:
    story(hub)
    with mock.patch.object(link, "reached", side_effect=Crash), pytest.raises(Crash):
        pull.pull_once(ORGANIZATION, client)
    assert (tie().cursor, data()) == (1, None)


def test_a_page_that_another_worker_stored_meanwhile_is_left(
    hub: ScriptedHub, client: CloudClient
) -> None:
    story(hub)
    seen: list[Asked] = []

    def other_worker(asked: Asked) -> None:
        seen.append(asked)
        if len(seen) == 1:
            pull.pull_once(ORGANIZATION, client)

    hub.script = other_worker
    assert pull.pull_once(ORGANIZATION, client) == pull.Pulled(0, True)
    assert owned(ORGANIZATION, Change, context_id="p1").count() == 3
    assert tie().cursor == 4


def test_who_listens_is_told_to_look(
    hub: ScriptedHub,
    client: CloudClient,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    story(hub)
    with (
        mock.patch.object(broadcast, "look") as look,
        django_capture_on_commit_callbacks(execute=True),
    ):
        pull_all(client)
    assert {call.args[0] for call in look.call_args_list} == {ORGANIZATION}


def test_a_write_here_at_the_same_moment_makes_it_look_again(
    hub: ScriptedHub, client: CloudClient
) -> None:
    story(hub)
    run, tried = Takeover.run, list[bool]()

    def overtaken(takeover: Takeover) -> None:
        tried.append(True)
        if len(tried) < pull.ATTEMPTS:
            raise services.Overtaken
        run(takeover)

    with mock.patch.object(Takeover, "run", overtaken):
        assert pull_all(client) == 3
    assert data() == {"theirs": 2}


# Our own changes


def test_an_own_change_that_comes_back_settles_its_entry_and_changes_nothing(
    hub: ScriptedHub, client: CloudClient, owner: Caller
) -> None:
    services.create(owner, PROJECT, {}, context_id="p1")
    mine, head = Change.objects.get(context_id="p1"), head_of(ORGANIZATION)
    exchange(client)
    assert head_of(ORGANIZATION) == head
    after = Change.objects.get(context_id="p1")
    assert (after.seq, after.revision, after.from_hub) == (mine.seq, mine.revision, False)
    assert not unsettled(ORGANIZATION).exists()
    assert_log_is_the_state(ORGANIZATION)


def test_a_lost_answer_to_a_push_is_made_up_for_by_the_feed(
    hub: ScriptedHub, client: CloudClient, owner: Caller
) -> None:
    services.create(owner, PROJECT, {}, context_id="p1")

    def lose(asked: Asked) -> Answer | None:
        if asked.path == "push/":
            for entry in asked.body["entries"]:
                hub.take(entry)
            away(asked)
        return None

    hub.script = lose
    exchange(client)
    assert not unsettled(ORGANIZATION).exists()
    assert len(hub.pushed) == 1


def test_pending_edits_are_shown_on_top_of_what_comes(
    hub: ScriptedHub, client: CloudClient, owner: Caller
) -> None:
    story(hub, 1)
    pull_all(client)
    edit(owner, mine=1)
    edit(owner, mine=2)
    hub.write(PROJECT, "p1", data={"theirs": 0, "more": True})
    pull_all(client)
    assert data() == {"theirs": 0, "mine": 2, "more": True}
    assert [entry.change.document for entry in unsettled(ORGANIZATION)] == [
        {**hub.feed[1]["document"], "data": {"theirs": 0, "mine": value}} for value in (1, 2)
    ]
    lane = Lane.objects.get(context_id="p1")
    assert lane.upstream is not None
    assert lane.upstream.revision == hub.feed[-1]["revision"]


def test_what_the_hub_has_stays_where_a_pending_edit_disputes_it(
    hub: ScriptedHub, client: CloudClient, owner: Caller
) -> None:
    story(hub, 1)
    pull_all(client)
    edit(owner, theirs="mine", other=1)
    hub.write(PROJECT, "p1", data={"theirs": "hub"})
    pull_all(client)
    assert data() == {"theirs": "hub", "other": 1}


def test_an_edit_outlives_a_deletion_on_either_side(
    hub: ScriptedHub, client: CloudClient, owner: Caller
) -> None:
    story(hub, 1)
    hub.write(PROJECT, "p2", ORGANIZATION)
    pull_all(client)
    edit(owner, mine=1)
    services.delete(owner, PROJECT, "p2")
    hub.write(PROJECT, "p1", gone=True)
    hub.write(PROJECT, "p2", data={"theirs": 1})
    pull_all(client)
    assert (data("p1"), data("p2")) == ({"theirs": 0, "mine": 1}, {"theirs": 1})


def test_what_comes_is_not_sent_back(hub: ScriptedHub, client: CloudClient) -> None:
    story(hub)
    exchange(client)
    exchange(client)
    assert hub.pushed == []
    assert set(owned(ORGANIZATION, Change, seq__gt=1).values_list("from_hub", flat=True)) == {True}


def test_a_child_that_comes_before_its_parent_finds_its_place_when_that_comes(
    hub: ScriptedHub, client: CloudClient
) -> None:
    hub.write(BRANCH, "b1", "p1")
    pull_all(client)
    assert not BRANCH.rows(ORGANIZATION).exists()
    hub.write(PROJECT, "p1", ORGANIZATION)
    pull_all(client)
    assert BRANCH.rows(ORGANIZATION).get().revision == hub.feed[1]["revision"]


def news(hub: ScriptedHub, operation: str, **body: Any) -> Document:
    """A change at the hub that makes no version of its project."""
    at = hub.newest(PROJECT, "p1")
    assert at is not None
    change = {**at, "operation": operation, "makes_version": False, "document": None}
    change |= {"parent_revision": "", "mutation_id": str(uuid7()), **body}
    hub.tell(change)
    return change


def test_entries_travel_once(hub: ScriptedHub, client: CloudClient, owner: Caller) -> None:
    story(hub, 1)
    pull_all(client)
    mine = entries.add(owner, PROJECT, "p1", Entry.Kind.INSIGHT, "Ours.")
    entry = {
        "id": str(uuid7()),
        "kind": "insight",
        "content": "Theirs.",
        "category": "technical",
        "importance": "high",
        "agent": "hub-agent",
        "details": {},
        "created_at": "2026-01-01T00:00:00Z",
    }
    news(hub, "entry_added", entry=entry)
    exchange(client)
    exchange(client)
    found = owned(ORGANIZATION, Entry).order_by("created_at").values_list("content", "agent")
    assert list(found) == [("Theirs.", "hub-agent"), ("Ours.", mine.agent)]
    assert [change["entry"]["content"] for change in hub.feed if change["entry"]] == [
        "Theirs.",
        "Ours.",
    ]


def test_conflicts_come_with_the_feed_and_so_does_their_end(
    hub: ScriptedHub, client: CloudClient
) -> None:
    story(hub, 1)
    now = timestamp(timezone.now())
    record: Document = {
        "id": str(uuid7()),
        "level": "project",
        "context_id": "p1",
        "status": "open",
    }
    record |= {"base": None, "ours": {"data": {"a": 1}}, "theirs": {"data": {"a": 2}}}
    record["status"] = "open"
    opened = {**record, "paths": ["/data/a"], "rest_applied": True, "actor": "x", "at": now}
    news(hub, "conflict", record=opened)
    pull_all(client)
    conflict = Conflict.objects.get()
    assert (conflict.status, conflict.paths, conflict.theirs) == (
        "open",
        ["/data/a"],
        {"data": {"a": 2}},
    )
    told = {"strategy": "ours", "resolved_by": "y", "resolved_at": now}
    news(hub, "conflict", record={**record, **told, "status": "resolved"})
    pull_all(client)
    conflict.refresh_from_db()
    assert (conflict.status, conflict.strategy, conflict.resolved_by) == ("resolved", "ours", "y")


# What no hub of ours sends


RUBBISH: list[Callable[[Document], Any]] = [
    lambda page: page["changes"].pop(0),
    lambda page: page["changes"].pop(1),
    lambda page: page["changes"].reverse(),
    lambda page: page["changes"].insert(0, page["changes"][0]),
    lambda page: page["changes"].append(None),
    lambda page: page["changes"].append("x"),
    lambda page: page["changes"][1].pop("seq"),
    lambda page: page["changes"][1].update(seq="3"),
    lambda page: page["changes"][1].update(seq=True),
    lambda page: page["changes"][1].pop("mutation_id"),
    lambda page: page["changes"][2].update(mutation_id="x"),
    lambda page: page["changes"][1].update(level="planet"),
    lambda page: page["changes"][1].update(revision="2-" + "0" * 64),
    lambda page: page["changes"][1].update(document={"data": 5}),
    lambda page: page["changes"][1].update(actor=None),
    lambda page: page.update(changes={}),
    lambda page: page.pop("changes") and page,
    lambda page: page.update(epoch="another"),
    lambda page: page.pop("epoch") and None,
]


@pytest.mark.parametrize("number", range(len(RUBBISH)))
def test_a_page_that_makes_no_sense_is_not_taken_over(
    hub: ScriptedHub, client: CloudClient, number: int
) -> None:
    story(hub)
    before = head_of(ORGANIZATION)

    def tamper(asked: Asked) -> Answer | None:
        if asked.path != "changes/":
            return None
        hub.script = lambda _: None
        page = hub.answer(asked).body
        hub.script = tamper
        page["changes"] = [dict(change) for change in page["changes"]]
        RUBBISH[number](page)
        return Answer(200, page)

    hub.script = tamper
    with pytest.raises(HubFailed):
        pull.pull_once(ORGANIZATION, client)
    assert (tie().cursor, head_of(ORGANIZATION)) == (1, before)
    assert tie().last_error != ""
    hub.script = lambda _: None
    assert pull_all(client) == 3
    assert tie().last_error == ""


def test_a_change_that_the_node_cannot_take_is_told_and_waited_for(
    hub: ScriptedHub, client: CloudClient, caplog: pytest.LogCaptureFixture
) -> None:
    """A hub that allows larger documents than this node."""
    hub.write(PROJECT, "p1", ORGANIZATION, data={"text": "x" * 2000})
    with override_settings(CONTEXTSYS_MAX_DOCUMENT_BYTES=1000):
        for _ in range(2):
            with pytest.raises(HubFailed) as failed:
                pull.pull_once(ORGANIZATION, client)
    assert "larger than 1000 bytes" in str(failed.value)
    assert tie().last_error == str(failed.value)
    assert len([each for each in caplog.records if each.levelno == logging.ERROR]) == 1
    assert pull_all(client) == 1


def test_a_document_of_just_the_size_that_is_allowed_travels(
    hub: ScriptedHub, client: CloudClient, owner: Caller
) -> None:
    def fits(size: int) -> bool:
        try:
            services.create(owner, PROJECT, {"data": {"t": "x" * size}}, context_id=f"p{size}")
        except DocumentTooLarge:
            return False
        return True

    with override_settings(CONTEXTSYS_MAX_DOCUMENT_BYTES=1000):
        largest = max(takewhile(fits, count(900)))
        hub.write(PROJECT, "theirs", ORGANIZATION, data={"t": "x" * largest})
        assert pull_all(client) == 1


# Whether the hub answers


def test_its_going_and_coming_are_logged_once_each(
    hub: ScriptedHub, client: CloudClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "contextsys.sync"):
        hub.script = away
        for _ in range(3):
            with pytest.raises(HubAway):
                pull.pull_once(ORGANIZATION, client)
        assert not tie().reachable
        assert "cannot be reached" in tie().last_error or "broke" in tie().last_error
        hub.script = lambda _: None
        for _ in range(3):
            pull.pull_once(ORGANIZATION, client)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert (tie().reachable, tie().last_error) == (True, "")


@pytest.mark.parametrize(
    ("script", "kind"),
    [(always(500), HubFailed), (always(404, {"code": "x"}), Refused), (always(302), HubFailed)],
)
def test_a_hub_that_answers_with_an_error_is_told_of_once(
    hub: ScriptedHub,
    client: CloudClient,
    caplog: pytest.LogCaptureFixture,
    script: Script,
    kind: type[SyncError],
) -> None:
    hub.script = script
    for _ in range(3):
        with pytest.raises(kind) as failed:
            pull.pull_once(ORGANIZATION, client)
    assert tie().last_error == str(failed.value)
    assert len(caplog.records) == 1
    hub.script = lambda _: None
    pull.pull_once(ORGANIZATION, client)
    assert tie().last_error == ""


def test_a_refused_key_parks_and_an_accepted_one_goes_on(
    hub: ScriptedHub, client: CloudClient, caplog: pytest.LogCaptureFixture
) -> None:
    hub.script = always(403, {"code": "forbidden"})
    for _ in range(2):
        with pytest.raises(HubRefused):
            pull.pull_once(ORGANIZATION, client)
    assert "forbidden" in tie().parked
    assert len(caplog.records) == 1
    hub.script = lambda _: None
    pull.pull_once(ORGANIZATION, client)
    assert tie().parked == ""


# First contact


def test_another_organization_is_refused_at_the_first_contact(
    hub: ScriptedHub, organization: str, caplog: pytest.LogCaptureFixture
) -> None:
    hub.organization = "acme"
    with linked_to(hub) as client:
        with pytest.raises(OrganizationMismatch) as failed:
            pull.pull_once(ORGANIZATION, client)
        for part in ("'acme'", "'global'", "CONTEXTSYS_ORGANIZATION", "CONTEXTSYS_CLOUD_KEY"):
            assert part in str(failed.value)
        assert tie().parked == str(failed.value)
        assert [asked.path for asked in hub.asked] == ["status/"]
        assert str(failed.value) in caplog.text


def test_a_hub_of_another_protocol_is_refused_at_the_first_contact(
    hub: ScriptedHub, organization: str
) -> None:
    hub.script = lambda _: Answer(200, {**hub.status(), "protocol": 2})
    with linked_to(hub) as client, pytest.raises(Refused):
        pull.pull_once(ORGANIZATION, client)
    assert "another version" in tie().last_error


def test_a_key_of_another_organization_later_on_changes_nothing_here(
    hub: ScriptedHub, client: CloudClient, owner: Caller
) -> None:
    """The key was exchanged for one of another organization on the same hub."""
    story(hub)
    pull_all(client)
    other = ScriptedHub("acme")
    other.epoch = "f" * 32
    other.write(GLOBAL, "acme")
    with linked_to(other) as wrong, pytest.raises(OrganizationMismatch):
        pull.pull_once(ORGANIZATION, wrong)
    assert (tie().cursor, tie().hub_epoch) == (4, hub.epoch)
    assert "acme" in tie().parked
    assert not unsettled(ORGANIZATION).exists()
    services.create(owner, PROJECT, {}, context_id="p2")
    pull_all(client)
    exchange(client)
    assert not unsettled(ORGANIZATION).exists()


# Another history


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


# Whether both hold the same


def same_digest(hub: ScriptedHub) -> None:
    _, hub.digest = digests.of(ORGANIZATION)


def test_equal_digests_are_noted(hub: ScriptedHub, client: CloudClient) -> None:
    story(hub)
    pull_all(client)
    same_digest(hub)
    assert pull.compare(ORGANIZATION, client) is True
    assert tie().checked_cursor == tie().cursor == 4


def test_nothing_is_compared_while_something_is_on_its_way(
    hub: ScriptedHub, client: CloudClient, owner: Caller
) -> None:
    story(hub)
    assert pull.compare(ORGANIZATION, client) is None
    pull_all(client)
    edit(owner, mine=1)
    hub.asked.clear()
    assert pull.compare(ORGANIZATION, client) is None
    assert hub.asked == []
    assert tie().checked_at is None


def test_another_digest_is_reported_and_all_is_compared_and_offered(
    hub: ScriptedHub, client: CloudClient, owner: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    story(hub)
    pull_all(client)
    # Somebody's hand in the database, past every service.
    ProjectContext.objects.update(data={"broken": True}, revision="3-wrong")
    hub.digest = "0" * 64
    with caplog.at_level(logging.ERROR, "contextsys.sync"):
        assert pull.compare(ORGANIZATION, client) is False
    assert "hold different documents" in caplog.text
    exchange(client)
    assert data() == {"theirs": 2}
    assert tie().cursor == len(hub.feed)
    assert not unsettled(ORGANIZATION).exists()


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


def test_what_synced_last_is_noted_with_every_answer(hub: ScriptedHub, client: CloudClient) -> None:
    before = timezone.now() - timedelta(hours=1)
    owned(ORGANIZATION, Link).update(synced_at=before)
    pull.pull_once(ORGANIZATION, client)
    synced = tie().synced_at
    assert synced is not None
    assert synced > before
