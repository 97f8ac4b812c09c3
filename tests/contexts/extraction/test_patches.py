"""Texts compared, and diffs applied to them."""

import difflib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contexts.extraction import diffs
from contexts.extraction.comparing import COMPARED, between
from contexts.extraction.patches import applied, of_structured_patch

texts = st.lists(st.sampled_from(["a", "b", "c", "d", "", "e\r"]), max_size=30)
LONG = 3_000


def counts(old: str, new: str) -> tuple[int, int]:
    hunks = between(old, new)
    lines = [line[0] for hunk in hunks for line in hunk.lines]
    return lines.count("+"), lines.count("-")


@given(texts, texts)
def test_hunks_lead_from_either_text_to_the_other(old: list[str], new: list[str]) -> None:
    one, other = ("".join(line + "\n" for line in text) for text in (old, new))
    hunks = between(one, other)
    assert applied(hunks, new) == old
    assert applied(hunks, old, "-") == new


@given(texts, texts)
def test_hunks_are_those_of_difflib(old: list[str], new: list[str]) -> None:
    one, other = ("".join(line + "\n" for line in text) for text in (old, new))
    text = "".join(
        line + "\n" for line in difflib.unified_diff(old, new, "a/x", "b/x", lineterm="")
    )
    wanted = [(h.old_start, h.new_start, h.lines) for f in diffs.parse(text) for h in f.hunks]
    found = [(hunk.old_start, hunk.new_start, hunk.lines) for hunk in between(one, other)]
    # It is free to pair other equal lines than the whole texts would, but not to stand elsewhere.
    assert bool(found) == bool(wanted)
    if sum(len(lines) for *_, lines in found) == sum(len(lines) for *_, lines in wanted):
        assert [row[:2] for row in found] == [row[:2] for row in wanted]


ENDS = [
    ("a\nb", "a\nb\n", (1, 1)),
    ("a\nb\n", "a\nb", (1, 1)),
    ("a", "a\n", (1, 1)),
    ("a\nb", "a\nc", (1, 1)),
    ("", "a", (1, 0)),
    ("a\n", "", (0, 1)),
    ("", "\n", (1, 0)),
    ("a\nb", "a\nb", (0, 0)),
    ("a", "a\nb", (2, 1)),
]


@pytest.mark.parametrize(("old", "new", "wanted"), ENDS)
def test_a_newline_at_the_end_counts_as_git_counts_it(
    old: str, new: str, wanted: tuple[int, int]
) -> None:
    assert counts(old, new) == wanted


def test_long_texts_are_compared_in_bounded_time() -> None:
    old = [f"line {number}" for number in range(LONG)]
    new = [line if number % 2 else f"other {number}" for number, line in enumerate(old)]
    assert LONG * LONG > COMPARED
    start = time.process_time()
    hunks = between("\n".join(old), "\n".join(new))
    assert time.process_time() - start < 10
    assert counts("\n".join(old), "\n".join(new)) == (LONG // 2, LONG // 2)
    assert applied(hunks, new) == old


def test_long_texts_with_nothing_to_hold_on_to_are_replaced() -> None:
    old, new = ["a", "b"] * LONG, ["b", "b", "a"] * LONG
    hunks = between("\n".join(old), "\n".join(new))
    assert applied(hunks, new) == old


def test_a_patch_that_does_not_fit_is_not_applied() -> None:
    hunks = of_structured_patch([{"oldStart": 2, "newStart": 2, "lines": [" b", "+c"]}])
    assert applied(hunks, ["a", "b", "c"]) == ["a", "b"]
    assert applied(hunks, ["b", "c"]) is None
    assert applied(hunks, []) is None
    assert applied([*hunks, *hunks], ["a", "b", "c"]) is None
    assert applied(of_structured_patch([{"lines": ["+b"]}]), ["b"]) is None
    assert applied(of_structured_patch([{"newStart": -5, "lines": ["+b"]}]), ["b"]) is None


def test_line_ends_do_not_keep_a_patch_from_fitting() -> None:
    hunks = of_structured_patch([{"oldStart": 1, "newStart": 1, "lines": ["-a", "+b"]}])
    assert applied(hunks, ["b\r", "c\r"]) == ["a", "c\r"]
