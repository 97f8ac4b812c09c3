"""Copies of an instance: its database kept aside and put back, all of it twice."""

import contextlib
import shutil
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from tests.faults.cluster import Site


@contextmanager
def kept_aside(site: Site, folder: Path) -> Iterator["Copy"]:
    """The site's database as it is now."""
    url = site.environment["DATABASE_URL"]
    copy: Copy = PostgresCopy(url) if url.startswith("postgres") else SqliteCopy(url, folder)
    try:
        yield copy
    finally:
        copy.close()


class Copy:
    """A database as it was at a moment."""

    url = ""

    def put_back(self) -> None:
        """In the place of the one that it was made of, whoever is using that."""
        raise NotImplementedError

    def close(self) -> None:
        """Nothing of it is left."""


class SqliteCopy(Copy):
    """Made and put back as SQLite's own shell does it, beside others that read and write."""

    def __init__(self, url: str, folder: Path) -> None:
        self._live = Path(url.removeprefix("sqlite:///"))
        self._kept = folder / f"{uuid.uuid4().hex}.sqlite3"
        self.url = f"sqlite:///{self._kept}"
        _copy(self._live, self._kept)

    def put_back(self) -> None:
        _copy(self._kept, self._live)


def _copy(source: Path, target: Path) -> None:
    with (
        contextlib.closing(sqlite3.connect(source, timeout=30)) as given,
        contextlib.closing(sqlite3.connect(target, timeout=30)) as taken,
    ):
        given.backup(taken)


class PostgresCopy(Copy):
    """Made and put back as a database; whoever is connected is thrown out."""

    def __init__(self, url: str) -> None:
        self._server, self._live = url.rsplit("/", 1)[0], urlsplit(url).path.strip("/")
        self._kept = f"contextsys_test_{uuid.uuid4().hex[:12]}"
        self.url = f"{self._server}/{self._kept}"
        self._create(self._kept, self._live)

    def put_back(self) -> None:
        with self._connected() as connection:
            connection.execute(
                sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(self._live))
            )
        self._create(self._live, self._kept)

    def close(self) -> None:
        with self._connected() as connection:
            connection.execute(
                sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(self._kept))
            )

    def _connected(self) -> psycopg.Connection:
        return psycopg.connect(f"{self._server}/postgres", autocommit=True)

    def _create(self, name: str, source: str) -> None:
        """Copies `source`, which nobody may use meanwhile."""
        lock = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
        names = sql.Identifier(name), sql.Identifier(source)
        with self._connected() as connection:
            connection.execute(lock.format(names[1], sql.SQL("false")))
            try:
                connection.execute(
                    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
                    " WHERE datname = %s",
                    [source],
                )
                connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*names))
            finally:
                connection.execute(lock.format(names[1], sql.SQL("true")))


def clone_home(site: Site, target: Site) -> None:
    """Copies the files of a site's home."""
    shutil.copytree(site.home, target.home)
