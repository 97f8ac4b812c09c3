"""Many writers at once: nothing lost, nothing skipped, no deadlock, on either database."""

import contextlib
import json
import random
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import OperationalError, connection, connections, transaction

from contexts import completion, delegations, entries, services
from contexts.access import Caller
from contexts.changes import Author
from contexts.errors import (
    AlreadyDecided,
    ContextError,
    IdTaken,
    NotFound,
    ParentMissing,
    RevisionMismatch,
)
from contexts.history import read_feed
from contexts.levels import BRANCH, GLOBAL, PROJECT, TASK, Document
from contexts.models import Change, Delegation, Entry, Role, owned
from tests.contexts.deeds import perform, random_deed
from tests.contexts.replay import assert_log_is_the_state, replay
from tests.instances import ROOT, Instance, temporary_database
from tests.system import writers
from tests.system.threads import failures, join_all, together

pytestmark = pytest.mark.django_db(transaction=True)

OWNER = Caller(writers.ORGANIZATION, "owner", Role.ADMIN)
SIZES = [
    pytest.param(16, 50, id="16 writers"),
    pytest.param(24, 200, id="24 writers", marks=pytest.mark.nightly),
]


@pytest.fixture
def shared_task(db: None) -> str:
    """An organization with a task in a branch `b1` in a project `p1`."""
    writers.prepare()
    return writers.SHARED


def assert_nothing_lost_or_skipped(outcome: writers.Outcome) -> None:
    assert not outcome.errors, outcome.errors[0]
    told = outcome.ledgers
    whole_feed = list(range(1, len(outcome.seqs) + 1))
    assert outcome.seqs == whole_feed
    assert all(seen == whole_feed for seen in outcome.readers)
    assert sorted(outcome.tasks) == sorted(
        [writers.SHARED, *chain.from_iterable(each["tasks"] for each in told)]
    )
    keys = {key: version for each in told for key, version in each["keys"].items()}
    assert sorted(outcome.shared) == sorted(keys)
    assert outcome.shared_versions == list(range(1, len(keys) + 2))
    # Every acknowledged edit made a version of its own.
    assert sorted(keys.values()) == outcome.shared_versions[1:]
    assert sorted(outcome.insights) == sorted(
        chain.from_iterable(each["insights"] for each in told)
    )
    assert any(each["undone"] for each in told)
    assert len(outcome.held) == writers.PAUSES
    assert set(outcome.held) <= set(whole_feed)


@pytest.fixture
def a_connection_each() -> Iterator[None]:
    """A pool as wide as there are threads: blocked writers must not starve the readers of it."""
    if connection.vendor != "postgresql":
        yield
        return
    options = connection.settings_dict["OPTIONS"]
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]
    connection.settings_dict["OPTIONS"] = {**options, "pool": {"min_size": 1, "max_size": 24}}
    try:
        yield
    finally:
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]
        connection.settings_dict["OPTIONS"] = options


@pytest.mark.usefixtures("a_connection_each")
@pytest.mark.parametrize(("number", "writes"), SIZES)
def test_threads_lose_no_write_and_readers_skip_none(
    shared_task: str, number: int, writes: int
) -> None:
    outcome = writers.contend(writers.THREADS, number, writes, readers=2)
    assert not outcome.errors, outcome.errors[0]
    writers.examine(outcome)
    assert_nothing_lost_or_skipped(outcome)
    assert len(outcome.seqs) == 4 + number * writes + writers.PAUSES


@pytest.mark.parametrize(("number", "writes"), SIZES)
def test_processes_lose_no_write_even_when_one_is_killed_and_readers_skip_none(
    tmp_path: Path, number: int, writes: int
) -> None:
    with temporary_database(tmp_path) as database_url:
        instance = Instance(
            tmp_path / "home",
            database_url,
            {"DJANGO_SETTINGS_MODULE": "contextsys.settings"},
        )
        instance.manage("migrate", "-v", "0")
        ended = subprocess.run(
            [sys.executable, "-m", "tests.system.writers", str(number), str(writes), "2"],
            cwd=ROOT,
            env=instance.environment,
            capture_output=True,
            text=True,
            timeout=2 * writers.SECONDS + number * writes * writers.SECONDS_A_WRITE,
        )
    assert ended.returncode == 0, ended.stderr
    outcome = writers.Outcome(**json.loads(ended.stdout))
    assert_nothing_lost_or_skipped(outcome)
    assert len(outcome.seqs) == 4 + number * writes + writers.PAUSES


# A cursor over plain auto-increment ids, as a naive feed would have it.
NAIVE_READ = "SELECT id FROM naive_log WHERE id > %s ORDER BY id"

