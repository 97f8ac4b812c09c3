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
from contexts.history import version_of
from contexts.levels import Document
from contexts.models import Change, owned
from contexts.prepared import PreparedRow
from contexts.services import foreign
from syncing import wire
from syncing.journal import LONGEST_BACKOFF, State
from syncing.models import JournalEntry, Lane

# Longer than a push may take, shorter than anyone should wait after a worker was killed.
LEASE = timedelta(seconds=15)
LONGEST = timedelta(seconds=LONGEST_BACKOFF)


def _is_over(column: str, now: datetime, far: datetime) -> Q:
    """Whether a time that was set ahead is over.

    One after `far` is of a clock that was put back since: nobody waits for that day. `far` is
    twice as far ahead as any is set, as another worker may set one after we read `now`.
    """
    return Q(**{f"{column}__lte": now}) | Q(**{f"{column}__gt": far})


_DUE = PreparedRow(
    lambda organization, now, leased, put_off: (
        owned(organization, JournalEntry, state=State.PENDING)
        .filter(
            _is_over("lane__lease_until", now, leased) | Q(lane__lease_until=None),
            _is_over("lane__next_attempt_at", now, put_off),
        )
        .select_related("lane")
        .order_by("seq")
    ),
    *(str, datetime, datetime, datetime),
)
_CLAIMED = PreparedRow(
    lambda organization, token, lanes: (
        owned(organization, JournalEntry, state=State.PENDING, lane__in=lanes)
        .filter(lane__lease_token=token)
        .select_related("lane", "change", "change__entry")
        .order_by("seq")
    ),
    *(str, str, [int]),
)


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
    due = _DUE.all(organization_id, now, now + 2 * LEASE, now + 2 * LONGEST, most=most)
    lanes = {entry.lane_id: entry.lane for entry in due}
    if not lanes:
        return None
    first = next(iter(lanes.values()))
    if _fails_alone(first):
        lanes = {first.pk: first}
    else:
        lanes = {pk: lane for pk, lane in lanes.items() if not _fails_alone(lane)}
    token = secrets.token_hex(16)
    Lane.objects.filter(
        _is_over("lease_until", now, now + 2 * LEASE) | Q(lease_until=None), pk__in=lanes
    ).update(lease_until=now + LEASE, lease_token=token)
    entries = _CLAIMED.all(organization_id, token, lanes, most=most)
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
    parent = version_of(
        change.organization_id, change.level, change.context_id, change.parent_revision
    )
    return parent.document if parent is not None else None


def release(batch: Batch) -> None:
    """Gives the lanes of a batch free."""
    Lane.objects.filter(lease_token=batch.token).update(lease_until=None, lease_token="")
