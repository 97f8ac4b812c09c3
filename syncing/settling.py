"""Settling a conflict: what becomes current is a change like any other, and travels as one."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from contexts import services
from contexts.access import Caller, require_deletion
from contexts.changes import announce
from contexts.errors import AlreadyDecided, ContextError, Invalid, NotFound, RevisionMismatch
from contexts.levels import LEVELS, Document, Level
from contexts.models import Change, Context, Feed, owned, versions
from contexts.queries import timestamp
from contexts.services.rows import last_version
from syncing import conflict_records
from syncing.conflicts import Strategy, settle
from syncing.models import Conflict

Operation = Change.Operation


def present(conflict: Conflict) -> Document:
    """A conflict in the API's shape (CONTRACT §4)."""
    at = conflict.resolved_at
    return {
        "id": str(conflict.conflict_id),
        "level": conflict.level,
        "context_id": conflict.context_id,
        "base": conflict.base,
        "ours": conflict.ours,
        "theirs": conflict.theirs,
        "paths": conflict.paths,
        "status": conflict.status,
        "at": timestamp(conflict.at),
        "actor": conflict.actor,
        "strategy": conflict.strategy or None,
        "resolved_by": conflict.resolved_by or None,
        "resolved_at": timestamp(at) if at is not None else None,
    }


def outcome(
    conflict: Conflict, strategy: Strategy | None, current: Document | None, data: Any = None
) -> Document | None:
    """The writable fields that settling so would make current; None: the context goes."""
    return settle(
        strategy,
        str(conflict.conflict_id),
        conflict.base,
        conflict.ours,
        conflict.theirs,
        current,
        rest_applied=conflict.rest_applied,
        own_data=data,
    )


@transaction.atomic
def resolve(
    caller: Caller,
    conflict_id: UUID,
    strategy: Strategy | None,
    data: Document | None = None,
    precondition: services.Precondition | None = None,
) -> Context | Change:
    """Settles an open conflict by `strategy`, or with `data` as the context's data.

    `precondition` gets the revision of the context, "" for one that is gone. Returns the context,
    or when it is gone now its last version. Raises `NotFound`, `AlreadyDecided`,
    `RevisionMismatch`, `HasChildren`, `Forbidden` for a deletion that is not the caller's to make,
    and what an edit raises.
    """
    known = owned(caller.organization_id, Conflict, conflict_id=conflict_id).first()
    if known is None:
        raise NotFound
    level = LEVELS[known.level]
    # Its context is the lock of a conflict: the feed brings others' decisions under it too.
    row = services.find_locked(level, caller.organization_id, known.context_id)
    conflict = _open(caller.organization_id, conflict_id)
    if row is not None:
        services.check_revision(row, precondition)
    elif precondition is not None and not precondition(""):
        raise RevisionMismatch("The context is deleted.")
    fields = outcome(conflict, strategy, level.values(row) if row is not None else None, data)
    conflict.status, conflict.strategy = Conflict.Status.RESOLVED, strategy or conflict_records.OWN
    conflict.resolved_by, conflict.resolved_at = caller.name, timezone.now()
    record = conflict_records.settled(conflict)
    if row is not None and fields is not None:
        return services.update(
            caller,
            level,
            conflict.context_id,
            lambda _: fields,
            operation=Operation.CONFLICT,
            record=record,
        )
    if row is not None:
        require_deletion(caller, level)
        services.delete(caller, level, conflict.context_id)
    made = None
    if row is None:
        made = _with_no_row(caller, level, conflict, fields)
    last = last_version(level, caller.organization_id, conflict.context_id)
    if last is None:
        raise Invalid({"context_id": ["The context is not here yet."]})
    announce(
        caller.organization_id,
        [services.remark(caller, level, last, Operation.CONFLICT, record=record)],
    )
    return made if made is not None else last


def _open(organization_id: str, conflict_id: UUID) -> Conflict:
    conflict = owned(organization_id, Conflict, conflict_id=conflict_id).get()
    if conflict.status != Conflict.Status.OPEN:
        raise AlreadyDecided(f"This conflict was settled already ({conflict.strategy}).")
    return conflict


def _with_no_row(
    caller: Caller, level: Level, conflict: Conflict, fields: Document | None
) -> Context | None:
    """The context made again from `fields`, or None when it stays gone.

    Nothing was locked so far. Here the log's counter is, so a decision of others that came
    between is seen now.
    """
    made = None
    try:
        if fields is not None:
            made = _make(caller, level, conflict.context_id, fields)
        else:
            owned(caller.organization_id, Feed).select_for_update(no_key=True).get()
    except ContextError:
        _open(caller.organization_id, conflict.conflict_id)
        raise
    _open(caller.organization_id, conflict.conflict_id)
    return made


def _make(caller: Caller, level: Level, context_id: str, fields: Document) -> Context:
    """The context made again, where it last was."""
    logged = versions(caller.organization_id, level.name, context_id)
    last = logged.filter(document__isnull=False).first()
    parent_ids = {}
    if level.names_its_parent and last is not None and last.document is not None:
        parent_ids[level.parent_field] = last.document[level.parent_field]
    return services.create(caller, level, fields, context_id=context_id, parent_ids=parent_ids)
