"""Getting an instance ready: tables, and at the first start an organization and two callers."""

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor

from contexts import agents, services
from contexts.changes import Author
from contexts.levels import GLOBAL
from contexts.models import Agent, GlobalContext, Membership, Role
from syncing.identity import start_anew
from syncing.link import begin_afresh

ADMIN = "admin"
FIRST_AGENT = "first-agent"
CREDENTIALS = "credentials.json"
# Any number that no other program on the database uses for its advisory locks.
ADVISORY_LOCK = 0x636F6E74657874


def prepare() -> tuple[int, dict[str, str]]:
    """Makes the instance ready to serve.

    Returns how many migrations were applied, and the credentials that were made: none but at
    the first start. Several processes may do this at once, one after the other does it.
    """
    settings.CONTEXTSYS_HOME.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone():
        applied, credentials = migrate(), make_credentials()
        start_anew()
        if settings.CONTEXTSYS_EMBEDDED_CELERY:
            begin_afresh()
        return applied, credentials


def migrate() -> int:
    """Brings the tables up to date; returns how many migrations that took."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    call_command("migrate", verbosity=0, interactive=False)
    return len(plan)


@contextmanager
def _alone() -> Iterator[None]:
    """Keeps others out: by a file those with this home, on PostgreSQL those with this database."""
    with (settings.CONTEXTSYS_HOME / ".start.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if connection.vendor != "postgresql":
            yield
            return
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [ADVISORY_LOCK])
        try:
            yield
        finally:
            # When the connection is gone, so is the lock.
            if connection.is_usable():
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_advisory_unlock(%s)", [ADVISORY_LOCK])


@transaction.atomic
def make_credentials() -> dict[str, str]:
    """An admin user on an instance without users, an agent on one without agents.

    The file is complete on the disk before the commit: an instance whose credentials nobody
    knows cannot be. Broken off in between, the database has neither, and the next start makes
    both anew and writes over the file.
    """
    made: dict[str, str] = {}
    organization_id: str = settings.CONTEXTSYS_ORGANIZATION
    without_users, without_agents = not User.objects.exists(), not Agent.objects.exists()
    if not (without_users or without_agents):
        return made
    if not GlobalContext.objects.filter(context_id=organization_id).exists():
        author = Author(organization_id, "serve")
        services.create(author, GLOBAL, {}, context_id=organization_id)
    if without_users:
        password = secrets.token_urlsafe(18)
        user = User.objects.create_superuser(ADMIN, password=password)
        Membership.objects.create(user=user, organization_id=organization_id, role=Role.ADMIN)
        made |= {"admin_username": ADMIN, "admin_password": password}
    if without_agents:
        key = agents.issue_key(FIRST_AGENT, organization_id, Role.ADMIN)
        made |= {"agent_id": FIRST_AGENT, "agent_key": key}
    keep(settings.CONTEXTSYS_HOME / CREDENTIALS, made)
    return made


def keep(path: Path, made: dict[str, str]) -> None:
    """Adds `made` to the file of credentials, mode 0600; it is never there in part."""
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump({**_kept(path), **made}, file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _kept(path: Path) -> dict[str, Any]:
    try:
        kept = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}
