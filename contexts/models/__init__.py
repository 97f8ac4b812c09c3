"""The tables, by what they hold."""

from contexts.models.contexts import (
    BranchContext,
    Context,
    GlobalContext,
    ProjectContext,
    TaskContext,
    owned,
)
from contexts.models.log import (
    NEWEST_VERSION,
    Change,
    Delegation,
    Entry,
    Feed,
    PendingCall,
    versions,
)
from contexts.models.people import Agent, IdempotencyRecord, Membership, Role

__all__ = [
    "NEWEST_VERSION",
    "Agent",
    "BranchContext",
    "Change",
    "Context",
    "Delegation",
    "Entry",
    "Feed",
    "GlobalContext",
    "IdempotencyRecord",
    "Membership",
    "PendingCall",
    "ProjectContext",
    "Role",
    "TaskContext",
    "owned",
    "versions",
]
