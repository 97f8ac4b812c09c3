"""What a large change log costs, in one table and partitioned by organization; on PostgreSQL.

`python -m tests.benchmarks.partitions [ROWS] [--json]`, with `DATABASE_URL`. First what a change
takes in bytes, then both tables with that many rows of 200 organizations: a page of one
organization's feed, its newest version of a context, and an insert.
"""

import statistics
import sys
import time
from contextlib import ExitStack
from typing import Any

from tests.benchmarks import inprocess
from tests.benchmarks.table import tell

ROWS = 10_000_000
ORGANIZATIONS = 200
PARTITIONS = 32
TIMES = 300
SAMPLE = 2_000
TABLES = ("contexts_change", "contexts_entry", "task_contexts", "syncing_journalentry")
COLUMNS = """organization_id, seq, stamp, level, context_id, path, operation, version, revision,
    parent_revision, makes_version, document, actor, origin_node, mutation_id, from_hub, at"""
# As many rows for each organization, and a context has fifty of them.
MADE = f"""
    INSERT INTO {{table}} ({COLUMNS})
    SELECT 'org-' || n % {ORGANIZATIONS}, n / {ORGANIZATIONS} + 1, gen_random_uuid(), 'task',
        't' || n / ({ORGANIZATIONS} * 50), '/p/b/t' || n / ({ORGANIZATIONS} * 50), 'updated',
        n / {ORGANIZATIONS} % 50 + 1, n || '-' || md5(n::text), '', true,
        jsonb_build_object('branch_id', 'b', 'data', jsonb_build_object('n', md5(n::text))),
        'agent', '', gen_random_uuid(), false, now()
    FROM generate_series({{first}}, {{first}} + {{rows}} - 1) n"""
PAGE = "SELECT * FROM {table} WHERE organization_id = %s AND seq > %s ORDER BY seq LIMIT 100"
NEWEST = """SELECT * FROM {table} WHERE organization_id = %s AND level = 'task'
    AND context_id = %s AND makes_version ORDER BY version DESC, seq DESC LIMIT 1"""


def main(rows: int) -> None:
    with ExitStack() as stack:
        organization_id = stack.enter_context(inprocess.organization())
        from django.db import connection

        if connection.vendor != "postgresql":
            sys.exit("This is about PostgreSQL: set DATABASE_URL.")
        _bytes(organization_id)
        cursor = stack.enter_context(connection.cursor())
        for kind in ("one", "parts"):
            partitioned = " PARTITION BY HASH (organization_id)" if kind == "parts" else ""
            # Keys and foreign keys to what there is not are left out, all else is the same.
            cursor.execute(
                f"CREATE TABLE {kind} (LIKE contexts_change INCLUDING DEFAULTS INCLUDING IDENTITY)"
                f"{partitioned}"
            )
            for number in range(PARTITIONS if partitioned else 0):
                cursor.execute(
                    f"CREATE TABLE {kind}_{number} PARTITION OF {kind}"
                    f" FOR VALUES WITH (MODULUS {PARTITIONS}, REMAINDER {number})"
                )
            began = time.monotonic()
            cursor.execute(MADE.format(table=kind, first=0, rows=rows))
            cursor.execute(f"CREATE UNIQUE INDEX ON {kind} (organization_id, seq)")
            cursor.execute(
                f"CREATE INDEX ON {kind} (organization_id, level, context_id, version, seq)"
                " WHERE makes_version"
            )
            cursor.execute(f"ANALYZE {kind}")
            print(f"{kind}: {rows:,} rows in {time.monotonic() - began:.0f} s", flush=True)
        works = {"a page of a feed": _page, "newest version": _newest, "insert": _insert}
        for name, work in works.items():
            figures = {kind: _median(cursor, work, kind, rows) for kind in ("one", "parts")}
            tell(f"{name}, {rows:,} rows", figures, "ms", {"parts": "one"})


def _bytes(organization_id: str) -> None:
    """What an edit of a small task and a line of progress take, indexes and all."""
    from django.db import connection

    from contexts import entries, services
    from contexts.changes import Author
    from contexts.levels import TASK
    from contexts.models import Entry

    author = Author(organization_id, "benchmark")

    def sizes() -> dict[str, int]:
        with connection.cursor() as cursor:
            found = {}
            for table in TABLES:
                cursor.execute(f"VACUUM FULL {table}")
                cursor.execute(f"SELECT pg_total_relation_size('{table}')")
                found[table] = int(cursor.fetchone()[0])
            return found

    def edit(number: int) -> None:
        services.update(author, TASK, "t0", lambda old: {**old, "progress": number % 100})

    def add(number: int) -> None:
        entries.add(author, TASK, "t0", Entry.Kind.PROGRESS, f"Step {number} of many is done.")

    for name, work in {"an edit of a task of 2 KB": edit, "a line of progress": add}.items():
        before = sizes()
        for number in range(SAMPLE):
            work(number)
        after = sizes()
        grown = {table: (after[table] - before[table]) / SAMPLE for table in TABLES}
        tell(name, grown, "bytes", {})


def _page(cursor: Any, kind: str, number: int, rows: int) -> None:
    since = number * 7919 % max(1, rows // ORGANIZATIONS - 100)
    cursor.execute(PAGE.format(table=kind), [f"org-{number % ORGANIZATIONS}", since])
    assert len(cursor.fetchall()) == min(100, rows // ORGANIZATIONS - since)


def _newest(cursor: Any, kind: str, number: int, rows: int) -> None:
    context_id = f"t{number * 7919 % max(1, rows // (ORGANIZATIONS * 50))}"
    cursor.execute(NEWEST.format(table=kind), [f"org-{number % ORGANIZATIONS}", context_id])
    assert cursor.fetchone() is not None


def _insert(cursor: Any, kind: str, number: int, rows: int) -> None:
    cursor.execute(MADE.format(table=kind, first=rows + number, rows=1))


def _median(cursor: Any, work: Any, kind: str, rows: int) -> float:
    taken = []
    for number in range(TIMES):
        began = time.perf_counter()
        work(cursor, kind, number, rows)
        taken.append(time.perf_counter() - began)
    return 1000 * statistics.median(taken)


if __name__ == "__main__":
    given = [int(each) for each in sys.argv[1:] if each != "--json"]
    main(*(given or [ROWS]))
