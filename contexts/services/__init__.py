"""Writing contexts: the only code that writes rows of the four tables.

Every function is one transaction that locks and writes the row and ends in `announce`.
Lock order: rows from the top of the chain down, then the feed.
"""

from contexts.services.adopting import adopt, adopt_all
from contexts.services.adoption import Adoption
from contexts.services.creating import checked_id, create
from contexts.services.editing import delete, revert, update
from contexts.services.foreign import ForeignChange
from contexts.services.outcomes import Outcome, Overtaken, Taken
from contexts.services.rows import (
    Operation,
    Precondition,
    check_revision,
    document_limit,
    find_locked,
    lock,
    remark,
    version_of,
)

__all__ = [
    "Adoption",
    "ForeignChange",
    "Operation",
    "Outcome",
    "Overtaken",
    "Precondition",
    "Taken",
    "adopt",
    "adopt_all",
    "check_revision",
    "checked_id",
    "create",
    "delete",
    "document_limit",
    "find_locked",
    "lock",
    "remark",
    "revert",
    "update",
    "version_of",
]
