"""Adding progress, insights and actions: append-only, whatever their number."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from contexts import entries, services
from contexts.access import Caller
from contexts.changes import Author
from contexts.errors import IdTaken, NotFound, RevisionMismatch
from contexts.history import head_of, read_feed
from contexts.levels import LEVELS, PROJECT, TASK, Level
from contexts.models import Change, Entry, Feed, owned
from contexts.queries import entries_of
from tests.conftest import make_chain, make_organization
from tests.contexts.replay import assert_log_is_the_state

IDS = {"global": "global", "project": "p1", "branch": "b1", "task": "t1"}


@pytest.fixture
def task(owner: Caller) -> Caller:
    """The owner of an organization with a task `t1`."""
    make_chain(owner)
    return owner


def progress(author: Author, content: str, **options: Any) -> Entry:
    return entries.add(author, TASK, "t1", Entry.Kind.PROGRESS, content, **options)


@pytest.mark.parametrize("level", list(LEVELS.values()), ids=list(LEVELS))
@pytest.mark.parametrize("kind", list(Entry.Kind))
def test_every_level_takes_every_kind_and_keeps_its_version(
    task: Caller, level: Level, kind: Entry.Kind
) -> None:
    before = level.rows("global").get()
    added = entries.add(
        task, level, IDS[level.name], kind, "noted", category="security", importance="low"
    )
    assert entries_of("global", level, IDS[level.name]).get() == added
    after = level.rows("global").get()
    assert (after.version, after.revision, after.updated_at) == (
        before.version,
        before.revision,
        before.updated_at,
    )
    told = read_feed("global", 4, 10).changes
    assert [(each.operation, each.level, each.version, each.revision) for each in told] == [
        ("entry_added", level.name, before.version, before.revision)
    ]
    assert_log_is_the_state("global")


def test_the_agent_is_the_author_unless_named(task: Caller) -> None:
    assert progress(task, "mine").agent == "owner"
    assert progress(task, "for another", agent="robot").agent == "robot"


def test_entries_are_newest_first_also_when_they_come_late(task: Caller) -> None:
    now = datetime.now(UTC)
    for content, age in (("second", 2), ("first", 3), ("third", 1)):
        progress(task, content, at=now - timedelta(hours=age))
    assert [each.content for each in entries_of("global", TASK, "t1")] == [
        "third",
        "second",
        "first",
    ]


def test_the_same_id_again_is_the_same_entry(task: Caller) -> None:
    entry_id = uuid.uuid4()
    first = progress(task, "once", entry_id=entry_id)
    head = head_of("global")
    again = progress(task, "twice", entry_id=entry_id)
    assert (again, again.content) == (first, "once")
    assert head_of("global") == head
    assert owned("global", Entry).count() == 1


def test_an_id_of_another_organizations_entry_is_taken(task: Caller) -> None:
    make_organization("elsewhere")
    stranger = Author("elsewhere", "stranger")
    services.create(stranger, PROJECT, {}, context_id="p1")
    entry_id = uuid.uuid4()
    progress(task, "ours", entry_id=entry_id)
    with pytest.raises(IdTaken):
        entries.add(stranger, PROJECT, "p1", Entry.Kind.PROGRESS, "theirs", entry_id=entry_id)
    assert head_of("elsewhere") == 2


def test_several_at_once_are_one_stretch_without_those_that_are_known(task: Caller) -> None:
    ids = [uuid.uuid4() for _ in range(3)]
    progress(task, "known", entry_id=ids[0])
    head = head_of("global")
    drafts = [
        entries.Draft(Entry.Kind.ACTION, f"action {number}", entry_id=entry_id)
        for number, entry_id in enumerate([*ids, ids[2]])
    ]
    added = entries.add_many(task, TASK, "t1", [*drafts, entries.Draft(Entry.Kind.ACTION, "new")])
    assert [each.content for each in added] == ["action 1", "action 2", "new"]
    told = read_feed("global", head, 10).changes
    assert [each.entry_id for each in told] == [each.pk for each in added]
    assert entries.add_many(task, TASK, "t1", drafts) == []
    assert head_of("global") == head + 3
    assert_log_is_the_state("global")


def test_without_its_context_there_is_no_entry(task: Caller) -> None:
    make_organization("elsewhere")
    for author, context_id in ((task, "t2"), (Author("elsewhere", "stranger"), "t1")):
        with pytest.raises(NotFound):
            entries.add(author, TASK, context_id, Entry.Kind.PROGRESS, "lost")
    with pytest.raises(RevisionMismatch):
        progress(task, "late", precondition=lambda _: False)
    assert not Entry.objects.exists()
    assert head_of("global") == 4


def test_entries_outlive_their_context(task: Caller) -> None:
    progress(task, "kept")
    services.delete(task, TASK, "t1")
    assert [each.content for each in entries_of("global", TASK, "t1")] == ["kept"]
    assert_log_is_the_state("global")


def test_secrets_are_kept_in_no_part_of_an_entry(task: Caller) -> None:
    secret = "ghp_" + "a1B2" * 9
    progress(task, f"used {secret}", details={"env": [secret]})
    kept = owned("global", Entry).get()
    assert (kept.content, kept.details) == (
        "used [redacted:github_token]",
        {"env": ["[redacted:github_token]"]},
    )


def cost_of(author: Author, number: int) -> tuple[int, int]:
    """How many statements the entry takes, and how many bytes they bring to the database."""
    with CaptureQueriesContext(connection) as statements:
        progress(author, f"step {number:06}")
    return len(statements), sum(len(each["sql"]) for each in statements.captured_queries)


def fill(author: Author, number: int) -> None:
    """As many entries, with their changes, as if added one by one."""
    row = TASK.rows("global", context_id="t1").get()
    feed = owned("global", Feed).get()
    made = [
        Entry(
            organization_id="global",
            level="task",
            context_id="t1",
            kind=Entry.Kind.PROGRESS,
            content=f"filler {place}",
            agent=author.name,
        )
        for place in range(number)
    ]
    Entry.objects.bulk_create(made, batch_size=500)
    changes = [
        services.remark(author, TASK, row, services.Operation.ENTRY_ADDED, entry=entry)
        for entry in made
    ]
    for seq, change in enumerate(changes, feed.head + 1):
        change.organization_id, change.seq = "global", seq
    Change.objects.bulk_create(changes, batch_size=500)
    owned("global", Feed).update(head=feed.head + number)


def test_the_five_thousandth_entry_costs_what_the_tenth_did(task: Caller) -> None:
    fill(task, 9)
    early = cost_of(task, 10)
    fill(task, 4989)
    late = cost_of(task, 5000)
    assert entries_of("global", TASK, "t1").count() == 5000
    assert late[0] == early[0]
    # The numbers of rows and of the feed may take a few digits more.
    assert abs(late[1] - early[1]) <= 16
    assert late[1] < 10_000
    assert_log_is_the_state("global")
