"""Many writers and a few readers of one organization, as threads or as processes.

As a program it does everything in processes, on the database of its environment (migrated and
empty), and prints an `Outcome` as JSON: `python -m tests.system.writers WRITERS WRITES READERS`.
"""

import contextlib
import json
import multiprocessing
import os
import queue
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import django
from django.apps import apps
from django.db import connection, connections, transaction

if not apps.ready:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "contextsys.settings")
    django.setup()

from contexts import entries, merging, services
from contexts.changes import Author, context_changed
from contexts.history import read_feed
from contexts.levels import BRANCH, GLOBAL, TASK, Document
from contexts.models import Change, Entry, owned
from tests.contexts.replay import assert_log_is_the_state

ORGANIZATION = "global"
SHARED = "shared"
# Nothing waits this long unless it is broken; the nightly sizes take their time.
SECONDS = 120
SECONDS_A_WRITE = 0.1
PAUSES = 3


class Undone(Exception):
    """Ends a transaction that had taken its number already."""


@dataclass
class Ledger:
    """What one writer was told is written, and what it took back."""

    tasks: list[str] = field(default_factory=list)
    keys: dict[str, int] = field(default_factory=dict)
    insights: list[str] = field(default_factory=list)
    undone: list[str] = field(default_factory=list)


@dataclass
class Outcome:
    """What the writers were told, what each reader read, what is there in the end."""

    ledgers: list[dict[str, Any]]
    readers: list[list[int]]
    held: list[int]
    errors: list[str]
    seqs: list[int] = field(default_factory=list)
    tasks: list[str] = field(default_factory=list)
    shared: Document = field(default_factory=dict)
    shared_versions: list[int] = field(default_factory=list)
    insights: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Kit:
    """Threads, or processes with the same face."""

    worker: Callable[..., Any]
    event: Callable[[], Any]
    queue: Callable[[], Any]


THREADS = Kit(threading.Thread, threading.Event, queue.Queue)


def processes() -> Kit:
    forking = multiprocessing.get_context("fork")
    return Kit(forking.Process, forking.Event, forking.Queue)


def prepare() -> None:
    """The organization, a branch, and the task that all writers write to."""
    services.create(Author(ORGANIZATION, "setup"), GLOBAL, {}, context_id=ORGANIZATION)
    services.create(
        Author(ORGANIZATION, "setup"),
        TASK,
        {},
        context_id=SHARED,
        parent_ids={"branch_id": "b1", "project_id": "p1"},
        create_parents=True,
    )


def _make_task(author: Author, name: str) -> str:
    services.create(author, TASK, {}, context_id=name, parent_ids={BRANCH.name + "_id": "b1"})
    return name


def _add_key(author: Author, name: str) -> int:
    def add(values: Document) -> Document:
        return {**values, "data": merging.deep_merge(values["data"], {name: author.name})}

    return services.update(author, TASK, SHARED, add).version


def _add_insight(author: Author, name: str) -> str:
    return entries.add(author, TASK, SHARED, Entry.Kind.INSIGHT, name).content


def write(writer: str, count: int) -> Ledger:
    """`count` acknowledged writes, a third of each kind; every seventh is first taken back."""
    author, ledger = Author(ORGANIZATION, writer), Ledger()
    for number in range(count):
        name = f"{writer}.{number}"
        act: Any = (_make_task, _add_key, _add_insight)[number % 3]
        if number % 7 == 3:
            with contextlib.suppress(Undone), transaction.atomic():
                act(author, f"{name}.undone")
                raise Undone
            ledger.undone.append(f"{name}.undone")
        told = act(author, name)
        if act is _make_task:
            ledger.tasks.append(told)
        elif act is _add_key:
            ledger.keys[name] = told
        else:
            ledger.insights.append(told)
        # As the end of a request does.
        connection.close()
    return ledger


@contextlib.contextmanager
def held_open(writer: str, numbered: Callable[[int], None]) -> Iterator[None]:
    """Calls `numbered` with the number inside `writer`'s transactions, before they commit."""

    def hold(changes: list[Change], **_: Any) -> None:
        if changes[-1].actor == writer:
            numbered(changes[-1].seq)

    context_changed.connect(hold, weak=False, dispatch_uid=writer)
    try:
        yield
    finally:
        context_changed.disconnect(dispatch_uid=writer)


def follow(polled: Any, done: Any) -> list[int]:
    """Reads the feed page by page until the writers are done and nothing is left."""
    seen: list[int] = []
    since = 0
    while True:
        finishing = done.is_set()
        page = read_feed(ORGANIZATION, since, 50)
        seen += [change.seq for change in page.changes]
        since = page.body()["next"]
        connection.close()
        polled.set()
        if not page.changes:
            if finishing:
                return seen
            done.wait(0.005)


