"""The change log's writing end: `announce` numbers, appends and tells.

The number is taken last in the transaction. The feed's row stays locked until the commit, so
numbers become visible in their order and a reader can never pass one that is still to come.
"""

from dataclasses import dataclass

from django.db import transaction
from django.dispatch import Signal

from contexts import broadcast
from contexts.models import Change, Feed
from contexts.prepared import planning_cursor
from contexts.statements import insert

# Sent inside the transaction with `organization_id` and `changes`: what a receiver writes is
# committed with the change or not at all. `syncing` keeps its journal this way.
context_changed = Signal()


@dataclass(frozen=True)
class Author:
    """Who writes, and in which organization."""

    organization_id: str
    name: str


def announce(organization_id: str, changes: list[Change]) -> None:
    """Appends `changes` (unsaved, without numbers) to the organization's log, in their order.

    Call it last in the writing transaction. After the commit a hint goes to whoever listens.
    """
    if not changes:
        return
    head = _take_numbers(organization_id, len(changes))
    for seq, change in enumerate(changes, head - len(changes) + 1):
        change.organization_id = organization_id
        change.seq = seq
    insert(changes)
    context_changed.send(sender=Change, organization_id=organization_id, changes=changes)
    # No partial: Django 5.2 asks a robust callback that raised for its name, which it has none.
    transaction.on_commit(lambda: broadcast.look(organization_id, head), robust=True)


def _take_numbers(organization_id: str, count: int) -> int:
    with planning_cursor() as cursor:
        cursor.execute(
            f"UPDATE {Feed._meta.db_table} SET head = head + %s"  # noqa: S608
            " WHERE organization_id = %s RETURNING head",
            [count, organization_id],
        )
        return int(cursor.fetchone()[0])
