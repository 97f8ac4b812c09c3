"""Mistakes of operation that every command tells of before it starts (Django's system checks)."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]", "::1"})
# What Django's own test runner adds.
TEST_HOSTS = frozenset({"testserver"})


def check_configuration(**_: Any) -> list[CheckMessage]:
    """Every mistake found, each naming its variable."""
    return list(_mistakes())


def _mistakes() -> Iterator[CheckMessage]:
    if not _writable(settings.CONTEXTSYS_HOME):
        yield Error(
            f"CONTEXTSYS_HOME is {settings.CONTEXTSYS_HOME}, which is no folder to write in.",
            id="contextsys.E001",
        )
    if settings.CONTEXTSYS_CLOUD_URL:
        yield Error(
            "CONTEXTSYS_CLOUD_URL is set, but this version does not sync with a hub yet.",
            hint="Unset CONTEXTSYS_CLOUD_URL.",
            id="contextsys.E002",
        )
        if not settings.CONTEXTSYS_CLOUD_KEY:
            yield Error(
                "CONTEXTSYS_CLOUD_KEY is missing: the hub that CONTEXTSYS_CLOUD_URL names asks "
                "for a key.",
                id="contextsys.E003",
            )
    if settings.DEBUG and (outside := set(settings.ALLOWED_HOSTS) - LOOPBACK - TEST_HOSTS):
        yield Error(
            "CONTEXTSYS_DEBUG is on and CONTEXTSYS_ALLOWED_HOSTS lets others in "
            f"({', '.join(sorted(outside))}): they would see the server's internals.",
            hint="Unset one of the two.",
            id="contextsys.E004",
        )
    engine: str = settings.DATABASES["default"]["ENGINE"]
    if engine.endswith("sqlite3") and not settings.CONTEXTSYS_EMBEDDED_CELERY:
        yield Warning(
            "CELERY_BROKER_URL is set, so several processes write, and the database is SQLite, "
            "where they wait for one another.",
            hint="Name a PostgreSQL database in DATABASE_URL.",
            id="contextsys.W001",
        )


def _writable(home: Path) -> bool:
    """Whether `home` is, or can be made, a folder to write in; nothing is made here."""
    for folder in (home, *home.parents):
        if folder.exists():
            return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
    return False
