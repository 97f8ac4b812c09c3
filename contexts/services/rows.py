"""What all writers of context rows share: locks, preconditions, the next version."""

import json
from collections.abc import Callable, Collection
from functools import partial
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from contexts import merging, redaction
from contexts.changes import Author
from contexts.documents import revision_of
from contexts.errors import DocumentTooLarge, NotFound, RevisionMismatch
from contexts.levels import LEVELS, Document, Level
from contexts.models import Change, Context, versions
from contexts.prepared import PreparedRow

Operation = Change.Operation
PATHS_PER_BYTE = 8
Precondition = Callable[[str], bool]


def _locked(level: Level, organization_id: str, context_id: str) -> QuerySet[Context]:
    rows = level.rows(organization_id, context_id=context_id)
    return rows.select_for_update(of=("self",), no_key=True)


def _all_locked(
    level: Level, organization_id: str, context_ids: Collection[str]
) -> QuerySet[Context]:
    rows = level.rows(organization_id, context_id__in=context_ids).order_by("pk")
    return rows.select_for_update(of=("self",), no_key=True)


_ALL_LOCKED = {
    name: PreparedRow(partial(_all_locked, level), str, [str]) for name, level in LEVELS.items()
}
_LOCKED = {name: PreparedRow(partial(_locked, level), str, str) for name, level in LEVELS.items()}


def _check_transaction() -> None:
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("A lock needs a transaction.")


def find_locked(level: Level, organization_id: str, context_id: str) -> Context | None:
    """The row, locked until the transaction ends, its parent loaded; None when missing."""
    _check_transaction()
    found: Context | None = _LOCKED[level.name].find(organization_id, context_id)
    return found


def find_all_locked(
    level: Level, organization_id: str, context_ids: Collection[str]
) -> list[Context]:
    """The rows that there are of those contexts, locked in one order for everybody."""
    _check_transaction()
    found: list[Context] = _ALL_LOCKED[level.name].all(organization_id, context_ids)
    return found


def lock(level: Level, organization_id: str, context_id: str) -> Context:
    """Like `find_locked`, but raises `NotFound`."""
    row = find_locked(level, organization_id, context_id)
    if row is None:
        raise NotFound
    return row


def check_revision(row: Context, precondition: Precondition | None) -> None:
    """Raises `RevisionMismatch` unless the caller's `If-Match` accepts the row's revision."""
    if precondition is not None and not precondition(row.revision):
        raise RevisionMismatch(
            f"The context is at revision {row.revision} by now.", revision=row.revision
        )


def redacted(values: Any) -> Any:
    """`values` without secrets, unless `CONTEXTSYS_REDACT` is off."""
    if not settings.CONTEXTSYS_REDACT:
        return values
    return redaction.redact(values)


# What `next_version` sets on a row.
VERSION_COLUMNS = ("version", "revision", "updated_at", "updated_by")


def next_version(
    author: Author,
    level: Level,
    row: Context,
    operation: str,
    record: Document | None = None,
) -> Change:
    """Gives `row` (not saved here) its next version and returns the change that tells of it."""
    document = None if operation == Operation.DELETED else level.document(row)
    refuse_too_large(document)
    parent_revision, row.version = row.revision, row.version + 1
    row.revision = revision_of(row.version, parent_revision, document)
    row.updated_at, row.updated_by = timezone.now(), author.name
    return _change(
        author,
        level,
        row,
        operation,
        parent_revision=parent_revision,
        makes_version=True,
        document=document,
        record=record,
        at=row.updated_at,
    )


def document_limit() -> int:
    """How many bytes a document's JSON may have."""
    limit: int = settings.CONTEXTSYS_MAX_DOCUMENT_BYTES
    return limit


def refuse_too_large(document: Document | None) -> None:
    """Raises `DocumentTooLarge` for a version that is, or whose paths are together."""
    limit = document_limit()
    # Less what was left out: a body of exactly the limit fits.
    told = {name: value for name, value in (document or {}).items() if value}
    text = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
    if len(text.encode()) > limit:
        raise DocumentTooLarge(f"The document would be larger than {limit} bytes.")
    # `sources` and `history` name leaves by their paths, and a few long keys above many leaves
    # would make answers of any size.
    if merging.path_length(document) > PATHS_PER_BYTE * limit:
        raise DocumentTooLarge(
            "The keys above the document's values are too long for their number."
        )


def remark(
    author: Author, level: Level, row: Context | Change, operation: str, **body: Any
) -> Change:
    """An unsaved change that tells of something at `row` without making a version of it."""
    return _change(author, level, row, operation, makes_version=False, at=timezone.now(), **body)


def _change(
    author: Author, level: Level, row: Context | Change, operation: str, **more: Any
) -> Change:
    return Change(
        level=level.name,
        context_id=row.context_id,
        path=row.path if isinstance(row, Change) else level.path(row),
        operation=operation,
        version=row.version,
        revision=row.revision,
        actor=author.name,
        **more,
    )


def _without_document(organization_id: str, level: str, context_id: str) -> QuerySet[Change]:
    return versions(organization_id, level, context_id).defer("document")


_LAST = PreparedRow(_without_document, str, str, str)


def last_version(level: Level, organization_id: str, context_id: str) -> Change | None:
    """The newest version in the log, deletions included."""
    found: Change | None = _LAST.find(organization_id, level.name, context_id)
    return found


def version_of(level: Level, organization_id: str, context_id: str, version: int) -> Change:
    """The change that made that version. Raises `NotFound`."""
    change = versions(organization_id, level.name, context_id).filter(version=version).first()
    if change is None:
        raise NotFound
    return change