if settings.DATABASES["default"]["ENGINE"].endswith("postgresql"):

    def test_a_cursor_over_auto_increment_ids_skips_what_commits_late() -> None:
        """What the feed's counter is for: this reader loses a row, with two writers only."""
        address = connection.get_connection_params()
        where = {name: address[name] for name in ("dbname", "user", "host", "port")}
        with (
            psycopg.connect(**where, password=address.get("password")) as late,
            psycopg.connect(**where, password=address.get("password"), autocommit=True) as quick,
        ):
            quick.execute("CREATE TABLE naive_log (id bigserial PRIMARY KEY)")
            try:
                insert = "INSERT INTO naive_log DEFAULT VALUES RETURNING id"
                assert late.execute(insert).fetchone() == (1,)
                assert quick.execute(insert).fetchone() == (2,)
                seen = [row[0] for row in quick.execute(NAIVE_READ, [0])]
                late.commit()
                seen += [row[0] for row in quick.execute(NAIVE_READ, [seen[-1]])]
                there = [row[0] for row in quick.execute(NAIVE_READ, [0])]
            finally:
                quick.execute("DROP TABLE naive_log")
        assert there == [1, 2]
        assert seen == [2], "the naive reader should have skipped the row that committed late"

    def waits_for_a_lock() -> bool:
        """Whether some session of this database waits for another's transaction."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND cardinality(pg_blocking_pids(pid)) > 0"
            )
            return bool(cursor.fetchone()[0])

else:

    def test_sqlite_never_lets_two_writers_overlap_so_ids_commit_in_their_order() -> None:
        """Why the naive cursor's fault cannot be shown here: the second cannot even begin."""
        refused: list[str] = []

        def begin() -> None:
            connections["default"].settings_dict["OPTIONS"] = {
                **connections["default"].settings_dict["OPTIONS"],
                "timeout": 0,
            }
            try:
                with transaction.atomic():
                    pass
            except OperationalError as error:
                refused.append(str(error))
            finally:
                connections.close_all()

        options = connection.settings_dict["OPTIONS"]
        try:
            with transaction.atomic():
                second = threading.Thread(target=begin, daemon=True)
                second.start()
                join_all([second])
        finally:
            connection.settings_dict["OPTIONS"] = options
        assert refused == ["database is locked"]

    def waits_for_a_lock() -> bool:
        """SQLite does not tell; its writers can do nothing but wait, as shown above."""
        return True


def test_the_feed_never_shows_a_number_before_those_below_it(shared_task: str) -> None:
    """The interleaving of the naive cursor: the later writer waits, the reader skips none."""
    head = read_feed(OWNER.organization_id, 0, 100).changes[-1].seq
    numbered, go_on = threading.Event(), threading.Event()

    def hold(_: int) -> None:
        numbered.set()
        assert go_on.wait(30)

    def write_as(writer: str) -> None:
        writers.write(writer, 1)

    late = threading.Thread(target=write_as, args=("late",), daemon=True)
    quick = threading.Thread(target=write_as, args=("quick",), daemon=True)
    with writers.held_open("late", hold):
        try:
            late.start()
            assert numbered.wait(30)
            quick.start()
            while not waits_for_a_lock():
                assert quick.is_alive(), "the later writer went past the earlier one"
            assert read_feed(OWNER.organization_id, head, 100).changes == []
            assert quick.is_alive()
        finally:
            go_on.set()
        join_all([late, quick])
    after = read_feed(OWNER.organization_id, head, 100).changes
    assert [(each.seq, each.context_id) for each in after] == [
        (head + 1, "late.0"),
        (head + 2, "quick.0"),
    ]


def test_twenty_insights_at_once_on_one_task_are_twenty_insights(shared_task: str) -> None:
    def add(number: int) -> Entry:
        return entries.add(OWNER, TASK, shared_task, Entry.Kind.INSIGHT, f"insight {number}")

    assert not failures(together([partial(add, number) for number in range(20)]))
    kept = owned(OWNER.organization_id, Entry).values_list("content", flat=True)
    assert sorted(kept) == sorted(f"insight {number}" for number in range(20))
    assert_log_is_the_state(OWNER.organization_id)


def test_the_same_entry_sent_by_many_at_once_is_one_entry(shared_task: str) -> None:
    entry_id = uuid.uuid4()

    def add() -> uuid.UUID:
        return entries.add(
            OWNER, TASK, shared_task, Entry.Kind.ACTION, "ran", entry_id=entry_id
        ).entry_id

    assert together([add] * 8) == [entry_id] * 8
    assert owned(OWNER.organization_id, Entry).count() == 1
    assert_log_is_the_state(OWNER.organization_id)


