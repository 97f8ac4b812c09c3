"""What three-way merge promises for any documents: 5,000 of them in CI, 200,000 nightly.

Two ways of drawing them. Documents drawn side by side clash in every way there is. A tree of
fates is drawn as a whole and says of every path who changed it: what must come of it is then
known without merging anything.
"""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, permutations
from typing import Any

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from contexts.documents import to_json
from contexts.merging import pointer, same
from syncing.conflicts import MISSING, merge_three_way

IN_CI = 5_000
NIGHTLY = 200_000
# Nightly they run in shares, which several processes can take.
SHARES = 8
in_ci = settings(max_examples=IN_CI, deadline=None)
many = settings(max_examples=NIGHTLY // SHARES, deadline=None)
shares = pytest.mark.parametrize("share", range(SHARES))

# Few keys and few values, so that documents meet.
KEYS = ["a", "b", "a/b"]
ATOMS: list[Any] = [1, 0, None, True, False, 2.5, "", "x", [], [0], [1], [{"n": 1}], [[]], {}]
IDS = [1, 2, "1", "x"]


class Choices:
    """What is drawn, as one text of bytes: a draw each would take most of the time."""

    def __init__(self, drawn: bytes) -> None:
        # Schemathesis keeps Hypothesis from telling the arguments of what failed.
        note(f"drawn: {drawn!r}")
        self.left = iter(drawn)

    def of(self, options: Sequence[Any]) -> Any:
        return options[next(self.left, 0) % len(options)]


def value(choices: Choices, depth: int) -> Any:
    kind = choices.of(["atom", "elements", "object", "object"] if depth else ["atom", "elements"])
    if kind == "object":
        return document(choices, depth - 1)
    if kind == "atom":
        return copy.deepcopy(choices.of(ATOMS))
    found = [{"id": choices.of(IDS), "n": choices.of([0, 1])} for _ in range(choices.of(range(4)))]
    return list({each["id"]: each for each in found}.values())


def document(choices: Choices, depth: int = 2) -> Any:
    return {choices.of(KEYS): value(choices, depth) for _ in range(choices.of(range(4)))}


Sides = tuple[Any, Any, Any]


def clash(drawn: bytes) -> Sides:
    """Base, ours and theirs; two of them are often alike at a key, and one is missing at times."""
    choices = Choices(drawn)
    # First, while there are choices left.
    missing = choices.of([None] * 9 + [0, 1, 2])
    alike = {key: choices.of([(0, 0), (0, 1), (0, 2), (1, 2)]) for key in KEYS}
    sides = [document(choices) for _ in range(3)]
    for key, (source, target) in alike.items():
        if key in sides[source]:
            sides[target][key] = copy.deepcopy(sides[source][key])
    base, ours, theirs = (None if place == missing else sides[place] for place in range(3))
    return base, ours, theirs


DRAWN = st.binary(min_size=20, max_size=120)


def check_laws(base: Any, ours: Any, theirs: Any) -> None:
    before = copy.deepcopy([base, ours, theirs])
    merge = merge_three_way(base, ours, theirs)
    again = merge_three_way(*copy.deepcopy((base, ours, theirs)))
    # Deterministic to the byte.
    assert to_json([merge.document, merge.paths]) == to_json([again.document, again.paths])
    # What is changed on one side only, or on both alike, is what becomes current.
    assert same(merge_three_way(base, ours, ours).document, ours)
    if base is not None:
        assert same(merge_three_way(base, base, theirs).document, theirs)
        assert same(merge_three_way(base, ours, base).document, ours)
        assert merge_three_way(base, base, theirs).paths == ()
    # Which side is the hub's decides about nothing but what is in dispute.
    swapped = merge_three_way(base, theirs, ours, prefer_theirs=True)
    assert same([*merge.paths], [*swapped.paths])
    if ours is not None and theirs is not None:
        assert same(merge.document, swapped.document)
        assert list(merge.paths) == sorted(set(merge.paths))
    elif base is not None and merge.paths:
        # An edit against a deletion: the edit stays.
        assert merge.paths == ("",)
        assert same(merge.document, ours if theirs is None else theirs)
    # No input is altered, and none is part of what came out.
    scribble(merge.document)
    assert same([base, ours, theirs], before)


def scribble(value: Any) -> None:
    """Alters every container in `value`."""
    inner = value.values() if isinstance(value, dict) else value
    if isinstance(value, dict | list):
        for each in list(inner):
            scribble(each)
        if isinstance(value, dict):
            value["scribbled"] = True
        else:
            value.append("scribbled")


@in_ci
@given(DRAWN)
def test_laws(drawn: bytes) -> None:
    check_laws(*clash(drawn))


@pytest.mark.nightly
@shares
@many
@given(DRAWN)
def test_laws_over_many(share: int, drawn: bytes) -> None:
    check_laws(*clash(drawn))


@dataclass(frozen=True)
class Fate:
    """What became of one path: its value in base, ours and theirs, and in what they make."""

    base: Any
    ours: Any
    theirs: Any
    merged: Any
    disputed: bool = False


def _fates() -> Iterator[Fate]:
    for old, new, other in permutations([MISSING, None, True, 1, 2.5, "x", [], [0]], 3):
        yield Fate(old, old, old, old)
        yield Fate(old, new, old, new)
        yield Fate(old, old, new, new)
        yield Fate(old, new, new, new)
        yield Fate(old, new, other, new, disputed=True)
        # An object where there was none is a change of the whole path, too.
        if MISSING not in (old, new):
            yield Fate(old, {"o": new}, old, {"o": new})
            yield Fate({"o": old}, {"o": old}, new, new)
            yield Fate({"o": old}, {"o": new}, other, {"o": new}, disputed=True)


FATES = list(_fates())
Tree = Any


def tree(drawn: bytes) -> Tree:
    choices = Choices(drawn)

    def branch(depth: int) -> Tree:
        return {choices.of(KEYS): twig(depth) for _ in range(choices.of(range(4)))}

    def twig(depth: int) -> Tree:
        if depth and choices.of([True, False]):
            return branch(depth - 1)
        return FATES[(choices.of(range(256)) * 256 + choices.of(range(256))) % len(FATES)]

    return branch(3)


def side(fates: Tree, name: str) -> Any:
    """One of the four documents that a tree of fates stands for."""
    if isinstance(fates, Fate):
        told = getattr(fates, name)
        return told if told is MISSING else copy.deepcopy(told)
    found = {key: side(inner, name) for key, inner in fates.items()}
    return {key: inner for key, inner in found.items() if inner is not MISSING}


def disputes(fates: Tree, path: tuple[str, ...] = ()) -> Iterator[str]:
    if isinstance(fates, Fate):
        if fates.disputed:
            yield pointer(path)
        return
    for key, inner in fates.items():
        yield from disputes(inner, (*path, key))


def turned(fates: Tree) -> Tree:
    """The same, theirs winning what is in dispute."""
    if isinstance(fates, Fate):
        return replace(fates, merged=fates.theirs) if fates.disputed else fates
    return {key: turned(inner) for key, inner in fates.items()}


def check_fates(fates: Tree) -> None:
    base, ours, theirs = (side(fates, name) for name in ("base", "ours", "theirs"))
    for preferring, of in ((False, fates), (True, turned(fates))):
        merge = merge_three_way(base, ours, theirs, prefer_theirs=preferring)
        assert same(merge.document, side(of, "merged"))
        assert list(merge.paths) == sorted(disputes(fates))


@in_ci
@given(DRAWN)
def test_every_path_meets_its_fate(drawn: bytes) -> None:
    check_fates(tree(drawn))


@pytest.mark.nightly
@shares
@many
@given(DRAWN)
def test_every_path_of_many_meets_its_fate(share: int, drawn: bytes) -> None:
    check_fates(tree(drawn))


def ids(drawn: Choices) -> list[int]:
    found = [drawn.of(range(7)) for _ in range(drawn.of(range(7)))]
    return list(dict.fromkeys(found))


@settings(deadline=None, max_examples=1_000)
@given(DRAWN)
def test_elements_stand_in_the_order_that_one_side_gave_them(drawn: bytes) -> None:
    choices = Choices(drawn)
    base, ours, theirs = (ids(choices) for _ in range(3))
    made = merge_three_way(
        *({"a": [{"id": each} for each in side]} for side in (base, ours, theirs))
    )
    assert made.document is not None
    merged = [each["id"] for each in made.document["a"]]
    assert set(merged) == {*ours, *theirs} - (set(base) - (set(ours) & set(theirs)))
    in_both = set(ours) & set(theirs)
    was, mine, other, now = (
        [each for each in side if each in in_both] for side in (base, ours, theirs, merged)
    )
    assert now == (other if mine == was else mine)
    assert list(made.paths) == ["/a"] * (mine != was and other not in (was, mine))
    for mine, other in ((ours, theirs), (theirs, ours)):
        for before, new in pairwise(each for each in mine if each in merged):
            assert new in base or new in other or merged.index(before) < merged.index(new)
