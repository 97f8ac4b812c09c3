"""The index: made of what is there already, and used."""

import importlib

from django.db import connection
from django.test.utils import CaptureQueriesContext

from contexts import search, services
from contexts.access import Caller
from contexts.levels import BRANCH, PROJECT, TASK
from contexts.models import BranchContext, TaskContext
from tests.contexts.search.finding import find, make, note, replace


def test_the_migration_indexes_what_is_there_already(owner: Caller) -> None:
    make(owner, "t1", {"text": "alpha"})
    note(owner, "t1", "beta")
    for level in (PROJECT, BRANCH):
        context_id = {PROJECT: "p1", BRANCH: "b1"}[level]
        services.update(owner, level, context_id, lambda values: {**values, "data": {"a": "alpha"}})
    migration = importlib.import_module("contexts.migrations.0002_full_text_search")
    connection.check_constraints()
    migration.drop(None, connection.schema_editor())
    replace(owner, "t1", {"text": "gamma"})
    connection.check_constraints()
    migration.rebuild(None, connection.schema_editor())
    assert find("gamma beta") == ["t1"]
    assert find("alpha") == []
    assert find("alpha", level=PROJECT) == ["p1"]
    assert find("alpha", level=BRANCH) == ["b1"]
    replace(owner, "t1", {"text": "delta"})
    assert find("delta") == ["t1"]
    assert find("gamma") == []


def test_a_search_among_thousands_uses_the_index(owner: Caller) -> None:
    make(owner, "t1", {"text": "needle"})
    branch = BranchContext.objects.get(context_id="b1")
    TaskContext.objects.bulk_create(
        TaskContext(
            context_id=f"bulk{number}",
            organization_id="global",
            parent=branch,
            revision="1-x",
            updated_by="setup",
            data={"text": f"straw number {number}"},
        )
        for number in range(3000)
    )
    assert find("needle") == ["t1"]
    assert find("straw 2345") == ["bulk2345"]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT gin_clean_pending_list('idx_task_contexts_search')")
            cursor.execute("ANALYZE task_contexts")
            cursor.execute("SET LOCAL enable_seqscan = off")
    matches = search.matching(TASK.rows("global"), TASK, "global", "needle")
    with CaptureQueriesContext(connection) as captured:
        assert [row.context_id for row in matches[:10]] == ["t1"]
    with connection.cursor() as cursor:
        explain = {"postgresql": "EXPLAIN ", "sqlite": "EXPLAIN QUERY PLAN "}[connection.vendor]
        cursor.execute(explain + captured[0]["sql"])
        plan = str(cursor.fetchall())
    assert {"postgresql": "idx_task_contexts_search", "sqlite": "VIRTUAL TABLE INDEX"}[
        connection.vendor
    ] in plan
