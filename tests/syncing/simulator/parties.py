"""The hub and its nodes: each has a database of its own, and a clock."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from django.core.management import call_command
from django.db import connections
from django.db.backends.sqlite3.base import DatabaseWrapper

from contexts.access import Caller
from contexts.models import Role

ORGANIZATION = "global"


@dataclass
class Party:
    """The hub or a node: its database and its clock."""

    name: str
    database: DatabaseWrapper
    is_hub: bool = False
    clock: timedelta = timedelta()
    acted: int = 0

    def caller(self) -> Caller:
        return Caller(ORGANIZATION, f"agent-{self.name}", Role.ADMIN)


_template: sqlite3.Connection | None = None


def new_database() -> DatabaseWrapper:
    """A migrated database with the organization in it."""
    global _template
    if _template is None:
        first = empty_database()
        with using(first):
            call_command("migrate", verbosity=0)
        _template = first.connection
    database = empty_database()
    database.ensure_connection()
    _template.backup(database.connection)
    return database


def empty_database() -> DatabaseWrapper:
    defaults = {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": ":memory:",
        "ATOMIC_REQUESTS": False,
        "AUTOCOMMIT": True,
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": False,
        "OPTIONS": {"transaction_mode": "IMMEDIATE"},
        "TIME_ZONE": None,
        "USER": "",
        "PASSWORD": "",
        "HOST": "",
        "PORT": "",
        "TEST": {},
    }
    return DatabaseWrapper(defaults, "default")


@contextmanager
def using(database: DatabaseWrapper) -> Iterator[None]:
    """It is Django's default database for as long."""
    before = connections["default"]
    connections["default"] = database
    try:
        yield
    finally:
        connections["default"] = before
