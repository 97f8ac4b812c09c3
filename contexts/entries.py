"""Adding entries: progress, insights and actions. Append-only, whatever their number."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from contexts import services
from contexts.changes import Author, announce
from contexts.errors import IdTaken
from contexts.identifiers import uuid7
from contexts.levels import LEVELS, Level
from contexts.models import Context, Entry
from contexts.services.rows import last_version, redacted
from contexts.statements import insert

CATEGORIES = ("technical", "business", "performance", "security", "discovery")
LONGEST_AGENT = 150
IMPORTANCES = ("low", "medium", "high", "critical")


@dataclass(frozen=True)
class Draft:
    """An entry before it is added. Left out: the author's name, a new id, now.

    An unfinished one is there at once, but the feed, and so every other node, hears of it only
    when `finish` has given it the rest: outside, an entry never changes.
    """

    kind: Entry.Kind
    content: str
    category: str = ""
    importance: str = ""
    agent: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    entry_id: UUID | None = None
    at: datetime | None = None
    unfinished: bool = False


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
    there. Raises `NotFound`, `RevisionMismatch`, `IdTaken` as `add_many` does.
    """
    row = services.lock(level, author.organization_id, context_id)
    services.check_revision(row, precondition)
    draft = Draft(kind, content, category, importance, agent, details or {}, entry_id, at)
    if entry_id is not None and (known := _known(author, [draft])):
        return known[entry_id]
    return _append(author, level, row, [draft])[0]


@transaction.atomic
def add_many(author: Author, level: Level, context_id: str, drafts: Sequence[Draft]) -> list[Entry]:
    """Adds those of `drafts` whose ids are not there yet; returns the new entries.

    Raises `NotFound`, and `IdTaken` for an entry id of another organization.
    """
    row = services.lock(level, author.organization_id, context_id)
    known = set(_known(author, drafts))
    fresh = []
    for draft in drafts:
        if draft.entry_id not in known:
            fresh.append(draft)
            known |= {draft.entry_id} - {None}
    return _append(author, level, row, fresh)


def _known(author: Author, drafts: Sequence[Draft]) -> dict[UUID | None, Entry]:
    """The entries of the organization that have the drafts' ids. Raises `IdTaken`."""
    ids = [draft.entry_id for draft in drafts if draft.entry_id is not None]
    found: dict[UUID | None, Entry] = {}
    for entry in Entry.objects.filter(entry_id__in=ids):
        found[entry.entry_id] = entry
    # Entry ids are unique on the instance, not in the organization alone.
    if any(entry.organization_id != author.organization_id for entry in found.values()):
        raise IdTaken("There is an entry with this id already.")
    return found


def _append(author: Author, level: Level, row: Context, drafts: Sequence[Draft]) -> list[Entry]:
    entries = [
        Entry(
            entry_id=draft.entry_id or uuid7(),
            organization_id=author.organization_id,
            level=level.name,
            context_id=row.context_id,
            kind=draft.kind,
            content=redacted(draft.content),
            category=draft.category,
            importance=draft.importance,
            agent=redacted(draft.agent or author.name)[:LONGEST_AGENT],
            details=redacted(draft.details),
            created_at=draft.at or timezone.now(),
        )
        for draft in drafts
    ]
    insert(entries)
    announce(
        author.organization_id,
        [
            services.remark(author, level, row, services.Operation.ENTRY_ADDED, entry=entry)
            for entry, draft in zip(entries, drafts, strict=True)
            if not draft.unfinished
        ],
    )
    return entries


@transaction.atomic
def finish(author: Author, entry: Entry, draft: Draft) -> None:
    """Gives an unfinished entry the content and details of `draft`, and tells the feed of it.

    Its context may be deleted by now: the news is the entry's all the same.
    """
    level = LEVELS[entry.level]
    row = services.find_locked(level, entry.organization_id, entry.context_id)
    source = row or last_version(level, entry.organization_id, entry.context_id)
    entry.content, entry.details = redacted(draft.content), redacted(draft.details)
    entry.save(update_fields=["content", "details"])
    if source is not None:
        added = services.Operation.ENTRY_ADDED
        announce(
            entry.organization_id, [services.remark(author, level, source, added, entry=entry)]
        )
