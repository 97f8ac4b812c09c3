"""Reading rows, and the shapes in which the API tells of them."""

from datetime import UTC, datetime

from django.db.models import QuerySet

from contexts.errors import NotFound
from contexts.levels import Document, Level
from contexts.models import Context, Delegation, Entry, owned


def timestamp(at: datetime) -> str:
    """A time as the API writes it: ISO 8601 in UTC with microseconds and `Z`."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def present(level: Level, row: Context) -> Document:
    """A context in the API's shape (CONTRACT §2); its parent must be loaded."""
    return {
        "level": level.name,
        "id": row.context_id,
        "organization_id": row.organization_id,
        **level.document(row),
        "version": row.version,
        "revision": row.revision,
        "created_at": timestamp(row.created_at),
        "updated_at": timestamp(row.updated_at),
        "updated_by": row.updated_by,
    }


def present_entry(entry: Entry) -> Document:
    """An entry in the API's shape; only insights have `category` and `importance`."""
    shown = {
        "id": str(entry.entry_id),
        "level": entry.level,
        "context_id": entry.context_id,
        "kind": entry.kind,
        "content": entry.content,
        "agent": entry.agent,
        "created_at": timestamp(entry.created_at),
    }
    if entry.kind == Entry.Kind.INSIGHT:
        shown |= {"category": entry.category, "importance": entry.importance}
    if entry.kind == Entry.Kind.ACTION:
        shown["details"] = entry.details
    return shown


def present_delegation(delegation: Delegation) -> Document:
    """A delegation in the API's shape."""
    decided = delegation.decided_at
    return {
        "id": str(delegation.delegation_id),
        "level": delegation.level,
        "context_id": delegation.context_id,
        "delegate_to": delegation.target_level,
        "target_id": delegation.target_id,
        "delegate_data": delegation.data,
        "delegation_reason": delegation.reason,
        "status": delegation.status,
        "requested_by": delegation.requested_by,
        "created_at": timestamp(delegation.created_at),
        "decided_by": delegation.decided_by or None,
        "decided_at": timestamp(decided) if decided else None,
    }


def _find(level: Level, organization_id: str, context_id: str) -> QuerySet[Context]:
    return owned(organization_id, level.model, context_id=context_id)


def ancestor_id(level: Level, organization_id: str, context_id: str, ancestor: Level) -> str:
    """The id of a context's ancestor of that level. Raises `NotFound`."""
    path = f"{level.path_to(ancestor)}__context_id"
    found = _find(level, organization_id, context_id).values_list(path, flat=True).first()
    if found is None:
        raise NotFound
    return str(found)


def entries_of(organization_id: str, level: Level, context_id: str) -> QuerySet[Entry]:
    """The entries of a context, newest first."""
    return owned(organization_id, Entry, level=level.name, context_id=context_id).order_by(
        "-created_at", "-id"
    )
