"""Changing and deleting contexts."""

from collections.abc import Callable
from typing import Any

from django.db import transaction

from contexts import statements
from contexts.changes import Author, announce
from contexts.errors import Gone, HasChildren, NotFound, RevisionMismatch
from contexts.levels import CHILD, Document, Level
from contexts.models import Context
from contexts.services.creating import create
from contexts.services.rows import (
    VERSION_COLUMNS,
    Operation,
    Precondition,
    check_revision,
    find_locked,
    lock,
    next_version,
    redacted,
    remark,
    version_of,
)

# Rows a statement: databases take only so many parameters.
BATCH = 500
# What a deletion needs not know of its rows.
UNREAD = ("data", "metadata")


def update(
    author: Author,
    level: Level,
    context_id: str,
    edit: Callable[[Document], Any],
    *,
    precondition: Precondition | None = None,
    operation: str = Operation.UPDATED,
    record: Document | None = None,
) -> Context:
    """Applies `edit` to the writable fields under the row's lock; returns the context.

    `edit` gets the fields by name, must not alter them and returns the new ones. An edit that
    changes nothing makes no version; it is announced only when it carries a `record`.
    Raises `NotFound`, `RevisionMismatch`, `Invalid`, `DocumentTooLarge` and what `edit` raises.
    """
    with transaction.atomic():
        row = lock(level, author.organization_id, context_id)
        check_revision(row, precondition)
        before = level.values(row)
        after = level.checked(redacted(edit(before)))
        if changed := level.changed(before, after):
            level.assign(row, after)
            change = next_version(author, level, row, operation, record)
            # Only what changed: a row's search vector is made anew when its document is written.
            statements.update(row, [*changed, *VERSION_COLUMNS])
            announce(author.organization_id, [change])
        elif record is not None:
            announce(author.organization_id, [remark(author, level, row, operation, record=record)])
        return row


@transaction.atomic
def delete(
    author: Author,
    level: Level,
    context_id: str,
    *,
    cascade: bool = False,
    precondition: Precondition | None = None,
) -> None:
    """Deletes a context, with `cascade` all below it too, each as a change of its own.

    Raises `NotFound`, `RevisionMismatch`, `HasChildren`.
    """
    row = lock(level, author.organization_id, context_id)
    check_revision(row, precondition)
    doomed: list[tuple[Level, list[Context]]] = [(level, [row])]
    below = CHILD.get(level.name)
    while below is not None:
        within = {f"{below.path_to(level)}__pk": row.pk}
        found = below.rows(author.organization_id, **within).order_by("pk")
        if not cascade and found.exists():
            raise HasChildren("The context has children; ?cascade=true deletes them too.")
        locked = found.defer(*UNREAD).select_for_update(of=("self",))
        doomed.append((below, list(locked)))
        below = CHILD.get(below.name)
    changes = []
    for each, rows in reversed(doomed):
        changes += [next_version(author, each, gone, Operation.DELETED) for gone in rows]
        for start in range(0, len(rows), BATCH):
            keys = [gone.pk for gone in rows[start : start + BATCH]]
            each.model._default_manager.filter(pk__in=keys).delete()
    announce(author.organization_id, changes)


@transaction.atomic
def revert(
    author: Author,
    level: Level,
    context_id: str,
    version: int,
    *,
    precondition: Precondition | None = None,
) -> Context:
    """Makes the document of an old version the newest one; a deleted context comes back.

    Raises `NotFound` for a version that never was (or was a deletion), `Gone` for a compacted
    one, `ParentMissing` when the parent of a deleted context is gone too.
    """
    row = find_locked(level, author.organization_id, context_id)
    old = version_of(level, author.organization_id, context_id, version)
    if old.document is None:
        raise NotFound if old.operation == Operation.DELETED else Gone("That version is compacted.")
    values = {field.name: old.document.get(field.name, field.default()) for field in level.fields}
    if row is not None:
        return update(author, level, context_id, lambda _: values, precondition=precondition)
    if precondition is not None:
        raise RevisionMismatch("The context is deleted.")
    return create(
        author,
        level,
        values,
        context_id=context_id,
        parent_ids={level.parent_field: old.document[level.parent_field]},
    )
