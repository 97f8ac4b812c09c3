"""Conflicts as the feed tells of them, and as rows: opened by a hub, settled anywhere."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from django.utils import timezone

from contexts.errors import Invalid
from contexts.identifiers import uuid7
from contexts.levels import LEVELS, Document
from contexts.models import Change, owned
from contexts.prepared import PreparedRow
from contexts.queries import timestamp
from contexts.services import ForeignChange
from contexts.services.members import context_id_of, optional_of, text_of, time_of, uuid_of
from contexts.statements import insert
from syncing.conflicts import Strategy
from syncing.models import Conflict

Status = Conflict.Status
# How one is settled that is settled with data of its own.
OWN = "data"
_CONFLICT = PreparedRow(
    lambda organization, conflict_id: owned(
        organization, Conflict, conflict_id=conflict_id
    ).select_for_update(no_key=True),
    *(str, UUID),
)


def opened(
    conflict_id: UUID,
    edit: ForeignChange,
    base: Document | None,
    ours: Document | None,
    theirs: Document | None,
    *,
    paths: tuple[str, ...],
    rest_applied: bool,
) -> Document:
    """The record of a new conflict over `edit`; documents hold the writable fields."""
    return {
        "id": str(conflict_id),
        "level": edit.level.name,
        "context_id": edit.context_id,
        "base": base,
        "ours": ours,
        "theirs": theirs,
        "paths": list(paths),
        "rest_applied": rest_applied,
        "status": Status.OPEN.value,
        "actor": edit.actor,
        "at": timestamp(timezone.now()),
    }


def settled(conflict: Conflict) -> Document:
    """The record of a conflict that was settled."""
    at = conflict.resolved_at
    return {
        "id": str(conflict.conflict_id),
        "level": conflict.level,
        "context_id": conflict.context_id,
        "status": conflict.status,
        "strategy": conflict.strategy,
        "resolved_by": conflict.resolved_by,
        "resolved_at": timestamp(at) if at is not None else None,
    }


def news(
    at: ForeignChange, record: Document, operation: str = Change.Operation.CONFLICT
) -> ForeignChange:
    """A change that tells of a conflict (or delegation) at the version `at`, and makes none."""
    return replace(
        at,
        operation=operation,
        makes_version=False,
        parent_revision="",
        document=None,
        record=record,
        entry=None,
        origin_node="",
        mutation_id=uuid7(),
        at=timezone.now(),
    )


def standing(organization_id: str, record: Any) -> Document | None:
    """`record`, or when the same conflict was settled here before, how that was."""
    conflict = _named(organization_id, record)
    if conflict is not None and conflict.status == Status.RESOLVED:
        return settled(conflict)
    return record if isinstance(record, dict) else None


def settled_otherwise(organization_id: str, record: Any) -> bool:
    """Whether the conflict that `record` settles was settled here before, and in another way."""
    before = standing(organization_id, record)
    if before is None or before is record:
        return False
    # Own data may be any: two that say so need not mean the same.
    return before["strategy"] == OWN or bool(before["strategy"] != record.get("strategy"))


def check(change: ForeignChange) -> None:
    """Raises `Invalid` for a record of a conflict that nobody could settle."""
    record = change.record
    if change.operation != Change.Operation.CONFLICT or record is None:
        return
    status = text_of(record, "status", 10)
    if status not in Status.values:
        raise Invalid({"record": ["Unknown status of a conflict."]})
    if status == Status.RESOLVED:
        if record.get("strategy") not in (*Strategy, OWN):
            raise Invalid({"record": ["Unknown strategy."]})
        return
    if (record.get("level"), record.get("context_id")) != change.key:
        raise Invalid({"record": ["This conflict is over another context."]})
    for name in ("base", "ours", "theirs"):
        if (side := optional_of(record, name)) is not None:
            change.level.checked(side)


def note(organization_id: str, record: Any) -> None:
    """Brings the conflict's row up to date with what the feed tells of it.

    The first record of a settlement is the one that holds; those after it repeat it (`standing`),
    so the last is taken. Raises `Invalid` for a record that is none.
    """
    conflict = _named(organization_id, record)
    status = text_of(record, "status", 10)
    if conflict is None and status == Status.OPEN:
        level = LEVELS.get(text_of(record, "level", 10))
        if level is None:
            raise Invalid({"record": ["A conflict is over a context of a level."]})
        insert(
            [
                Conflict(
                    conflict_id=uuid_of(record, "id"),
                    organization_id=organization_id,
                    level=level.name,
                    context_id=context_id_of(record, "context_id", level),
                    base=optional_of(record, "base"),
                    ours=optional_of(record, "ours"),
                    theirs=optional_of(record, "theirs"),
                    paths=_paths(record),
                    rest_applied=bool(record.get("rest_applied", True)),
                    actor=text_of(record, "actor", 150),
                    at=time_of(record, "at"),
                ),
            ]
        )
    elif conflict is not None and status == Status.RESOLVED:
        conflict.status = Status.RESOLVED
        conflict.strategy = text_of(record, "strategy", 10)
        conflict.resolved_by = text_of(record, "resolved_by", 150)
        conflict.resolved_at = time_of(record, "resolved_at")
        conflict.save()


def _paths(record: Document) -> list[str]:
    paths = record.get("paths", [])
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise Invalid({"record": ["The paths of a conflict are a list of texts."]})
    return paths


def _named(organization_id: str, record: Any) -> Conflict | None:
    if not isinstance(record, dict):
        return None
    found: Conflict | None = _CONFLICT.find(organization_id, uuid_of(record, "id"))
    return found
