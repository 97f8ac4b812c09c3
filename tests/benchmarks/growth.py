"""What the size of an organization costs: medians at a thousand, 100,000 and a million tasks.

`python -m tests.benchmarks.growth [TASKS…] [--json]`, on SQLite or on `DATABASE_URL`. Each task
has a version in the log; at the end one of them has 100,000 entries. In the benchmark's process,
through Django's test client.
"""

import itertools
import json
import statistics
import sys
import time
import uuid
from collections.abc import Callable
from typing import Any

from tests.benchmarks import inprocess
from tests.benchmarks.documents import document
from tests.benchmarks.table import tell

SIZES = (1_000, 100_000, 1_000_000)
ENTRIES = 100_000
TIMES = 60
BATCH = 2_000
API = "/api/v1/"


def main(sizes: tuple[int, ...]) -> None:
    with inprocess.organization(10) as organization_id:
        from rest_framework.test import APIClient

        from contexts import agents
        from contexts.models import Role

        client = APIClient(SERVER_NAME="localhost")
        key = agents.issue_key("benchmark", organization_id, Role.ADMIN)
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")
        works = _works(client, organization_id)
        medians: dict[str, list[float]] = {name: [] for name in works}
        for size in sizes:
            _grow(organization_id, size)
            for name, work in works.items():
                medians[name].append(_median(work))
        for name, found in medians.items():
            labels = [f"{size:,} tasks" for size in sizes]
            tell(name, dict(zip(labels, found, strict=True)), "ms", {labels[-1]: labels[0]})
        few = _median(works["add progress"])
        _lengthen(organization_id)
        figures = {"10 entries": few, f"{ENTRIES:,} entries": _median(works["add progress"])}
        tell("add progress", figures, "ms", {f"{ENTRIES:,} entries": "10 entries"})


def _works(client: Any, organization_id: str) -> dict[str, Callable[[], Any]]:
    from contexts.models import Feed, owned

    number = itertools.count()

    def ask(method: str, path: str, body: Any = None) -> Any:
        answer = client.generic(
            method, API + path, json.dumps(body) if body else "", "application/json"
        )
        assert answer.status_code in (200, 201), answer.content
        return answer

    def push() -> None:
        name = f"pushed-{next(number)}"
        made = {
            "mutation_id": str(uuid.uuid4()), "level": "task", "context_id": name,
            "operation": "created", "base_revision": "", "actor": "x", "at": "2026-01-01T00:00:00Z",
            "document": {"branch_id": "b", "data": {}, "metadata": {}, "progress": 0,
                         "next_steps": []},
        }  # fmt: skip
        from contexts.documents import revision_of

        made["revision"] = revision_of(1, "", made["document"])  # type: ignore[arg-type]
        told = {"protocol": 1, "node": "n", "incarnation": "i", "entries": [made]}
        answer = ask("POST", "sync/push/", {**told, "organization": organization_id})
        assert answer.json()["results"][0]["verdict"] == "applied", answer.content

    def feed() -> None:
        head = owned(organization_id, Feed).get().head
        ask("GET", f"changes/?since={head - 100}&limit=100")

    task = "contexts/task/t0/"
    return {
        "resolve": lambda: ask("GET", f"{task}resolved/"),
        "list page": lambda: ask("GET", "contexts/task/?branch_id=b"),
        "search": lambda: ask("GET", "contexts/task/?q=journal+retry"),
        "PATCH one key": lambda: ask("PATCH", task, {"data": {"edited": next(number)}}),
        "add progress": lambda: ask("POST", f"{task}progress/", {"content": f"{next(number)}"}),
        "feed page": feed,
        "push of one": push,
    }


def _median(work: Callable[[], Any]) -> float:
    """Of its time, in milliseconds."""
    taken = []
    for _ in range(TIMES):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return 1000 * statistics.median(taken[5:])


def _grow(organization_id: str, size: int) -> None:
    """More tasks in other branches, written past the services: only their number counts."""
    from contexts.documents import revision_of
    from contexts.levels import TASK
    from contexts.models import BranchContext, Change, Feed, TaskContext, owned

    branch = BranchContext.objects.get(context_id="b")
    there = TaskContext.objects.count()
    for first in range(there, size, BATCH):
        head = owned(organization_id, Feed).get().head
        rows, changes = [], []
        for place in range(first, min(first + BATCH, size)):
            row = TaskContext(
                organization_id=organization_id, context_id=f"grown-{place}", parent=branch,
                data=document(place % 997, 300), version=1, updated_by="benchmark",
            )  # fmt: skip
            told = TASK.document(row)
            row.revision = revision_of(1, "", told)
            rows.append(row)
            changes.append(Change(
                organization_id=organization_id, seq=head + len(rows), level="task",
                context_id=row.context_id, path=f"/p/b/{row.context_id}", operation="created",
                version=1, revision=row.revision, makes_version=True, document=told,
                actor="benchmark",
            ))  # fmt: skip
        TaskContext.objects.bulk_create(rows)
        Change.objects.bulk_create(changes)
        owned(organization_id, Feed).update(head=head + len(rows))
    _analyze()


def _lengthen(organization_id: str) -> None:
    from contexts import entries
    from contexts.changes import Author
    from contexts.entries import Draft
    from contexts.levels import TASK
    from contexts.models import Entry

    author = Author(organization_id, "benchmark")
    for first in range(0, ENTRIES, BATCH):
        drafts = [
            Draft(Entry.Kind.PROGRESS, f"Step {number} is done.")
            for number in range(first, first + BATCH)
        ]
        entries.add_many(author, TASK, "t0", drafts)
    _analyze()


def _analyze() -> None:
    """What a database does by itself in time."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


if __name__ == "__main__":
    given = tuple(int(each) for each in sys.argv[1:] if each != "--json")
    main(given or SIZES)
