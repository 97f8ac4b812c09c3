"""Letting go of what is old: documents of superseded versions, answers kept for repetition."""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from contexts.models import Change, Feed, IdempotencyRecord, owned

BATCH = 500
# Each gives for an organization the number that must stay readable from, or None.
holds: list[Callable[[str], int | None]] = []
# Each gives for an organization the contexts (level, id) of which every document stays.
keeps: list[Callable[[str], set[tuple[str, str]]]] = []
ANSWERS_KEPT = timedelta(hours=24)


def compact_all() -> int:
    """Compacts every organization's log; returns how many documents went.

    Safe beside others that do the same, and to run again after it was broken off.
    """
    cutoff = timezone.now() - timedelta(days=settings.CONTEXTSYS_HISTORY_DAYS)
    organizations = [feed.organization_id for feed in Feed.objects.all()]
    return sum(compact(organization_id, cutoff) for organization_id in organizations)


def compact(organization_id: str, cutoff: datetime) -> int:
    """Drops the documents of versions that were superseded before `cutoff` already.

    Every context keeps its newest version as of the cutoff, so all points in time from there on
    stay readable. The rows stay too: who changed what, when. Returns how many documents went.
    """
    floor = _raise_floor(organization_id, cutoff)
    versions = owned(organization_id, Change, makes_version=True, seq__lte=floor)
    newer = versions.filter(
        Q(version__gt=OuterRef("version"))
        | Q(version=OuterRef("version"), seq__gt=OuterRef("seq")),
        level=OuterRef("level"),
        context_id=OuterRef("context_id"),
    )
    superseded = versions.filter(Exists(newer), document__isnull=False).order_by("seq")
    kept = {key for keep in keeps for key in keep(organization_id)}
    columns = ("seq", "level", "context_id")
    dropped, reached = 0, 0
    while batch := list(superseded.filter(seq__gt=reached).values_list(*columns)[:BATCH]):
        # A statement of its own a batch: writers never wait for the whole.
        doomed = [seq for seq, *key in batch if tuple(key) not in kept]
        dropped += versions.filter(seq__in=doomed, document__isnull=False).update(document=None)
        reached = batch[-1][0]
    return dropped


def _raise_floor(organization_id: str, cutoff: datetime) -> int:
    """Raises the feed's floor to the last change before the first one since `cutoff`.

    Before anything is dropped: whoever reads from below the floor is told to begin anew and
    never meets a hole. By number and not by time: a change that was made elsewhere long ago may
    have come in today.
    """
    feed = owned(organization_id, Feed).get()
    later = owned(organization_id, Change, seq__gt=feed.floor)
    first = later.filter(at__gte=cutoff).order_by("seq").values_list("seq", flat=True).first()
    floor = feed.head if first is None else first - 1
    held = [number for hold in holds if (number := hold(organization_id)) is not None]
    floor = min([floor, *held])
    owned(organization_id, Feed, floor__lt=floor).update(floor=floor)
    return max(floor, feed.floor)


def expire_answers() -> int:
    """Forgets the answers kept for `Idempotency-Key` for 24 hours; returns how many."""
    old = IdempotencyRecord.objects.filter(created_at__lt=timezone.now() - ANSWERS_KEPT)
    return old.delete()[0]
