"""How far this node is in step with its hub, as `health/` and `/metrics` show it."""

from typing import Any

from django.conf import settings
from django.db.models import Count, Min
from django.utils import timezone

from contexts.models import owned
from contexts.queries import timestamp
from syncing import journal
from syncing.models import JournalEntry, Link

State = JournalEntry.State
MANY_PENDING = 100


def _organization() -> str:
    organization_id: str = settings.CONTEXTSYS_ORGANIZATION
    return organization_id


def sync_health() -> dict[str, Any]:
    """CONTRACT §2 `health/`: whether there is a hub, and how it stands with it."""
    if not journal.has_hub(_organization()):
        return {"status": "disabled", "pending_syncs": 0, "last_sync": None}
    tie = owned(_organization(), Link).first()
    pending = owned(_organization(), JournalEntry, state=State.PENDING).count()
    last = tie.synced_at if tie is not None else None
    parked = tie.parked if tie is not None else ""
    hub = "refuses" if parked else "answers" if tie is not None and tie.reachable else "away"
    return {
        "status": "degraded" if parked or pending >= MANY_PENDING else "healthy",
        "pending_syncs": pending,
        "last_sync": timestamp(last) if last is not None else None,
        "hub": hub,
        "error": parked or (tie.last_error if tie is not None else ""),
    }


def journal_health() -> dict[str, Any]:
    """CONTRACT §2 `health/`: what waits for the hub, and what it refused."""
    if not journal.has_hub(_organization()):
        return {"status": "disabled", "pending": 0, "dead": 0, "oldest_pending_seconds": 0}
    told = owned(_organization(), JournalEntry).filter(state__in=[State.PENDING, State.DEAD])
    counts = {row["state"]: row for row in told.values("state").annotate(n=Count("pk"))}
    pending = counts.get(State.PENDING, {"n": 0})["n"]
    dead = counts.get(State.DEAD, {"n": 0})["n"]
    return {
        "status": "degraded" if dead else "healthy",
        "pending": pending,
        "dead": dead,
        "oldest_pending_seconds": oldest_pending_seconds(),
    }


def oldest_pending_seconds() -> float:
    """How long the oldest pending change waits for the hub; 0 when none does."""
    pending = owned(_organization(), JournalEntry, state=State.PENDING)
    oldest = pending.aggregate(at=Min("created_at"))["at"]
    return max(0.0, (timezone.now() - oldest).total_seconds()) if oldest is not None else 0.0
