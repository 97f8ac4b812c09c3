"""Writes through our services, against the very same statements by the bare driver.

`python -m tests.benchmarks.writes [--json]`, on SQLite or on `DATABASE_URL`. What a write does
is recorded once; the driver then does that again and again in a transaction each, with what
must be new each time (numbers, ids) put in its place.
"""

import itertools
import re
import sqlite3
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import psycopg

from tests.benchmarks import inprocess
from tests.benchmarks.documents import document
from tests.benchmarks.table import in_turns, tell

ROUNDS = 7
WRITES = 150
Statement = tuple[str, tuple[Any, ...]]


def main() -> None:
    with ExitStack() as stack:
        organization_id = stack.enter_context(inprocess.organization())
        from django.db import connection

        from contexts import entries, services
        from contexts.changes import Author
        from contexts.levels import TASK
        from contexts.models import Entry

        author, number = Author(organization_id, "benchmark"), itertools.count(1)

        def create() -> None:
            made = {"data": document(next(number))}
            name = f"n{next(number)}"
            services.create(author, TASK, made, context_id=name, parent_ids={"branch_id": "b"})

        def patch() -> None:
            n = next(number)
            services.update(
                author, TASK, "t0", lambda old: {**old, "data": {**old["data"], "edited": n}}
            )

        def progress() -> None:
            entries.add(author, TASK, "t0", Entry.Kind.PROGRESS, f"Step {next(number)} is done.")

        bare: Any = stack.enter_context(_driver(connection.settings_dict, connection.vendor))
        for name, work in {"create": create, "PATCH one key": patch, "progress": progress}.items():
            work()
            statements = _recorded(work)
            replay = _replay(bare, statements)
            figures = in_turns(
                {name: lambda work=work: _rate(work), "bare": lambda replay=replay: _rate(replay)},  # type: ignore[misc]
                ROUNDS,
            )
            title = f"{name}: {len(statements)} statements and a transaction, {connection.vendor}"
            tell(title, figures, "a second", {name: "bare"})


def _rate(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    for _ in range(WRITES):
        work()
    return WRITES / (time.perf_counter() - began)


def _driver(told: dict[str, Any], vendor: str) -> Any:
    if vendor == "sqlite":
        made = sqlite3.connect(told["NAME"], isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            made.execute(f"PRAGMA {pragma}")
        return made
    return psycopg.connect(
        host=told["HOST"], port=told["PORT"], user=told["USER"], dbname=told["NAME"]
    )


def _recorded(work: Callable[[], None]) -> list[Statement]:
    """The statements of a write, but for those that begin and end its transaction."""
    from django.db import connection

    found: list[Statement] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if not re.match("BEGIN|COMMIT|SAVEPOINT|RELEASE", sql):
            found.append((sql, tuple(params or ())))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        work()
    return found


def _replay(bare: Any, statements: list[Statement]) -> Callable[[], None]:
    """Does the statements in one transaction, with a new number and new ids each time."""
    from contexts.models import Change

    last = Change.objects.order_by("-seq").select_related("entry").first()
    assert last is not None
    changing = [last.stamp, last.mutation_id, last.entry.entry_id if last.entry else None]
    seqs = [last.seq]
    is_sqlite = isinstance(bare, sqlite3.Connection)
    # A new context may be told of in several places, by its name.
    is_new = last.operation == Change.Operation.CREATED

    def same(value: Any, other: Any) -> bool:
        return other is not None and value in (other, str(other), getattr(other, "hex", other))

    def fresh(value: Any, new: dict[Any, Any]) -> Any:
        for each in changing:
            if same(value, each):
                return new.setdefault(each, uuid.uuid4().hex if is_sqlite else uuid.uuid4())
        if is_new and isinstance(value, str) and last.context_id in value:
            return value.replace(last.context_id, new.setdefault("name", uuid.uuid4().hex[:20]))
        return value

    def replay() -> None:
        new: dict[Any, Any] = {}
        if is_sqlite:
            bare.execute("BEGIN IMMEDIATE")
        returned: Any = None
        for sql, params in statements:
            values = [fresh(value, new) for value in params]
            if 'INSERT INTO "contexts_change"' in sql:
                values = [new["seq"] if value == seqs[0] else value for value in values]
                if last.entry is not None and "entry_row" in new:
                    values = [new["entry_row"] if v == last.entry.pk else v for v in values]
            done = bare.execute(sql.replace("%s", "?") if is_sqlite else sql, values)
            if "RETURNING" in sql or sql.startswith("SELECT"):
                returned = done.fetchone()
            if sql.startswith("UPDATE contexts_feed"):
                new["seq"] = returned[0]
            elif 'INSERT INTO "contexts_entry"' in sql:
                new["entry_row"] = returned[0]
        bare.commit()

    return replay


if __name__ == "__main__":
    main()
