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
        if alike(ours, theirs) or alike(base, theirs):
            return ours
        if alike(base, ours):
            return theirs
        if isinstance(ours, list) and isinstance(theirs, list):
            ids = [by_id(each) for each in (base, ours, theirs)]
            if all(each is not None for each in ids):
                return self._elements(path, *ids)  # type: ignore[arg-type]
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

    def _elements(
        self,
        path: tuple[str, ...],
        base: dict[Any, Any],
        ours: dict[Any, Any],
        theirs: dict[Any, Any],
    ) -> list[Any]:
        """The merged list of elements by their ids; who moved some of them, gave them an order."""
        merged = self._dicts(path, base, ours, theirs)
        first, second = (theirs, ours) if self.prefer_theirs else (ours, theirs)
        in_both = first.keys() & second.keys()
        was, one, other = (
            [key for key in each if key in in_both] for each in (base, first, second)
        )
        if one not in (was, other) and other != was:
            self.disputed.append(pointer(path))
        order = _interleaved(second, first) if one == was else _interleaved(first, second)
        return [merged[key] for key in order if key in merged]


def _interleaved(leading: dict[Any, Any], following: dict[Any, Any]) -> Iterator[Any]:
    """The keys of `leading`, and those that only `following` has behind what they follow there."""
    behind: dict[Any, list[Any]] = {}
    place = None
    for key in following:
        if key in leading:
            place = key
        else:
            behind.setdefault(place, []).append(key)
    for key in (None, *leading):
        if key is not None:
            yield key
        yield from behind.get(key, ())


def _keys(*dicts: dict[Any, Any]) -> Iterator[Any]:
    return iter(dict.fromkeys(key for each in dicts for key in each))


def alike(one: Any, other: Any) -> bool:
    """Whether two values are the same to a merge; either may be `MISSING`."""
    if one is MISSING or other is MISSING:
        return one is other
    return same(one, other)


def by_id(value: Any) -> dict[Any, Any] | None:
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


def made_from(base: Document | None, ours: Document, theirs: Document) -> Document:
    """`base` with every field that the two others have: what was not there is at its default.

    So what one side left at its default is no edit when both made the context, and neither is
    a field that came with an upgrade.
    """
    defaults = {name: type(value)() for each in (theirs, ours) for name, value in each.items()}
    return {**defaults, **(base or {})}


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
    began = _began(base, ours, theirs) if rest_applied else ours
    chosen = _chosen(strategy, conflict_id, base, ours, theirs, began)
    if chosen is None:
        return None
    return merge_three_way(began, current, chosen, prefer_theirs=True).document


def _began(
    base: Document | None, ours: Document | None, theirs: Document | None
) -> Document | None:
    """What became current when the conflict arose."""
    if ours is None or theirs is None:
        # Whatever it was made from: over an edit against a deletion the edit is kept.
        return theirs if ours is None else ours
    return merge_three_way(made_from(base, ours, theirs), ours, theirs).document


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
        if ours is None or theirs is None:
            return theirs
        origin = made_from(base, ours, theirs)
        return merge_three_way(origin, ours, theirs, prefer_theirs=True).document
    kept = copy.deepcopy(began if began is not None else theirs) or {}
    data = kept.setdefault("data", {})
    both = data.get("_conflicts")
    data["_conflicts"] = {**(both if isinstance(both, dict) else {}), conflict_id: theirs}
    return kept
