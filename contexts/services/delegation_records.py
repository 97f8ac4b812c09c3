"""Delegations as the change log tells of them, made rows again."""

from typing import Any

from contexts.errors import Invalid
from contexts.levels import LEVELS
from contexts.models import Delegation
from contexts.services.members import context_id_of, object_in, text_of, time_of, uuid_of


def read_delegation(record: Any) -> Delegation:
    """The unsaved row that `queries.present_delegation` showed. Raises `Invalid`."""
    record = object_in(record, "record")
    level = LEVELS.get(text_of(record, "level", 10))
    target = LEVELS.get(text_of(record, "delegate_to", 10))
    if level is None or target is None or target not in list(level.chain())[1:]:
        raise Invalid({"record": ["A delegation goes from a level to one above."]})
    status = text_of(record, "status", 10)
    if status not in Delegation.Status.values:
        raise Invalid({"record": ["Unknown status of a delegation."]})
    return Delegation(
        delegation_id=uuid_of(record, "id"),
        level=level.name,
        context_id=context_id_of(record, "context_id", level),
        target_level=target.name,
        target_id=context_id_of(record, "target_id", target),
        data=object_in(record.get("delegate_data"), "delegate_data"),
        reason=text_of(record, "delegation_reason"),
        status=status,
        requested_by=text_of(record, "requested_by", 150),
        decided_by=text_of(record, "decided_by", 150) if record.get("decided_by") else "",
        created_at=time_of(record, "created_at"),
        decided_at=time_of(record, "decided_at") if record.get("decided_at") else None,
    )
