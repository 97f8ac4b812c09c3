"""The end of a task: its status, and what it teaches the project."""

import logging

from django.db import transaction
from django.utils import timezone

from contexts import delegations, merging, services
from contexts.access import Caller
from contexts.errors import DocumentTooLarge, NotFound
from contexts.lessons import reusable_patterns
from contexts.levels import PROJECT, TASK, Document
from contexts.models import Context, Delegation, owned
from contexts.queries import ancestor_id, timestamp

logger = logging.getLogger("contextsys.completion")
REASON = "Reusable patterns discovered"
ATTEMPTS = 10


class _Moved(Exception):
    """The task is in another project than at our look: deleted, and made again there."""


def complete(
    caller: Caller,
    context_id: str,
    summary: str,
    precondition: services.Precondition | None = None,
) -> tuple[Context, list[Delegation]]:
    """Completes a task and delegates its reusable patterns to the project.

    Returns the task and the delegations its completion made; completing it again changes
    nothing and returns the same. Raises `NotFound`, `RevisionMismatch`.
    """
    for _ in range(ATTEMPTS):
        try:
            return _complete(caller, context_id, summary, precondition)
        except _Moved:
            continue
    raise NotFound


@transaction.atomic
def _complete(
    caller: Caller,
    context_id: str,
    summary: str,
    precondition: services.Precondition | None,
) -> tuple[Context, list[Delegation]]:
    # The project first: patterns may be written there, and chains are locked from the top.
    project_id = ancestor_id(TASK, caller.organization_id, context_id, PROJECT)
    project = services.find_locked(PROJECT, caller.organization_id, project_id)
    task = services.lock(TASK, caller.organization_id, context_id)
    # Its locks undone with the transaction; in the wrong order they would meet another's.
    if project is None or project_id != ancestor_id(
        TASK, caller.organization_id, context_id, PROJECT
    ):
        raise _Moved
    services.check_revision(task, precondition)
    if _is_complete(task):
        return task, _made_by(caller, task)
    _delegate_patterns(caller, task)
    done = {
        "status": "completed",
        "completion_summary": summary,
        "completed_at": timestamp(timezone.now()),
    }

    def completed(values: Document) -> Document:
        return {**values, "data": merging.deep_merge(values["data"], done), "progress": 100}

    task = services.update(caller, TASK, context_id, completed)
    return task, _made_by(caller, task)


def _is_complete(task: Context) -> bool:
    """Whether all that completing a task sets is set already, not by hand and in part."""
    told = task.data.get("completion_summary"), task.data.get("completed_at")
    return (
        task.data.get("status") == "completed"
        and all(isinstance(each, str) for each in told)
        and TASK.values(task)["progress"] == 100
    )


def _delegate_patterns(caller: Caller, task: Context) -> None:
    patterns = reusable_patterns(task)
    if not patterns:
        return
    data = {"reusable_patterns": patterns}
    try:
        with transaction.atomic():
            delegations.delegate(
                caller, TASK, task.context_id, to=PROJECT.name, data=data, reason=REASON
            )
    except DocumentTooLarge:
        # A project without room for more patterns must not keep its tasks from ending.
        logger.warning("the project of task %s has no room for its patterns", task.context_id)


def _made_by(caller: Caller, task: Context) -> list[Delegation]:
    return list(
        owned(
            caller.organization_id,
            Delegation,
            level=TASK.name,
            context_id=task.context_id,
            reason=REASON,
            created_at__gte=task.created_at,
        ).order_by("id")
    )
