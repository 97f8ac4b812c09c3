"""The chain from `t1` up: writing to it, and what it resolves to."""

import json
from datetime import UTC, datetime, timedelta

from contexts import services
from contexts.access import Caller
from contexts.levels import LEVELS, Document
from contexts.resolving import Resolved, resolve

IDS = {"global": "global", "project": "p1", "branch": "b1", "task": "t1"}
START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def whole(resolved: Resolved) -> Document:
    """All that `resolved/` can tell."""
    told: Document = json.loads(resolved.answer(with_sources=True))
    return told


def set_data(author: Caller, level_name: str, data: Document) -> None:
    services.update(
        author,
        LEVELS[level_name],
        IDS[level_name],
        lambda values: {**values, "data": data},
    )


def resolved(level_name: str = "task", context_id: str | None = None) -> Resolved:
    return resolve(LEVELS[level_name], "global", context_id or IDS[level_name])
