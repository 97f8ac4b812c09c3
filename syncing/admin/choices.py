"""How a conflict can be settled, and what each way would make current."""

from dataclasses import dataclass

from contexts.admin import diffs
from contexts.levels import Document
from syncing import settling
from syncing.conflicts import Strategy
from syncing.models import Conflict

# What a choice is called on its button, and what it does.
WORDS = {
    Strategy.OURS: (
        "Keep ours",
        "The hub's document as it was when theirs came in. What else theirs changed goes too.",
    ),
    Strategy.THEIRS: (
        "Take theirs",
        "Their document as it came in. What else ours changed since the base goes too.",
    ),
    Strategy.MERGE: (
        "Merge",
        "All that either changed; where both did, theirs.",
    ),
    Strategy.KEEP_BOTH: (
        "Keep both",
        "All that either changed; where both did, ours. Theirs is kept whole beside it, "
        "in data under _conflicts.",
    ),
}
OWN = "With data of one's own"


# What stands in a preview for the document that is kept beside the other.
WHOLE = "theirs, whole"


@dataclass(frozen=True)
class Choice:
    """A strategy in words, and what changes from now on (`diff`) when it is taken."""

    strategy: Strategy
    title: str
    text: str
    diff: diffs.Diff
    deletes: bool
    revives: bool


def choices(conflict: Conflict, current: Document | None) -> list[Choice]:
    """What can be chosen; `current` are the context's writable fields, None when it is gone."""
    return [_choice(conflict, current, strategy) for strategy in WORDS]


def _choice(conflict: Conflict, current: Document | None, strategy: Strategy) -> Choice:
    title, text = WORDS[strategy]
    if strategy is Strategy.OURS and conflict.ours is None:
        text = "The deletion, as the hub had it."
    if strategy is Strategy.THEIRS and conflict.theirs is None:
        text = "The deletion, as it came in."
    made = settling.outcome(conflict, strategy, current)
    return Choice(
        strategy,
        title,
        text,
        diffs.between(current or {}, _shortened(conflict, made) or {}),
        deletes=made is None and current is not None,
        revives=made is not None and current is None,
    )


def _shortened(conflict: Conflict, made: Document | None) -> Document | None:
    """Without the whole of theirs in it, which the page shows already."""
    key = str(conflict.conflict_id)
    kept = made["data"].get("_conflicts") if made is not None else None
    if made is None or not isinstance(kept, dict) or kept.get(key) is None:
        return made
    return {**made, "data": {**made["data"], "_conflicts": {**kept, key: WHOLE}}}


def title_of(conflict: Conflict) -> str:
    """How a conflict was settled, in words; "" while it is open."""
    titles: dict[str, str] = {strategy.value: title for strategy, (title, _) in WORDS.items()}
    return titles.get(conflict.strategy, OWN) if conflict.strategy else ""


def told(conflict: Conflict) -> str:
    """What happened, in sentences, and while the conflict is open what that means for now."""
    happened, meanwhile = _told(conflict)
    if conflict.status != Conflict.Status.OPEN:
        return happened
    return f"{happened} Until someone decides, {meanwhile}."


def _told(conflict: Conflict) -> tuple[str, str]:
    level, actor = conflict.level, conflict.actor
    if conflict.ours is None:
        return (
            f"The {level} was deleted on the hub when an edit by {actor} came in that did not "
            "know of it.",
            "it is there: an edit outlives a deletion",
        )
    if conflict.theirs is None:
        return (
            f"{actor} deleted the {level} without knowing of an edit that the hub had.",
            "it is there: an edit outlives a deletion",
        )
    if not conflict.rest_applied:
        return (
            f"An edit by {actor} came in that could not be put together with what the hub had.",
            "nothing of it is in the context",
        )
    count = len(conflict.paths)
    return (
        f"Ours and theirs changed {count} path{'' if count == 1 else 's'} differently.",
        "ours is current there; all else of both is in the context",
    )
