"""Someone else was faster: what they changed, and how both edits come together."""

from dataclasses import dataclass
from typing import Any

from contexts import merging
from contexts.admin import diffs
from contexts.history import versions_of
from contexts.levels import Document, Level
from contexts.models import Change, Context


@dataclass(frozen=True)
class Meanwhile:
    """What happened since the human began: by whom, and the diff (None when compacted)."""

    changes: list[Change]
    diff: diffs.Diff | None
    base: Document | None
    theirs: Document

    def merged(self, mine: Document) -> Document:
        """The human's values with the others' changes; without a known base the human's."""
        if self.base is None:
            return mine
        merged: Document = three_way(self.base, mine, self.theirs)
        return merged


def since(level: Level, row: Context, revision: str) -> Meanwhile:
    """What changed `row` after `revision`, which the human saw."""
    versions = versions_of(level, row.organization_id, row.context_id)
    seen = versions.filter(revision=revision.replace("\0", "")).first()
    theirs = level.values(row)
    if seen is None or seen.document is None:
        return Meanwhile(list(versions[:1]), None, None, theirs)
    base = {name: seen.document.get(name) for name in theirs}
    changes = list(versions.filter(seq__gt=seen.seq).defer("document")[:20])
    return Meanwhile(changes, diffs.between(base, theirs), base, theirs)


def three_way(base: Any, mine: Any, theirs: Any) -> Any:
    """`mine` with what `theirs` changed since `base`; where both changed a path, mine stays."""
    if merging.same(base, theirs) or merging.same(mine, theirs):
        return mine
    if merging.same(base, mine):
        return theirs
    if not (isinstance(mine, dict) and isinstance(theirs, dict)):
        return mine
    known = base if isinstance(base, dict) else {}
    merged = {}
    missing = object()
    for key in [*mine, *(key for key in theirs if key not in mine)]:
        was, is_mine, is_theirs = (each.get(key, missing) for each in (known, mine, theirs))
        if is_mine is missing:
            # I removed it, or they added it; a value they changed after I removed it comes back.
            if was is missing or not merging.same(was, is_theirs):
                merged[key] = is_theirs
        elif is_theirs is missing:
            if was is missing or not merging.same(was, is_mine):
                merged[key] = is_mine
        else:
            merged[key] = three_way(was, is_mine, is_theirs)
    return merged
