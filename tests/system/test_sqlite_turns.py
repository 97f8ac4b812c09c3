"""Threads that write to one SQLite file take turns; nobody is left waiting, or holding."""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError, connections, transaction

from contextsys.sqlite3 import turns as room

ALIAS = "turns"


@pytest.fixture
def file(tmp_path: Path, django_db_blocker: Any) -> Iterator[None]:
    """A database that refuses at once whoever comes while another writes."""
    options = {"transaction_mode": "IMMEDIATE", "timeout": 0}
    name = str(tmp_path / "turns.sqlite3")
    row = {"ENGINE": "contextsys.sqlite3", "NAME": name, "OPTIONS": options}
    connections.databases[ALIAS] = {**connections.databases["default"], **row}
    with django_db_blocker.unblock():
        run("PRAGMA journal_mode=WAL")
        run("CREATE TABLE row (id INTEGER PRIMARY KEY)")
        yield
        connections[ALIAS].close()
    del connections[ALIAS], connections.databases[ALIAS]


def run(sql: str) -> None:
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(sql)


def in_thread(work: Callable[[], None]) -> None:
    def closed() -> None:
        try:
            work()
        finally:
            connections[ALIAS].close()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(closed).result(timeout=30)


def write() -> None:
    with transaction.atomic(using=ALIAS):
        run("INSERT INTO row DEFAULT VALUES")


def test_threads_that_write_at_once_all_come_to_their_turn(file: None) -> None:
    def often() -> None:
        for _ in range(50):
            write()

    threads = [threading.Thread(target=in_thread, args=(often,)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with connections[ALIAS].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM row")
        assert cursor.fetchone() == (300,)


def test_a_turn_ends_however_its_transaction_ends(file: None) -> None:
    def twice_the_same() -> None:
        with transaction.atomic(using=ALIAS):
            run("INSERT INTO row VALUES (1)")
            run("INSERT INTO row VALUES (1)")

    def closed_inside() -> None:
        with transaction.atomic(using=ALIAS):
            connections[ALIAS].close()

    def nested() -> None:
        with transaction.atomic(using=ALIAS):
            write()
            write()

    with pytest.raises(IntegrityError):
        twice_the_same()
    in_thread(write)
    closed_inside()
    in_thread(write)
    nested()
    in_thread(write)


def test_who_waits_too_long_is_left_to_sqlite(file: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "SECONDS", 0.01)
    with transaction.atomic(using=ALIAS), pytest.raises(OperationalError, match="locked"):
        in_thread(write)
    # And has not ended a turn that was not its own, nor keeps one.
    in_thread(write)


def test_a_forked_process_does_not_wait_for_its_parents_threads(file: None) -> None:
    with transaction.atomic(using=ALIAS):
        child = os.fork()
        if child == 0:
            free = room.turns.take(str(connections.databases[ALIAS]["NAME"]))
            os._exit(0 if free is not None else 1)
        assert os.waitpid(child, 0)[1] == 0
