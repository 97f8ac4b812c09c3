"""Edits that are journaled, and which entries wait or are claimed."""

from typing import Any

from contexts import services
from contexts.access import Caller
from contexts.levels import PROJECT
from contexts.models import owned
from syncing import batches
from syncing.journal import State
from syncing.models import JournalEntry
from tests.syncing.hubs import ORGANIZATION


def edit(author: Caller, context_id: str, **data: Any) -> None:
    """The next edit of a project, which is made at the first."""
    level = PROJECT
    if not level.rows(ORGANIZATION, context_id=context_id).exists():
        services.create(author, level, {"data": data}, context_id=context_id)
        return
    services.update(author, level, context_id, lambda old: {**old, "data": {**old["data"], **data}})


def waiting(state: State = State.PENDING) -> list[tuple[str, int]]:
    """The entries in that state: context and number, in order."""
    found = owned(ORGANIZATION, JournalEntry, state=state).order_by("seq")
    return list(found.values_list("lane__context_id", "seq"))


def claimed(most: int = 100) -> list[str]:
    """The contexts whose changes the next claim takes, one a change."""
    batch = batches.claim(ORGANIZATION, "node", most)
    return [body["context_id"] for body in batch.bodies] if batch is not None else []
