"""The journal: our changes on their way to the hub, in order within each context.

Its rows are written in the change's own transaction; `syncing.batches` hands them to workers.
"""

import random
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, Min, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from contexts.history import head_of
from contexts.levels import LEVELS
from contexts.models import Change, owned
from contexts.prepared import Prepared, PreparedRow
from contexts.statements import insert, update
from syncing import wire
from syncing.models import JournalEntry, Lane, Link, unsettled

State = JournalEntry.State
Key = tuple[str, str]
LONGEST_BACKOFF = 300.0
SWEPT_AT_ONCE = 1000
_LANES = PreparedRow(
    lambda organization, level, ids: owned(
        organization, Lane, level=level, context_id__in=ids
    ).select_related("upstream"),
    *(str, str, [str]),
)
_MISSING = PreparedRow(
    lambda organization: owned(
        organization, JournalEntry, state=State.PENDING, last_error__in=wire.MISSING
    ).select_related("lane", "change"),
    str,
)


def pushable(organization_id: str) -> QuerySet[Change]:
    """The changes that a hub can take: not compacted, not withdrawn, not provisional."""
    news = (Change.Operation.ENTRY_ADDED, Change.Operation.DELEGATED, Change.Operation.CONFLICT)
    whole = Q(document__isnull=False) | Q(operation=Change.Operation.DELETED)
    return (
        owned(organization_id, Change)
        .filter(Q(makes_version=True) & whole | Q(makes_version=False, operation__in=news))
        .exclude(origin_node=wire.PROVISIONAL)
    )


def _past_it(organization_id: str, since: int, reached: int) -> QuerySet[Change]:
    """Changes that were written past the journal."""
    ours = pushable(organization_id).filter(seq__gt=since, seq__lte=reached, from_hub=False)
    return ours.exclude(Exists(JournalEntry.objects.filter(change=OuterRef("pk"))))


def _settled(organization_id: str, reached: int) -> QuerySet[JournalEntry]:
    applied = owned(
        organization_id, JournalEntry, state=State.SETTLED, verdict=wire.Verdict.APPLIED
    )
    return applied.filter(seq__lte=reached)


_LOCKED_LINK = PreparedRow(lambda organization: owned(organization, Link).select_for_update(), str)
_PAST_IT = PreparedRow(lambda *asked: _past_it(*asked).defer("document"), str, int, int)
_SETTLED = Prepared(lambda *asked: _settled(*asked).values_list("pk"), str, int)


def has_hub(organization_id: str) -> bool:
    """Whether this instance is a node of a hub in that organization."""
    organization: str = settings.CONTEXTSYS_ORGANIZATION
    return bool(settings.CONTEXTSYS_CLOUD_URL) and organization_id == organization


def lanes_of(organization_id: str, keys: Iterable[Key]) -> dict[Key, Lane]:
    """The lanes of contexts, made where there is none."""
    wanted = set(keys)
    found = find_lanes(organization_id, wanted)
    if missing := wanted - found.keys():
        made = [
            Lane(organization_id=organization_id, level=level, context_id=context_id)
            for level, context_id in sorted(missing)
        ]
        Lane.objects.bulk_create(made, ignore_conflicts=True)
        found |= find_lanes(organization_id, missing)
    return found


def find_lanes(organization_id: str, keys: set[Key]) -> dict[Key, Lane]:
    """The lanes that there are of those contexts, with what is upstream of them."""
    found = {}
    for level in {level for level, _ in keys}:
        ids = [context_id for name, context_id in keys if name == level]
        for lane in _LANES.all(organization_id, level, ids):
            found[lane.key] = lane
    return found


def record(organization_id: str, changes: Iterable[Change]) -> None:
    """Journals those of `changes` (just logged, in their transaction) that the hub must get."""
    _add(organization_id, [change for change in changes if not change.from_hub])


def _add(organization_id: str, changes: Sequence[Change]) -> None:
    if not changes:
        return
    lanes = lanes_of(organization_id, ((each.level, each.context_id) for each in changes))
    insert(
        [
            JournalEntry(
                organization_id=organization_id,
                lane=lanes[each.level, each.context_id],
                change=each,
                seq=each.seq,
            )
            for each in changes
        ],
        ignore_conflicts=True,
    )


def sweep(organization_id: str) -> None:
    """Journals what was written past the journal, and forgets what is settled.

    Past it writes whoever does not know of the hub: before there was one, or a command without
    the setting.
    """
    while True:
        with transaction.atomic():
            link: Link | None = _LOCKED_LINK.find(organization_id)
            if link is None:
                return
            before = link.journaled_to
            reached = min(head_of(organization_id), before + SWEPT_AT_ONCE)
            if reached > before:
                _add(organization_id, _PAST_IT.all(organization_id, before, reached))
                link.journaled_to = reached
                update(link, ("journaled_to",))
            if _SETTLED.first(organization_id, reached) is not None:
                _settled(organization_id, reached).delete()
        if reached - before < SWEPT_AT_ONCE:
            return


