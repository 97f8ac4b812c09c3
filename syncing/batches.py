"""What is sent next of the journal: claimed by one worker, in order within each context.

A worker claims lanes by a conditional UPDATE: row locks with SKIP LOCKED would reorder edits, and
SQLite ignores them silently.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone

from contexts.documents import to_json
from contexts.levels import Document
from contexts.models import Change, owned
from contexts.services import foreign
from syncing import wire
from syncing.journal import LONGEST_BACKOFF, State
from syncing.models import JournalEntry, Lane

# Longer than a push may take, shorter than anyone should wait after a worker was killed.
LEASE = timedelta(seconds=15)


@dataclass(frozen=True)
class Batch:
    """Claimed entries with what is sent of them, oldest first; `lanes` are leased by `token`."""

    token: str
    lanes: list[Lane]
    entries: list[JournalEntry]
    bodies: list[Document]


def claim(organization_id: str, node: str, most: int = wire.MOST_ENTRIES) -> Batch | None:
    """The next entries that are due, leased for `LEASE`; None when nothing is.

    A lane that failed on its own account is sent alone, so that it cannot fail others.
    """
    now = timezone.now()
    lane_is_free = _outside("lane__lease_until", now, LEASE) | Q(lane__lease_until=None)
    lane_is_due = _outside("lane__next_attempt_at", now, timedelta(seconds=LONGEST_BACKOFF))
    due = (
        owned(organization_id, JournalEntry, state=State.PENDING)
        .filter(lane_is_free, lane_is_due)
        .select_related("lane")
        .order_by("seq")[:most]
    )
    lanes = {entry.lane_id: entry.lane for entry in due}
    if not lanes:
        return None
    first = next(iter(lanes.values()))
    if _fails_alone(first):
        lanes = {first.pk: first}
    else:
        lanes = {pk: lane for pk, lane in lanes.items() if not _fails_alone(lane)}
    token = secrets.token_hex(16)
    is_free = _outside("lease_until", now, LEASE) | Q(lease_until=None)
    Lane.objects.filter(is_free, pk__in=lanes).update(lease_until=now + LEASE, lease_token=token)
    entries = list(
        owned(organization_id, JournalEntry, state=State.PENDING, lane__lease_token=token)
        .filter(lane__in=lanes)
        .select_related("lane", "change", "change__entry")
        .order_by("seq")[:most]
    )
    taken: list[JournalEntry] = []
    bodies: list[Document] = []
    size = 0
    for entry in entries:
        body = _body(entry, node)
        size += len(to_json(body))
        if taken and size > wire.BATCH_BYTES:
            break
        taken.append(entry)
        bodies.append(body)
    batch = Batch(token, list(lanes.values()), taken, bodies)
    if not taken:
        release(batch)
        return None
    return batch


def _outside(column: str, now: datetime, longest: timedelta) -> Q:
    """Whether a time that was set `longest` ahead at most is over.

    One much further ahead is of a clock that was put back since: nobody waits for that day. Not
    one a little further, which another worker may have set after we read `now`.
    """
    return Q(**{f"{column}__lte": now}) | Q(**{f"{column}__gt": now + 2 * longest})


def _fails_alone(lane: Lane) -> bool:
    return lane.attempts > 0 and not lane.waits_for_network


def _body(entry: JournalEntry, node: str) -> Document:
    change = entry.change
    body = wire.entry_of(foreign.write(change), node)
    if foreign.lost_a_secret(change, to_json(body)):
        body["redacted"] = True
    if entry.with_base:
        body["base"] = base_of(change)
    return body


def base_of(change: Change) -> Document | None:
    """The document of the version that `change` edited; None when there was none."""
    of_context = owned(
        change.organization_id, Change, level=change.level, context_id=change.context_id
    )
    parent = of_context.filter(revision=change.parent_revision, makes_version=True).first()
    return parent.document if parent is not None else None


def release(batch: Batch) -> None:
    """Gives the lanes of a batch free."""
    Lane.objects.filter(lease_token=batch.token).update(lease_until=None, lease_token="")
