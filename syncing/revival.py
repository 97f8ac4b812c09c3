"""Parents that were deleted below an edit: an edit outlives a deletion, and so does its place."""

from dataclasses import replace
from uuid import UUID

from django.utils import timezone

from contexts.documents import revision_of
from contexts.identifiers import uuid7
from contexts.levels import Document
from contexts.models import Change, versions
from contexts.services import ForeignChange, foreign
from syncing import conflict_records
from syncing.bases import Unready
from syncing.reconciling import WHOLE, fields_of


def parents_again(
    organization_id: str, edit: ForeignChange, document: Document | None
) -> list[ForeignChange]:
    """The deleted parents of a document that is to stay, made again, topmost first.

    Raises `Unready` when one of them never was here.
    """
    found: list[ForeignChange] = []
    level = edit.level
    while document is not None and level.parent is not None and level.names_its_parent:
        context_id = str(document[level.parent_field])
        level = level.parent
        if level.rows(organization_id, context_id=context_id).exists():
            break
        logged = versions(organization_id, level.name, context_id)
        tombstone, last = logged.first(), logged.filter(document__isnull=False).first()
        if tombstone is None or last is None:
            raise Unready("parent_missing")
        document = last.document
        found.append(_again(last, tombstone, edit.actor))
    return found[::-1]


def _again(last: Change, tombstone: Change, actor: str) -> ForeignChange:
    version = tombstone.version + 1
    return replace(
        foreign.of(last),
        operation=Change.Operation.CREATED,
        version=version,
        parent_revision=tombstone.revision,
        revision=revision_of(version, tombstone.revision, last.document),
        record=None,
        actor=actor,
        origin_node="",
        mutation_id=uuid7(),
        at=timezone.now(),
    )


def conflict_of(parent: ForeignChange) -> tuple[UUID, ForeignChange]:
    """The conflict over a parent that was deleted and is there again, and what tells of it."""
    fields = fields_of(parent.level.parent_field, parent.document)
    conflict_id = uuid7()
    record = conflict_records.opened(
        conflict_id, parent, fields, None, fields, paths=WHOLE, rest_applied=True
    )
    return conflict_id, conflict_records.news(parent, record)