def offer_again(organization_id: str, after: int) -> int:
    """Journals all that the log holds after number `after` again, the hub's own changes too.

    For a hub that lost them: what it has is known there by id or revision. Returns how many.
    """
    offered = 0
    while True:
        rows = pushable(organization_id).filter(seq__gt=after).order_by("seq")
        changes = list(rows.defer("document", "record")[:SWEPT_AT_ONCE])
        if not changes:
            return offered
        owned(organization_id, JournalEntry).filter(
            change__in=[each.pk for each in changes], state=State.SETTLED
        ).update(state=State.PENDING, hub_seq=None)
        _add(organization_id, changes)
        offered += len(changes)
        after = changes[-1].seq


def put_off(
    lanes: Iterable[Lane], *, network: bool, error: str, at_least: float | None = None
) -> None:
    """Tries the lanes again later: full jitter up to a bound that doubles with each attempt."""
    for lane in lanes:
        bound = min(LONGEST_BACKOFF, 2.0 ** min(lane.attempts, 10))
        delay = max(at_least or 0.0, random.uniform(0, bound))  # noqa: S311 (no secret)
        _put_off(lane, delay, error, attempts=F("attempts") + 1, waits_for_network=network)


def put_off_as_told(lanes: Iterable[Lane], seconds: float, error: str) -> None:
    """Leaves the lanes alone for as long as a busy hub says: that is no failure of theirs."""
    for lane in lanes:
        # Not all nodes at one moment.
        delay = seconds + random.uniform(0, 1)  # noqa: S311 (no secret)
        _put_off(lane, delay, error, attempts=0, waits_for_network=False)


def _put_off(lane: Lane, delay: float, error: str, **how: Any) -> None:
    Lane.objects.filter(pk=lane.pk).update(
        next_attempt_at=timezone.now() + timedelta(seconds=delay), **how
    )
    waiting = JournalEntry.objects.filter(lane=lane, state=State.PENDING)
    first = waiting.order_by("seq").values("pk")[:1]
    JournalEntry.objects.filter(pk__in=list(first.values_list("pk", flat=True))).update(
        attempts=F("attempts") + 1, last_error=error
    )


def network_is_back(organization_id: str) -> None:
    """Makes everything due that waits for the network only."""
    _due_again(owned(organization_id, Lane, waits_for_network=True))


def hub_works_again(organization_id: str) -> None:
    """Makes everything due that failed: it was the hub's fault as a whole, not of what we sent."""
    _due_again(owned(organization_id, Lane, attempts__gt=0))


def _due_again(lanes: "QuerySet[Lane]") -> None:
    lanes.update(waits_for_network=False, attempts=0, next_attempt_at=timezone.now())


def no_longer_missing(organization_id: str, keys: set[Key]) -> None:
    """Makes due what the hub put off for want of a context that it has now, one of `keys`."""
    now = timezone.now()
    due = [
        entry.lane_id
        for entry in _MISSING.all(organization_id)
        if entry.lane.next_attempt_at > now and {entry.lane.key, _parent_of(entry)} & keys
    ]
    if due:
        Lane.objects.filter(pk__in=due).update(next_attempt_at=now)


def _parent_of(entry: JournalEntry) -> Key:
    level, document = LEVELS[entry.change.level], entry.change.document or {}
    parent = level.parent.name if level.parent is not None else ""
    return parent, str(document.get(level.parent_field))


def went_well(lanes: Iterable[Lane]) -> None:
    """Forgets the failures of lanes whose entries the hub has judged."""
    failed = [lane.pk for lane in lanes if lane.attempts or lane.waits_for_network]
    if failed:
        Lane.objects.filter(pk__in=failed).update(attempts=0, waits_for_network=False)


def retry_dead(organization_id: str, pks: Iterable[int] | None = None) -> int:
    """Makes dead entries pending again, all or those named; returns how many."""
    dead = owned(organization_id, JournalEntry, state=State.DEAD)
    if pks is not None:
        dead = dead.filter(pk__in=list(pks))
    lanes = list(dead.values_list("lane_id", flat=True))
    Lane.objects.filter(pk__in=lanes).update(next_attempt_at=timezone.now(), attempts=0)
    return dead.update(state=State.PENDING, code="", last_error="")


def first_needed(organization_id: str) -> int | None:
    """Up to which number nothing is needed any more to push or rebase; None: nothing is at all.

    But for what the hub refused for good: that may wait for a human as long as it likes, see
    `refused`.
    """
    # The versions that were edited are the bases of every merge.
    of_context = {"level": OuterRef("lane__level"), "context_id": OuterRef("lane__context_id")}
    bases = owned(organization_id, Change, makes_version=True, **of_context)
    base = bases.filter(revision=OuterRef("change__parent_revision")).values("seq")[:1]
    told = unsettled(organization_id).exclude(state=State.DEAD).annotate(base=Subquery(base))
    found = told.aggregate(first=Min("seq"), lowest=Min("base"))
    needed = [number for number in (found["first"], found["lowest"]) if number is not None]
    return min(needed) - 1 if needed else None


def refused(organization_id: str) -> set[Key]:
    """The contexts with a dead entry: their documents are needed if it is tried again."""
    dead = owned(organization_id, Lane, entries__state=State.DEAD)
    return {lane.key for lane in dead.distinct()}
