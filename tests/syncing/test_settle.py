"""What settling a conflict makes current, whichever strategy and whatever came since (pure)."""

import copy
from typing import Any

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from contexts.merging import same
from syncing.conflicts import Document, Strategy, made_from, merge_three_way, settle
from tests.syncing.test_merge_laws import DRAWN, Choices, document

ID = "0190b3c4-0000-7000-8000-000000000001"


def fields(choices: Choices) -> Document:
    """The writable fields of a task."""
    return {
        "progress": choices.of([0, 50, 100]),
        "next_steps": choices.of([[], ["x"], ["y"]]),
        "data": document(choices),
        "metadata": document(choices, 0),
    }


def began(base: Document | None, ours: Document | None, theirs: Document | None) -> Any:
    """What a hub makes current when the conflict arises, in the words of CONTRACT §4."""
    if ours is None or theirs is None:
        return ours or theirs
    return merge_three_way(made_from(base, ours, theirs), ours, theirs).document


def expected(strategy: Strategy, base: Any, ours: Any, theirs: Any) -> Any:
    """What the strategy promises when nothing was edited since."""
    if strategy is Strategy.OURS:
        return ours
    if strategy is Strategy.THEIRS or (strategy is Strategy.MERGE and None in (ours, theirs)):
        return theirs
    if strategy is Strategy.MERGE:
        return merge_three_way(made_from(base, ours, theirs), theirs, ours).document
    kept = copy.deepcopy(began(base, ours, theirs))
    kept["data"]["_conflicts"] = {ID: theirs}
    return kept


def sides(drawn: bytes) -> tuple[Any, Any, Any]:
    choices = Choices(drawn)
    gone = choices.of(["nothing", "nothing", "base", "ours", "theirs"])
    base, ours, theirs = (fields(choices) for _ in range(3))
    return (
        None if gone == "base" else base,
        None if gone == "ours" else ours,
        None if gone == "theirs" else theirs,
    )


@settings(deadline=None, max_examples=1_000)
@given(DRAWN, st.sampled_from(Strategy))
def test_a_strategy_makes_current_what_it_promises(drawn: bytes, strategy: Strategy) -> None:
    note(f"strategy: {strategy}")
    base, ours, theirs = sides(drawn)
    before = copy.deepcopy([base, ours, theirs])
    current = began(base, ours, theirs)
    made = settle(strategy, ID, base, ours, theirs, current, rest_applied=True)
    assert same(made, expected(strategy, base, ours, theirs))
    assert same([base, ours, theirs], before)


@settings(deadline=None, max_examples=1_000)
@given(DRAWN, st.sampled_from(Strategy))
def test_what_was_edited_elsewhere_since_stays(drawn: bytes, strategy: Strategy) -> None:
    note(f"strategy: {strategy}")
    base, ours, theirs = sides(drawn)
    for side in (base, ours, theirs):
        if side is not None:
            side["data"]["untouched"] = {"by": "both", "x": 1}
    current = began(base, ours, theirs)
    current["data"]["untouched"]["by"] = "someone since"
    current["data"]["new"] = "since"
    made = settle(strategy, ID, base, ours, theirs, current, rest_applied=True)
    wanted = expected(strategy, base, ours, theirs)
    if wanted is not None:
        wanted["data"]["untouched"]["by"] = "someone since"
        wanted["data"]["new"] = "since"
    assert same(made, wanted)


@settings(deadline=None, max_examples=500)
@given(DRAWN, st.sampled_from(Strategy))
def test_without_the_rest_of_theirs_ours_is_what_was_current(
    drawn: bytes, strategy: Strategy
) -> None:
    """So it is when the two together are no document that a level takes."""
    note(f"strategy: {strategy}")
    choices = Choices(drawn)
    base, ours, theirs = (fields(choices) for _ in range(3))
    made = settle(strategy, ID, base, ours, theirs, copy.deepcopy(ours), rest_applied=False)
    wanted = expected(strategy, base, ours, theirs)
    if strategy is Strategy.KEEP_BOTH:
        wanted = copy.deepcopy(ours)
        wanted["data"]["_conflicts"] = {ID: theirs}
    assert same(made, wanted)


def task(**told: Any) -> Document:
    return {"data": {}, "metadata": {}, "progress": 0, "next_steps": [], **told}


BASE = task(data={"a": 1, "b": 1})
OURS = task(data={"a": 2, "b": 1}, progress=20)
THEIRS = task(data={"a": 3, "b": 3})
CURRENT = task(data={"a": 2, "b": 3}, progress=20)


@pytest.mark.parametrize(
    ("strategy", "made"),
    [
        (Strategy.OURS, OURS),
        (Strategy.THEIRS, THEIRS),
        (Strategy.MERGE, task(data={"a": 3, "b": 3}, progress=20)),
        (Strategy.KEEP_BOTH, task(data={"a": 2, "b": 3, "_conflicts": {ID: THEIRS}}, progress=20)),
    ],
)
def test_two_edits_of_one_path(strategy: Strategy, made: Document) -> None:
    assert settle(strategy, ID, BASE, OURS, THEIRS, CURRENT, rest_applied=True) == made


def test_what_the_choice_does_not_touch_stays_as_it_is_now() -> None:
    now = task(data={"a": 9, "b": 3, "since": 1}, progress=20)
    made = settle(Strategy.THEIRS, ID, BASE, OURS, THEIRS, now, rest_applied=True)
    assert made == task(data={"a": 3, "b": 3, "since": 1}, progress=0)


def test_own_data_replaces_the_data_and_leaves_the_other_fields() -> None:
    own = {"mine": [1]}
    for current in (CURRENT, None):
        made = settle(None, ID, BASE, OURS, THEIRS, current, rest_applied=True, own_data=own)
        assert made == task(data={"mine": [1]}, progress=20)


def test_a_second_conflict_is_kept_beside_the_first() -> None:
    now = task(data={**CURRENT["data"], "_conflicts": {"first": {}}}, progress=20)
    made = settle(Strategy.KEEP_BOTH, ID, BASE, OURS, THEIRS, now, rest_applied=True)
    assert made is not None
    assert made["data"]["_conflicts"] == {"first": {}, ID: THEIRS}


@pytest.mark.parametrize("strategy", [Strategy.OURS, Strategy.MERGE, Strategy.KEEP_BOTH])
def test_a_choice_between_edits_brings_back_what_was_deleted_since(strategy: Strategy) -> None:
    made = settle(strategy, ID, BASE, OURS, THEIRS, None, rest_applied=True)
    assert made == settle(strategy, ID, BASE, OURS, THEIRS, CURRENT, rest_applied=True)
