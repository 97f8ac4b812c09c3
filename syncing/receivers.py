"""What happens here in a change's own transaction: the journal, and conflicts as rows."""

from typing import Any

from django.db import transaction

from contexts.models import Change
from syncing import conflict_records, journal, tasks


def take_note(sender: Any, organization_id: str, changes: list[Change], **_: Any) -> None:
    """Receives `context_changed`."""
    for change in changes:
        if change.operation == Change.Operation.CONFLICT and change.record is not None:
            conflict_records.note(organization_id, change.record)
    if journal.has_hub(organization_id) and any(not change.from_hub for change in changes):
        journal.record(organization_id, changes)
        transaction.on_commit(lambda: tasks.nudge(organization_id), robust=True)
