"""What an edit was made of, as far as a hub can tell."""

from typing import Any

from contexts.errors import Invalid
from contexts.history import version_of
from contexts.levels import Document, Level
from contexts.models import Change, owned
from contexts.prepared import PreparedRow
from contexts.services import ForeignChange
from syncing.models import Receipt
from syncing.reconciling import fields_of
from syncing.wire import Verdict

_PUSHED = PreparedRow(
    lambda organization, level, context_id, revision: (
        owned(organization, Receipt, level=level, context_id=context_id, pushed_revision=revision)
        .exclude(verdict=Verdict.APPLIED)
        .order_by("pk")
    ),
    *[str] * 4,
)


class UnknownBase(Exception):
    """The edit is of a version that this hub never had, or not any more."""


class Unready(Exception):
    """What the entry is about has not come yet; carries the code."""


def base_of(organization_id: str, pushed: ForeignChange, entry: Document) -> Document | None:
    """The version that was edited; None for one that was not there.

    In the log, or among what was pushed and became something else, or as the entry tells it.
    Raises `UnknownBase`, `Invalid`.
    """
    revision = pushed.parent_revision
    if not revision:
        return None
    logged = version_of(organization_id, *pushed.key, revision)
    if logged is not None:
        is_deletion = logged.operation == Change.Operation.DELETED
        if is_deletion or logged.document is not None:
            return logged.document
    receipt: Receipt | None = _PUSHED.find(organization_id, *pushed.key, revision)
    if receipt is not None:
        return receipt.document
    if "base" not in entry:
        raise UnknownBase
    return _checked(pushed.level, entry["base"])


def _checked(level: Level, base: Any) -> Document | None:
    if base is None:
        return None
    if not isinstance(base, dict):
        raise Invalid({"base": ["This must be an object or null."]})
    return {**base, **level.checked(fields_of(level.parent_field, base))}
