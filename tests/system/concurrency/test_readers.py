"""Readers beside writers: they wait for none, skip nothing and see nothing too early."""

import threading
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import OperationalError, connection, connections, transaction

from contexts.history import read_feed
from contexts.levels import TASK
from tests.contexts.replay import replay
from tests.system import writers
from tests.system.concurrency.deeds import OWNER
from tests.system.threads import join_all

pytestmark = pytest.mark.django_db(transaction=True)

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
