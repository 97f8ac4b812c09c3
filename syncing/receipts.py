"""Verdicts as a hub keeps them: the same entry again gets the same one (DESIGN §4)."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from contexts.errors import ContextError
from contexts.levels import Document
from contexts.models import Change, owned
from contexts.prepared import PreparedRow
from contexts.services import ForeignChange
from contexts.services.rows import redacted
from syncing.models import Receipt

BATCH = 500


class MutationReused(ContextError):
    code = "mutation_reused"

    def __init__(self) -> None:
        super().__init__("This mutation id came with another entry before.")


_OF_MUTATION = PreparedRow(
    lambda organization, node, mutation: owned(
        organization, Receipt, node=node, mutation_id=mutation
    ),
    *(str, str, UUID),
)


def find(organization_id: str, node: str, mutation_id: UUID) -> Receipt | None:
    """The receipt of a node's mutation."""
    found: Receipt | None = _OF_MUTATION.find(organization_id, node, mutation_id)
    return found


def expire() -> int:
    """Forgets receipts that are older than the history that is kept; returns how many.

    The log itself still tells what became of such a mutation, but for the conflict that it was
    part of, and a node whose edit was based on one sends that base along. Safe beside others that
    do the same, and to run again after it was broken off.
    """
    cutoff = timezone.now() - timedelta(days=settings.CONTEXTSYS_HISTORY_DAYS)
    old = Receipt.objects.filter(at__lt=cutoff).values_list("pk", flat=True)
    forgotten = 0
    while batch := list(old[:BATCH]):
        Receipt.objects.filter(pk__in=batch).delete()
        forgotten += len(batch)
    return forgotten


def told_by(receipt: Receipt) -> Document:
    """The verdict as it is answered, without the mutation's id."""
    return {
        "verdict": receipt.verdict,
        "seq": receipt.seq,
        "revision": receipt.revision,
        "conflict_id": str(receipt.conflict_id) if receipt.conflict_id else None,
        "code": None,
    }


def tells_of(pushed: ForeignChange, known: Change) -> bool:
    """Whether `known`, of our log, is the change that was pushed, whatever came of it here."""
    told = known.level, known.context_id, known.makes_version, known.actor, known.at
    if told != (*pushed.key, pushed.makes_version, pushed.actor, pushed.at):
        return False
    if pushed.makes_version:
        return known.revision == pushed.revision
    if known.entry is not None and pushed.entry is not None:
        theirs = pushed.entry.entry_id, redacted(pushed.entry.content)
        return bool((known.entry.entry_id, known.entry.content) == theirs)
    of_one_kind = known.operation == pushed.operation
    return of_one_kind and bool(_id_of(known.record) == _id_of(pushed.record))


def _id_of(record: Document | None) -> Any:
    return record.get("id") if record is not None else None
