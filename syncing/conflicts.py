"""Three-way merge of a context's writable fields, and what settling a conflict makes of them.

The rules are CONTRACT §4 and DESIGN §4: by path; a path changed on one side takes it, the same
change on both is one, different changes of one path are in dispute and `ours`, which the hub
has, stays. A whole context that one side deleted and the other edited is kept. Pure.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from contexts.merging import pointer, same

Document = dict[str, Any]
WHOLE = ("",)


class Strategy(StrEnum):
    """How a conflict is settled (CONTRACT §4)."""

    OURS = "ours"
    THEIRS = "theirs"
    MERGE = "merge"
    KEEP_BOTH = "keep_both"


@dataclass(frozen=True)
class Merge:
    """What becomes current (None: the context is deleted), and the JSON Pointers in dispute."""

    document: Document | None
    paths: tuple[str, ...]


class _Missing:
    """The value of a key that is not there."""


MISSING = _Missing()


def merge_three_way(
    base: Document | None,
    ours: Document | None,
    theirs: Document | None,
    *,
    prefer_theirs: bool = False,
) -> Merge:
    """`ours` and `theirs`, both made from `base`, as one; None is a deleted context.

    With `prefer_theirs` it is theirs that stays where both changed the same.
    """
    if ours is not None and theirs is not None:
        merger = _Merger(prefer_theirs)
        document = merger.merge((), base if base is not None else {}, ours, theirs)
        return Merge(copy.deepcopy(document), tuple(sorted(set(merger.disputed))))
    if ours is None and theirs is None:
        return Merge(None, ())
    kept = ours if ours is not None else theirs
    if base is None:
        return Merge(copy.deepcopy(kept), ())
    if same(base, kept):
        return Merge(None, ())
    return Merge(copy.deepcopy(theirs if prefer_theirs else kept), WHOLE)


class _Merger:
    def __init__(self, prefer_theirs: bool) -> None:
        self.prefer_theirs = prefer_theirs
        self.disputed: list[str] = []

    def merge(self, path: tuple[str, ...], base: Any, ours: Any, theirs: Any) -> Any:
        if isinstance(ours, dict) and isinstance(theirs, dict):
            return self._dicts(path, base if isinstance(base, dict) else {}, ours, theirs)
        if _alike(ours, theirs) or _alike(base, theirs):
            return ours
        if _alike(base, ours):
            return theirs
        if isinstance(ours, list) and isinstance(theirs, list):
            ids = [_by_id(each) for each in (base, ours, theirs)]
            if all(each is not None for each in ids):
                merged = self._dicts(path, *ids)  # type: ignore[arg-type]
                return list(merged.values())
        self.disputed.append(pointer(path))
        return theirs if self.prefer_theirs else ours

    def _dicts(
        self,
        path: tuple[str, ...],
        base: dict[Any, Any],
        ours: dict[Any, Any],
        theirs: dict[Any, Any],
    ) -> dict[Any, Any]:
        merged = {}
        for key in _keys(ours, theirs, base):
            value = self.merge(
                (*path, str(key)),
                base.get(key, MISSING),
                ours.get(key, MISSING),
                theirs.get(key, MISSING),
            )
            if value is not MISSING:
                merged[key] = value
        return merged


def _keys(*dicts: dict[Any, Any]) -> Iterator[Any]:
    return iter(dict.fromkeys(key for each in dicts for key in each))


def _alike(one: Any, other: Any) -> bool:
    if one is MISSING or other is MISSING:
        return one is other
    return same(one, other)


def _by_id(value: Any) -> dict[Any, Any] | None:
    """A list's elements by their `id`; None when they have none that tells them apart."""
    if value is MISSING:
        return {}
    if not isinstance(value, list):
        return None
    found: dict[Any, Any] = {}
    for element in value:
        key = element.get("id") if isinstance(element, dict) else None
        if not isinstance(key, str | int) or isinstance(key, bool) or key in found:
            return None
        found[key] = element
    return found


def settle(
    strategy: Strategy | None,
    conflict_id: str,
    base: Document | None,
    ours: Document | None,
    theirs: Document | None,
    current: Document | None,
    *,
    rest_applied: bool,
    own_data: Document | None = None,
) -> Document | None:
    """The document that settling makes current; None: the context is deleted.

    `current` is the context now: what was edited since the conflict arose stays where the choice
    does not touch it. `rest_applied`: what of theirs was not in dispute is in it.
    """
    if strategy is None:
        place = next((each for each in (current, ours, theirs) if each is not None), {})
        return copy.deepcopy({**place, "data": own_data})
    began = merge_three_way(base, ours, theirs).document if rest_applied else ours
    chosen = _chosen(strategy, conflict_id, base, ours, theirs, began)
    if chosen is None:
        return None
    return merge_three_way(began, current, chosen, prefer_theirs=True).document


def _chosen(
    strategy: Strategy,
    conflict_id: str,
    base: Document | None,
    ours: Document | None,
    theirs: Document | None,
    began: Document | None,
) -> Document | None:
    if strategy is Strategy.OURS:
        return ours
    if strategy is Strategy.THEIRS:
        return theirs
    if strategy is Strategy.MERGE:
        return merge_three_way(base, ours, theirs, prefer_theirs=True).document
    kept = copy.deepcopy(began if began is not None else theirs) or {}
    data = kept.setdefault("data", {})
    both = data.get("_conflicts")
    data["_conflicts"] = {**(both if isinstance(both, dict) else {}), conflict_id: theirs}
    return kept
