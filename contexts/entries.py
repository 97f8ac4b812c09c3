"""Adding entries: progress, insights and actions. Append-only, whatever their number."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from contexts import services
from contexts.changes import Author, announce
from contexts.levels import Level
from contexts.models import Entry
from contexts.services.rows import redacted

CATEGORIES = ("technical", "business", "performance", "security", "discovery")
IMPORTANCES = ("low", "medium", "high", "critical")


@transaction.atomic
def add(
    author: Author,
    level: Level,
    context_id: str,
    kind: Entry.Kind,
    content: str,
    *,
    category: str = "",
    importance: str = "",
    agent: str = "",
    details: dict[str, Any] | None = None,
    entry_id: UUID | None = None,
    at: datetime | None = None,
    precondition: services.Precondition | None = None,
) -> Entry:
    """Adds an entry to a context; its version stays, the feed tells of it.

    `agent` is the author unless named. The same `entry_id` again returns the entry that is
    there. Raises `NotFound`, `RevisionMismatch`.
    """
    row = services.lock(level, author.organization_id, context_id)
    services.check_revision(row, precondition)
    if entry_id is not None:
        known = Entry.objects.filter(
            organization_id=author.organization_id, entry_id=entry_id
        ).first()
        if known is not None:
            return known
    entry = Entry(
        organization_id=author.organization_id,
        level=level.name,
        context_id=context_id,
        kind=kind,
        content=redacted(content),
        category=category,
        importance=importance,
        agent=agent or author.name,
        details=redacted(details or {}),
        created_at=at or timezone.now(),
    )
    if entry_id is not None:
        entry.entry_id = entry_id
    entry.save(force_insert=True)
    announce(
        author.organization_id,
        [services.remark(author, level, row, services.Operation.ENTRY_ADDED, entry=entry)],
    )
    return entry
