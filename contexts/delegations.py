"""Handing patterns upwards, and deciding about what was handed to the organization."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from contexts import merging, services
from contexts.access import Caller
from contexts.changes import announce
from contexts.errors import AlreadyDecided, Invalid, NotFound
from contexts.levels import LEVELS, Document, Level
from contexts.models import Delegation, Role, owned
from contexts.queries import ancestor_id, present_delegation
from contexts.services.rows import last_version, redacted

Status = Delegation.Status


@transaction.atomic
def delegate(
    caller: Caller,
    level: Level,
    context_id: str,
    *,
    to: str,
    data: Document,
    reason: str = "",
    precondition: services.Precondition | None = None,
) -> Delegation:
    """Delegates `data` from a context to its ancestor of level `to`.

    A branch or project takes it at once; the organization only from an admin, else the
    delegation waits as `pending`. Raises `Invalid` unless `to` is above, `NotFound`,
    `RevisionMismatch`.
    """
    above = [each.name for each in level.chain()][1:]
    if to not in above:
        choice = f"one of {', '.join(above)}" if above else "possible from a level below only"
        raise Invalid({"delegate_to": [f"Delegation goes upwards: this must be {choice}."]})
    target = LEVELS[to]
    delegation = Delegation(
        organization_id=caller.organization_id,
        level=level.name,
        context_id=context_id,
        target_level=to,
        target_id=ancestor_id(level, caller.organization_id, context_id, target),
        data=redacted(target.checked({"data": data})["data"]),
        reason=redacted(reason),
        requested_by=caller.name,
    )
    if target.parent is None and not caller.may(Role.ADMIN):
        row = services.lock(level, caller.organization_id, context_id)
        services.check_revision(row, precondition)
        delegation.save(force_insert=True)
        announce_only(caller, delegation)
        return delegation
    if precondition is not None:
        # The target first: a chain is locked from its top down.
        services.lock(target, caller.organization_id, delegation.target_id)
        source = services.lock(level, caller.organization_id, context_id)
        services.check_revision(source, precondition)
    _settle(caller, delegation, Status.APPROVED)
    return delegation


@transaction.atomic
def decide(
    caller: Caller,
    delegation_id: UUID,
    status: Delegation.Status,
    precondition: services.Precondition | None = None,
) -> Delegation:
    """Approves (and applies) or rejects a pending delegation; `precondition` is of the target.

    Raises `NotFound` (also when the target is gone by now), `AlreadyDecided`,
    `RevisionMismatch`.
    """
    delegation = (
        owned(caller.organization_id, Delegation, delegation_id=delegation_id)
        .select_for_update(no_key=True)
        .first()
    )
    if delegation is None:
        raise NotFound
    if delegation.status != Status.PENDING:
        raise AlreadyDecided(f"This delegation was {delegation.status} already.")
    if precondition is not None:
        target = LEVELS[delegation.target_level]
        row = services.lock(target, caller.organization_id, delegation.target_id)
        services.check_revision(row, precondition)
    _settle(caller, delegation, status)
    return delegation


def _settle(caller: Caller, delegation: Delegation, status: Delegation.Status) -> None:
    delegation.status = status
    delegation.decided_by, delegation.decided_at = caller.name, timezone.now()
    delegation.save()
    if status != Status.APPROVED:
        announce_only(caller, delegation)
        return

    def merged(values: Document) -> Document:
        return {**values, "data": merging.deep_merge(values["data"], delegation.data)}

    services.update(
        caller,
        LEVELS[delegation.target_level],
        delegation.target_id,
        merged,
        operation=services.Operation.DELEGATED,
        record=present_delegation(delegation),
    )


def announce_only(caller: Caller, delegation: Delegation) -> None:
    """Tells of a delegation that changed no document, at the context it came from.

    That context may be deleted by now; the news is the delegation's all the same.
    """
    level = LEVELS[delegation.level]
    source = services.find_locked(
        level, caller.organization_id, delegation.context_id
    ) or last_version(level, caller.organization_id, delegation.context_id)
    if source is None:
        raise NotFound
    record: dict[str, Any] = present_delegation(delegation)
    announce(
        caller.organization_id,
        [services.remark(caller, level, source, services.Operation.DELEGATED, record=record)],
    )
