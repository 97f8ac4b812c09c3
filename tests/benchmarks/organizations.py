"""Eight writers in eight organizations against one in one: what of a hub's work is in common.

`DATABASE_URL=postgres://… python -m tests.benchmarks.organizations [WRITERS] [--json]`: processes
that PATCH one key of their organization's tasks in the service layer.
"""

import multiprocessing
import sys
import time
from multiprocessing.synchronize import Barrier

from tests.benchmarks import inprocess
from tests.benchmarks.documents import document
from tests.benchmarks.table import in_turns, tell

WRITERS = 8
SECONDS = 5.0
ROUNDS = 3
TASKS = 10


def main(writers: int) -> None:
    with inprocess.organization():
        from django.db import connection

        for number in range(writers):
            _fill(f"o{number}")
        # Nobody may use this process's connections in another.
        connection.close()
        if hasattr(connection, "close_pool"):
            connection.close_pool()
        many, one = f"{writers} writers, {writers} organizations", "1 writer, 1 organization"
        together = f"{writers} writers, 1 organization"
        names = [f"o{number}" for number in range(writers)]
        figures = in_turns(
            {
                one: lambda: _rate(names[:1]),
                many: lambda: _rate(names),
                together: lambda: _rate(names[:1] * writers),
            },
            ROUNDS,
        )
        tell("PATCH in the service layer", figures, "a second", {many: one, together: one})


def _fill(organization_id: str) -> None:
    from contexts import services
    from contexts.changes import Author
    from contexts.levels import GLOBAL, TASK

    author = Author(organization_id, "benchmark")
    services.create(author, GLOBAL, {"data": document(-1)}, context_id=organization_id)
    places = {"branch_id": "b", "project_id": "p"}
    for number in range(TASKS * WRITERS):
        services.create(
            author,
            TASK,
            {"data": document(number)},
            context_id=f"t{number}",
            parent_ids=places,
            create_parents=True,
        )


def _rate(organizations: list[str]) -> float:
    """Writes a second of a process for each of `organizations`, all at once."""
    begin = multiprocessing.Barrier(len(organizations))
    written: multiprocessing.Queue[int] = multiprocessing.Queue()
    processes = [
        multiprocessing.Process(target=_write, args=(name, number, begin, written))
        for number, name in enumerate(organizations)
    ]
    for each in processes:
        each.start()
    total = sum(written.get() for _ in processes)
    for each in processes:
        each.join()
    return total / SECONDS


def _write(
    organization_id: str, writer: int, begin: Barrier, written: "multiprocessing.Queue[int]"
) -> None:
    from contexts import services
    from contexts.changes import Author
    from contexts.levels import TASK

    author, count = Author(organization_id, "benchmark"), 0

    def patch() -> None:
        # Of tasks of its own: writers of one organization meet at its feed only.
        name = f"t{TASKS * writer + count % TASKS}"
        services.update(
            author, TASK, name, lambda old: {**old, "data": {**old["data"], "edited": count}}
        )

    patch()
    begin.wait()
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        patch()
        count += 1
    written.put(count)


if __name__ == "__main__":
    given = [int(each) for each in sys.argv[1:] if each != "--json"]
    main(*(given or [WRITERS]))
