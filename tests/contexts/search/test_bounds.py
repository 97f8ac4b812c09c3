"""What a search looks at is bounded, however many contexts there are; what it finds is not."""

import importlib
import json
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from contexts import search
from contexts.access import Caller
from contexts.levels import TASK
from contexts.models import BranchContext, Context, Entry, TaskContext
from tests.contexts.search.finding import find, make, note

FEW, MANY = 1_500, 6_000


def straws(start: int, stop: int) -> None:
    """Tasks and entries with the same words in all of them, and a word of its own in each."""
    branch = BranchContext.objects.get(context_id="b1")
    numbers = range(start, stop)
    TaskContext.objects.bulk_create(
        TaskContext(
            context_id=f"bulk{number}", organization_id="global", parent=branch,
            revision="1-x", updated_by="setup", data={"text": f"straw hay{number} stalk"},
        ) for number in numbers
    )  # fmt: skip
    Entry.objects.bulk_create(
        Entry(
            organization_id="global", level="task", context_id=f"bulk{number}",
            kind="progress", content=f"straw barn{number}", agent="a",
        ) for number in numbers
    )  # fmt: skip


def page(text: str) -> list[Context]:
    return search.matching(TASK.rows("global"), TASK, "global", text)[:51]


def looked_at(text: str) -> int:
    """How many rows the first page's statement goes through, in whichever step."""
    with CaptureQueriesContext(connection) as captured:
        page(text)
    statements = [query["sql"] for query in captured if "ranked" in query["sql"]]
    assert len(statements) == 1
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            steps = 0

            def count() -> None:
                nonlocal steps
                steps += 1

            connection.connection.set_progress_handler(count, 10)
            try:
                cursor.execute(statements[0])
                cursor.fetchall()
            finally:
                connection.connection.set_progress_handler(None, 10)
            return steps
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statements[0]}")
        (plan,) = cursor.fetchone()
        plan = plan if isinstance(plan, list) else json.loads(plan)
        return rows_of(plan[0]["Plan"])


def rows_of(node: dict[str, Any]) -> int:
    own = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
    return int(own * node["Actual Loops"]) + sum(map(rows_of, node.get("Plans", [])))


@pytest.mark.parametrize("text", ["straw", "straw stalk", "straw absent", "hay7", "straw hay7"])
def test_a_search_looks_at_no_more_rows_when_there_are_more(owner: Caller, text: str) -> None:
    make(owner, "t1", {})
    straws(0, FEW)
    few = looked_at(text)
    straws(FEW, MANY)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE task_contexts, contexts_entry")
    # The windows of PostgreSQL end where numbers do: there may be half as much again in them.
    assert looked_at(text) < few * 2.1


def paged(text: str, size: int) -> list[str]:
    """All that is found, a page at a time."""
    matches = search.matching(TASK.rows("global"), TASK, "global", text)
    names: list[str] = []
    while page := matches[len(names) : len(names) + size]:
        names += [row.context_id for row in page]
    return names


def test_of_many_the_newest_are_ranked_and_the_others_follow(
    owner: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "ENOUGH", 4)
    for number in range(20):
        make(owner, f"t{number}", {"a": "zebra zebra" if number in (3, 17) else "zebra"})
    found = ["t17", "t19", "t18", "t16", *(f"t{number}" for number in range(15, -1, -1))]
    for size in (1, 3, 4, 7, 50):
        assert paged("zebra", size) == found, size
    assert find("zebra lion") == []


def test_a_rare_word_beside_a_frequent_one_finds_the_oldest(
    owner: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "ENOUGH", 4)
    make(owner, "own", {"a": "zebra lion"})
    make(owner, "noted", {"a": "lion"})
    note(owner, "noted", "zebra")
    make(owner, "turned", {"a": "zebra"})
    note(owner, "turned", "lion")
    make(owner, "neither", {"a": "lion"})
    for number in range(9):
        make(owner, f"t{number}", {"a": "zebra"})
        note(owner, f"t{number}", "zebra")
    with CaptureQueriesContext(connection) as captured:
        assert find("zebra lion") == ["own", "turned", "noted"]
    assert not [query for query in captured if "NOT IN (SELECT row_id FROM ranked)" in query["sql"]]


def test_what_stands_only_in_older_entries_is_found_after_the_ranked(
    owner: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "ENOUGH", 4)
    make(owner, "oldest", {"a": "lion"})
    note(owner, "oldest", "zebra")
    make(owner, "newer", {"a": "lion"})
    for _ in range(6):
        note(owner, "newer", "zebra")
    assert find("zebra lion") == ["newer", "oldest"]
    assert paged("zebra", 1) == ["newer", "oldest"]


@pytest.mark.services
@pytest.mark.django_db
def test_no_statement_is_compiled() -> None:
    # PostgreSQL takes a search for dear, and compiling it takes longer than doing it.
    with connection.cursor() as cursor:
        cursor.execute("SHOW jit")
        assert cursor.fetchone() == ("off",)


@pytest.mark.services
def test_the_windows_come_and_go_with_their_migration(owner: Caller) -> None:
    migration = importlib.import_module("contexts.migrations.0007_search_windows")

    def indexed() -> str:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT string_agg(indexdef, ';') FROM pg_indexes"
                " WHERE indexname LIKE 'idx_%%_search'",
                [],
            )
            return str(cursor.fetchone()[0])

    make(owner, "t1", {"text": "alpha"})
    connection.check_constraints()
    before = indexed()
    assert before.count("contexts_windows") == 5
    migration.drop(None, connection.schema_editor())
    assert indexed().count("USING gin (search)") == 5
    make(owner, "t2", {"text": "alpha"})
    connection.check_constraints()
    migration.build(None, connection.schema_editor())
    assert sorted(indexed().split(";")) == sorted(before.split(";"))
    assert find("alpha") == ["t2", "t1"]