def test_writers_of_one_context_never_undo_each_other(shared_task: str) -> None:
    def count_up(values: Document) -> Document:
        return {**values, "data": {"count": values["data"].get("count", 0) + 1}}

    def work() -> None:
        for _ in range(25):
            services.update(OWNER, TASK, shared_task, count_up)

    assert not failures(together([work] * 4))
    row = TASK.rows(OWNER.organization_id, context_id=shared_task).get()
    assert row.data == {"count": 100}
    assert row.version == 101


def test_of_many_edits_of_one_revision_exactly_one_is_written(shared_task: str) -> None:
    revision = TASK.rows(OWNER.organization_id, context_id=shared_task).get().revision

    def edit(number: int) -> int:
        return services.update(
            OWNER,
            TASK,
            shared_task,
            lambda values: {**values, "progress": number},
            precondition=lambda current: current == revision,
        ).version

    outcomes = together([partial(edit, number) for number in range(1, 9)])
    assert [each for each in outcomes if not isinstance(each, Exception)] == [2]
    assert {type(each) for each in failures(outcomes)} == {RevisionMismatch}


def create_task(context_id: str, **parents: str) -> str:
    made = services.create(
        OWNER,
        TASK,
        {"data": {"id": context_id}},
        context_id=context_id,
        parent_ids=parents,
        create_parents="project_id" in parents,
    )
    return made.context_id


def test_of_many_creations_of_one_id_exactly_one_wins(shared_task: str) -> None:
    for name in ("first", "second", "third"):
        outcomes = together([partial(create_task, name, branch_id="b1")] * 8)
        assert outcomes.count(name) == 1
        assert {type(each) for each in failures(outcomes)} == {IdTaken}
    assert_log_is_the_state(OWNER.organization_id)


def test_many_can_make_the_same_missing_parents_at_once(shared_task: str) -> None:
    for branch in ("b2", "b3", "b4"):
        parents = {"branch_id": branch, "project_id": f"project-of-{branch}"}
        names = [f"{branch}-{number}" for number in range(8)]
        assert together([partial(create_task, name, **parents) for name in names]) == names
    replayed = assert_log_is_the_state(OWNER.organization_id)
    assert [key for key in replayed.contexts if key[0] == "branch"].count(("branch", "b2")) == 1


def test_of_many_creations_of_one_organization_exactly_one_wins(db: None) -> None:
    def make(number: int) -> str:
        author = Author("acme", f"admin-{number}")
        return services.create(author, GLOBAL, {}, context_id="acme").updated_by

    outcomes = together([partial(make, number) for number in range(8)])
    assert {type(each) for each in failures(outcomes)} == {IdTaken}
    assert len(failures(outcomes)) == 7
    assert_log_is_the_state("acme")


def test_parents_made_one_by_one_and_all_at_once_do_not_collide(shared_task: str) -> None:
    """Several kinds of creators meet at several heights of one missing chain."""

    def make_project(name: str) -> str:
        return services.create(OWNER, PROJECT, {}, context_id=name).context_id

    def make_branch(name: str) -> str:
        return services.create(
            OWNER,
            BRANCH,
            {},
            context_id=name,
            parent_ids={"project_id": f"project-of-{name}"},
            create_parents=True,
        ).context_id

    for branch in ("b2", "b3", "b4", "b5"):
        project = f"project-of-{branch}"
        makers: list[Callable[[], str]] = [
            partial(make_project, project),
            partial(make_branch, branch),
            partial(make_branch, branch),
        ]
        tasks = [
            partial(create_task, f"{branch}-{number}", branch_id=branch, project_id=project)
            for number in range(5)
        ]
        outcomes = together([*makers, *tasks])
        assert outcomes[3:] == [f"{branch}-{number}" for number in range(5)]
        assert {type(each) for each in failures(outcomes)} <= {IdTaken}
    assert_log_is_the_state(OWNER.organization_id)


def test_deleting_a_branch_while_tasks_are_made_in_it_leaves_no_orphan(shared_task: str) -> None:
    for number in range(10):
        branch = f"doomed-{number}"
        services.create(OWNER, BRANCH, {}, context_id=branch, parent_ids={"project_id": "p1"})
        creations = [partial(create_task, f"{branch}-{each}", branch_id=branch) for each in "abcd"]
        outcomes = together(
            [*creations, partial(services.delete, OWNER, BRANCH, branch, cascade=True)]
        )
        assert outcomes[-1] is None
        assert {type(each) for each in failures(outcomes)} <= {ParentMissing}
    replayed = assert_log_is_the_state(OWNER.organization_id)
    assert not [key for key in replayed.contexts if key[1].startswith("doomed")]


