"""What can become of a change that was made elsewhere."""

from enum import StrEnum
from typing import NamedTuple

from contexts.models import Change


class Overtaken(Exception):
    """What we looked at has changed by our insert: another made the same, or our own id."""


class Outcome(StrEnum):
    """What became of a foreign change."""

    KNOWN = "known"
    ADDED = "added"
    KEPT_OURS = "kept_ours"
    TOOK_THEIRS = "took_theirs"
    HELD = "held"
    BLOCKED = "blocked"


class Taken(NamedTuple):
    """A change taken over: what became of it, and its row in our log."""

    outcome: Outcome
    change: Change | None
