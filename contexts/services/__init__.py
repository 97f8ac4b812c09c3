"""Writing contexts: the only code that writes rows of the four tables.

Every function is one transaction that locks and writes the row and ends in `announce`.
Lock order: rows from the top of the chain down, then the feed.
"""

from contexts.services.creating import checked_id, create
from contexts.services.editing import delete, revert, update
from contexts.services.rows import (
    Operation,
    Precondition,
    check_revision,
    find_locked,
    lock,
    remark,
    version_of,
)

__all__ = [
    "Operation",
    "Precondition",
    "check_revision",
    "checked_id",
    "create",
    "delete",
    "find_locked",
    "lock",
    "remark",
    "revert",
    "update",
    "version_of",
]