def test_deletions_and_creations_of_one_id_keep_its_versions_counting(shared_task: str) -> None:
    def work(branch: str) -> None:
        for _ in range(10):
            with contextlib.suppress(IdTaken):
                create_task("phoenix", branch_id=branch)
            with contextlib.suppress(NotFound):
                services.delete(OWNER, TASK, "phoenix")

    # Below two parents: their creators do not wait for each other's locks.
    services.create(OWNER, BRANCH, {}, context_id="b2", parent_ids={"project_id": "p1"})
    assert not failures(together([partial(work, branch) for branch in ("b1", "b2") * 3]))
    # Versions that count up by one are part of it.
    replayed = assert_log_is_the_state(OWNER.organization_id)
    assert replayed.newest["task", "phoenix"].version >= 20
    assert replayed.newest["task", "phoenix"].operation == Change.Operation.DELETED


def test_of_many_decisions_about_a_delegation_exactly_one_counts(shared_task: str) -> None:
    writer = Caller(OWNER.organization_id, "writer", Role.WRITER)
    asked = delegations.delegate(writer, TASK, shared_task, to="global", data={"a": 1})
    statuses = [Delegation.Status.APPROVED, Delegation.Status.REJECTED] * 4
    outcomes = together(
        [partial(delegations.decide, OWNER, asked.delegation_id, each) for each in statuses]
    )
    assert {type(each) for each in failures(outcomes)} == {AlreadyDecided}
    assert len(failures(outcomes)) == 7
    assert_log_is_the_state(OWNER.organization_id)


def test_completing_a_task_many_times_at_once_completes_it_once(shared_task: str) -> None:
    entries.add(OWNER, TASK, shared_task, Entry.Kind.INSIGHT, "reuse", importance="high")
    outcomes = together(
        [partial(completion.complete, OWNER, shared_task, f"by {number}") for number in range(6)]
    )
    assert not failures(outcomes)
    assert {task.revision for task, _ in outcomes} == {outcomes[0][0].revision}
    assert owned(OWNER.organization_id, Delegation).count() == 1
    versions = owned(OWNER.organization_id, Change, context_id=shared_task, makes_version=True)
    assert versions.count() == 2
    assert_log_is_the_state(OWNER.organization_id)


def test_completing_a_task_that_moves_between_projects_takes_its_locks_from_the_top(
    shared_task: str,
) -> None:
    """Deleted and made again elsewhere between the look at its project and the locks."""

    def move(number: int) -> None:
        for step in range(15):
            with contextlib.suppress(NotFound):
                services.delete(OWNER, TASK, "nomad")
            project = f"project-{(number + step) % 2}"
            with contextlib.suppress(IdTaken):
                create_task("nomad", branch_id=f"branch-of-{project}", project_id=project)
            with contextlib.suppress(NotFound):
                entries.add(OWNER, TASK, "nomad", Entry.Kind.INSIGHT, "reuse", importance="high")

    def complete() -> None:
        for _ in range(30):
            with contextlib.suppress(NotFound):
                completion.complete(OWNER, "nomad", "done")

    movers = [partial(move, number) for number in range(3)]
    assert not failures(together([*movers, *[complete] * 5]))
    assert_log_is_the_state(OWNER.organization_id)


@pytest.mark.parametrize(
    ("threads", "number"),
    [
        pytest.param(8, 40, id="8 threads"),
        pytest.param(12, 400, id="12 threads", marks=pytest.mark.nightly),
    ],
)
def test_any_mix_of_writes_ends_without_deadlock_and_with_the_log_as_the_state(
    shared_task: str, threads: int, number: int
) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")

    def work(place: int) -> int:
        rng = random.Random(seed + place)
        done = 0
        for step in range(number):
            deed = random_deed(rng, place * number + step)
            try:
                perform(OWNER, deed)
                done += 1
            except ContextError:
                pass
            finally:
                connection.close()
        return done

    outcomes = together([partial(work, place) for place in range(threads)], seconds=number * 3)
    # A deadlock, a lock that could not be had, a broken constraint: all would stand here.
    assert not failures(outcomes), (seed, failures(outcomes))
    assert sum(outcomes) > threads * number / 10
    assert_log_is_the_state(OWNER.organization_id)


def test_readers_wait_for_no_writer_and_see_nothing_uncommitted(shared_task: str) -> None:
    numbered, go_on = threading.Event(), threading.Event()

    def hold(_: int) -> None:
        numbered.set()
        assert go_on.wait(30)

    def write_late() -> Any:
        return writers.write("late", 1)

    late = threading.Thread(target=write_late, daemon=True)
    with writers.held_open("late", hold):
        try:
            late.start()
            assert numbered.wait(30)
            replay(OWNER.organization_id)
            assert not TASK.rows(OWNER.organization_id, context_id="late.0").exists()
        finally:
            go_on.set()
        join_all([late])
    assert TASK.rows(OWNER.organization_id, context_id="late.0").exists()