def _close_connections() -> None:
    connections.close_all()
    if connection.vendor == "postgresql" and multiprocessing.parent_process() is not None:
        connection.close_pool()  # type: ignore[attr-defined]


def contend(kit: Kit, writers: int, writes: int, readers: int) -> Outcome:
    """`writers` write while `readers` follow and one writer holds its transactions open."""
    start, done, failed = kit.event(), kit.event(), kit.queue()
    ledgers, read, taken, go_on = kit.queue(), kit.queue(), kit.queue(), kit.queue()
    polled = [kit.event() for _ in range(readers)]
    workers: list[Any] = []
    patience = SECONDS + writers * writes * SECONDS_A_WRITE

    def spawn(work: Callable[[], None]) -> Any:
        def run() -> None:
            try:
                work()
            except BaseException:
                failed.put(traceback.format_exc())
                # Whoever waits for this worker need not wait any longer.
                for each in (ledgers, read, taken):
                    each.put(None)
            finally:
                _close_connections()

        workers.append(kit.worker(target=run, daemon=True))
        workers[-1].start()
        return workers[-1]

    def write_many(writer: str) -> None:
        start.wait(SECONDS)
        ledgers.put(asdict(write(writer, writes)))

    def write_slowly() -> None:
        def pause(seq: int) -> None:
            taken.put(seq)
            go_on.get(timeout=patience)

        with held_open("slow", pause):
            ledgers.put(asdict(write("slow", PAUSES)))

    def read_on(event: Any) -> None:
        read.put(follow(event, done))

    def awaited(news: Any) -> Any:
        told = news.get(timeout=patience)
        assert told is not None, "a worker failed"
        return told

    def until_all_polled() -> None:
        for _ in range(3):
            for event in polled:
                event.clear()
                assert event.wait(SECONDS), "a reader stands still"

    spawn(write_slowly)
    for number in range(writers):
        spawn(partial(write_many, f"w{number}"))
    for event in polled:
        spawn(partial(read_on, event))
    held = []
    errors: list[str] = []
    try:
        for _ in range(PAUSES):
            # The first time the others queue up behind it; then it comes in between them.
            held.append(awaited(taken))
            start.set()
            until_all_polled()
            go_on.put(True)
        told = [awaited(ledgers) for _ in range(writers + 1)]
        done.set()
        followed = [awaited(read) for _ in range(readers)]
    except (queue.Empty, AssertionError):
        told, followed = [], []
        start.set()
        done.set()
        errors.append(traceback.format_exc())
    for worker in workers:
        worker.join(SECONDS if not errors else 1)
    with contextlib.suppress(queue.Empty):
        while True:
            errors.append(failed.get(timeout=0.1))
    return Outcome(told, followed, held, errors)


def examine(outcome: Outcome) -> None:
    """Adds what the database holds in the end."""
    replayed = assert_log_is_the_state(ORGANIZATION)
    outcome.seqs = list(owned(ORGANIZATION, Change).order_by("seq").values_list("seq", flat=True))
    outcome.tasks = [key[1] for key in replayed.contexts if key[0] == TASK.name]
    outcome.shared = replayed.contexts[TASK.name, SHARED].document["data"]
    outcome.shared_versions = list(
        owned(ORGANIZATION, Change, level=TASK.name, context_id=SHARED, makes_version=True)
        .order_by("seq")
        .values_list("version", flat=True)
    )
    outcome.insights = [entry.content for entry in replayed.entries]


def die_with_a_number() -> None:
    """A process is killed between taking its number and the commit."""
    forking = multiprocessing.get_context("fork")
    taken = forking.Event()

    def pause(_: int) -> None:
        taken.set()
        threading.Event().wait()

    def work() -> None:
        with held_open("killed", pause):
            write("killed", 1)

    victim = forking.Process(target=work, daemon=True)
    victim.start()
    assert taken.wait(SECONDS), "the victim took no number"
    victim.kill()
    victim.join(SECONDS)


def in_a_process(work: Callable[[], None]) -> None:
    """Runs `work` in a child, so that no connection is open when the next ones are forked."""

    def run() -> None:
        try:
            work()
        finally:
            _close_connections()

    child = multiprocessing.get_context("fork").Process(target=run)
    child.start()
    child.join(SECONDS)
    assert child.exitcode == 0, f"a child ended with {child.exitcode}"


def main(writers: int, writes: int, readers: int) -> None:
    in_a_process(prepare)
    die_with_a_number()
    outcome = contend(processes(), writers, writes, readers)
    if not outcome.errors:
        examine(outcome)
    print(json.dumps(asdict(outcome)))


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:4]))
