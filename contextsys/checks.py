"""Mistakes of operation that every command tells of before it starts (Django's system checks)."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning

from contexts.extraction import patterns, trees
from syncing.addresses import is_key, secure

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
    if settings.CONTEXTSYS_PATTERNS is not None:
        yield from _pattern_mistakes(settings.CONTEXTSYS_PATTERNS)
    if settings.CONTEXTSYS_CLOUD_URL:
        yield from _hub_mistakes(settings.CONTEXTSYS_CLOUD_URL, settings.CONTEXTSYS_CLOUD_KEY)
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


def _hub_mistakes(url: str, key: str) -> Iterator[CheckMessage]:
    """What is wrong with the hub's address and key; neither is repeated, both may be secret."""
    if not (secure(url) or settings.CONTEXTSYS_CLOUD_INSECURE):
        yield Error(
            "CONTEXTSYS_CLOUD_URL is http:// to another machine: the key would travel readable.",
            hint="Use https://, or set CONTEXTSYS_CLOUD_INSECURE=on in a network you trust.",
            id="contextsys.E002",
        )
    if not key:
        yield Error(
            "CONTEXTSYS_CLOUD_KEY is missing: the hub that CONTEXTSYS_CLOUD_URL names asks "
            "for a key.",
            id="contextsys.E003",
        )
    elif not is_key(key):
        yield Error(
            "CONTEXTSYS_CLOUD_KEY has characters that no key has: spaces, line ends or letters "
            "beyond ASCII.",
            id="contextsys.E006",
        )
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    if (
        not parts.hostname
        or "@" in parts.netloc
        or re.search(r"[^!-~]|[?#]", url)
        or not re.fullmatch(r"(/[\w.~-]+)*", path, re.ASCII)
        or re.search(r"/(\.{1,2}|api)(/|$)", path)
    ):
        yield Error(
            "CONTEXTSYS_CLOUD_URL must be the address that the hub's own pages begin with: a host, "
            "at most a port and a path, and no user, password, query, fragment or /api/.",
            id="contextsys.E005",
        )


def _pattern_mistakes(path: Path) -> Iterator[CheckMessage]:
    if mistake := patterns.mistake_in(path):
        yield Error(
            f"CONTEXTSYS_PATTERNS is {path}, which cannot be used: {mistake}",
            hint="Mend or remove the file.",
            id="contextsys.E007",
        )
    elif not trees.installed():
        yield Warning(
            f"CONTEXTSYS_PATTERNS is {path}, but nothing looks for patterns: ast-grep is missing.",
            hint="pip install 'contextsys[patterns]'",
            id="contextsys.W002",
        )


def _writable(home: Path) -> bool:
    """Whether `home` is, or can be made, a folder to write in; nothing is made here."""
    for folder in (home, *home.parents):
        if folder.exists():
            return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
    return False
