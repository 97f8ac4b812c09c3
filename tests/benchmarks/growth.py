"""What the size of an organization costs: medians at a thousand, 100,000 and a million tasks.

`python -m tests.benchmarks.growth [TASKS…] [--json]`, on SQLite or on `DATABASE_URL`. Each task
has a version in the log; at the end one of them has 100,000 entries. Each size has a database and
a process of its own, which goes through Django's test client; they are asked in turns.
"""

import contextlib
import functools
import itertools
import json
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from tests.benchmarks import inprocess, loading
from tests.benchmarks.documents import document
from tests.benchmarks.table import tell

SIZES = (1_000, 100_000, 1_000_000)
ENTRIES = 100_000
TIMES = 60
BATCH = 2_000
API = "/api/v1/"
ONE = "--one"
PATCH, ADD, LENGTHEN = "PATCH one key", "add progress", "lengthen"


def main(sizes: tuple[int, ...]) -> None:
    """Asks each size in turns: the machine may slow down, and then it does so for all."""
    with contextlib.ExitStack() as stack:
        grown = {size: stack.enter_context(_process(size)) for size in sizes}
        names = json.loads(next(iter(grown.values())).stdout.readline())
        for process in list(grown.values())[1:]:
            process.stdout.readline()
        labels = [f"{size:,} tasks" for size in sizes]
        for name in names:
            taken = _in_turns(name, list(grown.values()))
            figures = dict(zip(labels, map(statistics.median, taken), strict=True))
            tell(name, figures, "ms", {labels[-1]: labels[0]})
        smallest = grown[sizes[0]]
        (few,) = _in_turns(ADD, [smallest])
        _ask(smallest, LENGTHEN)
        (many,) = _in_turns(ADD, [smallest])
        figures = {"10 entries": statistics.median(few)}
        figures |= {f"{ENTRIES:,} entries": statistics.median(many)}
        tell(ADD, figures, "ms", {f"{ENTRIES:,} entries": "10 entries"})


@contextlib.contextmanager
def _process(size: int) -> Iterator[Any]:
    """A process with an organization of that size in a database of its own."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.growth", ONE, str(size)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.stdin.close()  # type: ignore[union-attr]


def _ask(process: Any, name: str) -> float:
    print(name, file=process.stdin, flush=True)
    return float(process.stdout.readline())


def _in_turns(name: str, processes: list[Any]) -> list[list[float]]:
    rounds = [[_ask(process, name) for process in processes] for _ in range(TIMES)]
    return [list(taken) for taken in zip(*rounds[5:], strict=True)]


def answer(size: int) -> None:
    """Grows to that size, tells what it can do, and does what it reads: how long that took."""
    with inprocess.organization(10) as organization_id:
        from rest_framework.test import APIClient

        from contexts import agents
        from contexts.models import Role

        client = APIClient(SERVER_NAME="localhost")
        key = agents.issue_key("benchmark", organization_id, Role.ADMIN)
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")
        works = _works(client, organization_id)
        works[PATCH]()  # what a search for one finds
        _grow(organization_id, size)
        print(json.dumps(list(works)), flush=True)
        works[LENGTHEN] = lambda: _lengthen(organization_id)
        for line in sys.stdin:
            began = time.perf_counter()
            works[line.strip()]()
            print(1000 * (time.perf_counter() - began), flush=True)


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

    def search(words: str, narrowed: str = "") -> Callable[[], Any]:
        return lambda: ask("GET", f"contexts/task/?q={words.replace(' ', '+')}{narrowed}")

    task = "contexts/task/t0/"
    return {
        "resolve": lambda: ask("GET", f"{task}resolved/"),
        "list page": lambda: ask("GET", "contexts/task/?branch_id=b"),
        "search, a word of all and one of none": search("retry journal"),
        "search, a word of one": search("edited"),
        "search, a word of every thousandth": search("thousandth"),
        "search, a word of all": search("retry"),
        "search, two of nearly all": search("retry cache"),
        "search, a word of all in a project": search("retry", "&project_id=p"),
        PATCH: lambda: ask("PATCH", task, {"data": {"edited": next(number)}}),
        ADD: lambda: ask("POST", f"{task}progress/", {"content": f"{next(number)}"}),
        "feed page": feed,
        "push of one": push,
    }


def _grow(organization_id: str, size: int) -> None:
    """More tasks in the branch, written past the services: only their number counts."""
    from contexts.documents import revision_of
    from contexts.levels import TASK
    from contexts.models import BranchContext, Change, Feed, TaskContext, owned

    branch = BranchContext.objects.get(context_id="b")
    feed = owned(organization_id, Feed)

    @functools.cache
    def content(number: int, tenth: bool, thousandth: bool) -> tuple[Any, Any, str]:
        """Data, document and revision, which are the same for many tasks."""
        data = document(number, 300)
        data |= {word: 1 for word, in_it in (("tenth", tenth), ("thousandth", thousandth)) if in_it}
        row = TaskContext(organization_id=organization_id, parent=branch, data=data)
        told = TASK.document(row)
        return data, told, revision_of(1, "", told)

    def grown(place: int, seq: int) -> tuple[TaskContext, Change]:
        data, told, revision = content(place % 997, place % 10 == 0, place % 1000 == 999)
        row = TaskContext(
            organization_id=organization_id, context_id=f"grown-{place}", parent=branch, data=data,
            version=1, updated_by="benchmark", revision=revision,
        )  # fmt: skip
        change = Change(
            organization_id=organization_id, seq=seq, level="task", context_id=row.context_id,
            path=f"/p/b/{row.context_id}", operation="created", version=1, revision=revision,
            makes_version=True, document=told, actor="benchmark",
        )  # fmt: skip
        return row, change

    with loading.without_index("idx_task_contexts_search"):
        for first in range(TaskContext.objects.count(), size, BATCH):
            head = feed.get().head
            places = range(first, min(first + BATCH, size))
            made = [grown(place, head + 1 + place - first) for place in places]
            loading.insert([row for row, _ in made])
            loading.insert([change for _, change in made])
            feed.update(head=head + len(made))
    loading.settle()


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
    loading.settle()


if __name__ == "__main__":
    given = tuple(int(each) for each in sys.argv[1:] if not each.startswith("--"))
    if ONE in sys.argv:
        answer(*given)
    else:
        main(given or SIZES)
