"""Reading the change log: a context's versions, and the organization's feed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Max, Q, QuerySet

from contexts import merging
from contexts.errors import Gone, NotFound
from contexts.levels import Document, Level
from contexts.models import Change, Feed, owned, versions
from contexts.prepared import PreparedRow
from contexts.queries import timestamp

_VERSION = PreparedRow(
    lambda organization, level, context_id, revision: versions(
        organization, level, context_id
    ).filter(revision=revision),
    *[str] * 4,
)


def versions_of(level: Level, organization_id: str, context_id: str) -> QuerySet[Change]:
    """The versions of a context, newest first; also of a deleted one."""
    return versions(organization_id, level.name, context_id)


def version_of(organization_id: str, level: str, context_id: str, revision: str) -> Change | None:
    """The version of a context that has that revision."""
    found: Change | None = _VERSION.find(organization_id, level, context_id, revision)
    return found


def previous_of(change: Change) -> Change | None:
    """The version of the same context before the one that `change` made."""
    of_context = versions(change.organization_id, change.level, change.context_id)
    return of_context.filter(
        Q(version__lt=change.version) | Q(version=change.version, seq__lt=change.seq)
    ).first()


def present_versions(changes: Sequence[Change]) -> list[Document]:
    """A page of `history/`: versions with what each changed of the one before (RFC 6902).

    `changes` are of one context, newest first; `diff` is null where a document is compacted.
    """
    if not changes:
        return []
    earlier = [*changes[1:], previous_of(changes[-1])]
    return [
        {
            "version": change.version,
            "revision": change.revision,
            "actor": change.actor,
            "operation": change.operation,
            "at": timestamp(change.at),
            "diff": _diff(previous, change),
        }
        for change, previous in zip(changes, earlier, strict=True)
    ]


def _diff(previous: Change | None, change: Change) -> list[Document] | None:
    if _is_compacted(change) or (previous is not None and _is_compacted(previous)):
        return None
    before = previous.document if previous is not None else None
    return merging.diff(before or {}, change.document or {})


def _is_compacted(change: Change) -> bool:
    return change.document is None and change.operation != Change.Operation.DELETED


def present_version(level: Level, change: Change) -> Document:
    """One version in the context's own shape. Raises `NotFound` for a deletion, `Gone`."""
    if change.operation == Change.Operation.DELETED:
        raise NotFound
    if change.document is None:
        raise Gone("That version is compacted.")
    created = (
        versions_of(level, change.organization_id, change.context_id)
        .filter(operation=Change.Operation.CREATED, seq__lte=change.seq)
        .defer("document")
        .first()
    )
    return {
        "level": level.name,
        "id": change.context_id,
        "organization_id": change.organization_id,
        **change.document,
        "version": change.version,
        "revision": change.revision,
        "created_at": timestamp((created or change).at),
        "updated_at": timestamp(change.at),
        "updated_by": change.actor,
    }


@dataclass(frozen=True)
class Page:
    """A stretch of an organization's feed, gapless after the number that was asked for."""

    feed: Feed
    changes: list[Change]
    since: int

    def body(self) -> dict[str, Any]:
        """The answer of `changes/` (CONTRACT §2)."""
        reached = self.changes[-1].seq if self.changes else self.since
        return {
            "epoch": self.feed.epoch,
            "floor": self.feed.floor,
            "head": self.feed.head,
            "next": reached,
            "more": reached < self.feed.head,
            "changes": [present_change(change) for change in self.changes],
        }


def read_feed(organization_id: str, since: int, limit: int) -> Page:
    """Up to `limit` changes after number `since`.

    Raises `Gone` below the floor (compacted) and beyond the head (another epoch's number).
    """
    # The changes before the head: it is then never behind what was read.
    # What the feed tells has no documents in it, and they may be large.
    later = owned(organization_id, Change, seq__gt=since).defer("document", "record")
    changes = list(later.order_by("seq")[:limit])
    feed = owned(organization_id, Feed).get()
    if not feed.floor <= since <= feed.head:
        raise Gone(
            f"The feed goes from {feed.floor} to {feed.head}: read the contexts anew.",
            epoch=feed.epoch,
            floor=feed.floor,
            head=feed.head,
        )
    for expected, change in enumerate(changes, since + 1):
        if change.seq != expected:
            raise AssertionError(f"the feed of {organization_id} has a gap before {change.seq}")
    return Page(feed, changes, since)


def head_of(organization_id: str) -> int:
    """The number of the organization's newest change."""
    return owned(organization_id, Feed).aggregate(Max("head"))["head__max"] or 0


def present_change(change: Change) -> dict[str, Any]:
    """A change as subscribers hear of it (CONTRACT §3)."""
    return {
        "type": "context_changed",
        "level": change.level,
        "context_id": change.context_id,
        "change_type": change.operation,
        "changed_by": change.actor,
        "timestamp": timestamp(change.at),
        "version": change.version,
        "revision": change.revision,
        "seq": change.seq,
        "previous_seq": change.seq - 1,
    }
