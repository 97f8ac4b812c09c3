"""How far this node is in step with its hub, as `health/` shows it."""

from typing import Any


def sync_health() -> dict[str, Any]:
    """CONTRACT §2 `health/`: without a hub there is nothing to sync."""
    return {"status": "disabled", "pending_syncs": 0, "last_sync": None}


def journal_health() -> dict[str, Any]:
    """CONTRACT §2 `health/`: the journal that a hub would be fed from."""
    return {"status": "disabled", "pending": 0, "dead": 0, "oldest_pending_seconds": 0}
