"""What is different between two texts, as a diff's hunks."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Literal

from contexts.extraction.diffs import Hunk

CONTEXT = 3
# How many pairs of lines are compared at most; beyond that, stretches with nothing in common that
# is told apart easily count as replaced.
COMPARED = 4_000_000


def between(old: str, new: str) -> list[Hunk]:
    """The hunks that make `new` of `old`; a missing newline at the end is a difference."""
    before, after = lines_of(old), lines_of(new)
    for text, kept in ((old, before), (new, after)):
        if text and text[-1] != "\n":
            # No line holds one, so this tells it from the same line with its newline.
            kept[-1] += "\n"
    start = _common(before, after)
    end = _common(before[start:][::-1], after[start:][::-1])
    middle = (before[start : len(before) - end], after[start : len(after) - end])
    first = max(0, start - CONTEXT)
    hunks = []
    for group in _groups(*middle, lead=start - first, trail=min(end, CONTEXT)):
        tag_first, tag_last = group[0], group[-1]
        lines: list[str] = []
        for tag, old_from, old_to, new_from, new_to in group:
            if tag == "equal":
                lines += [" " + line for line in before[first + old_from : first + old_to]]
                continue
            lines += ["-" + line for line in before[first + old_from : first + old_to]]
            lines += ["+" + line for line in after[first + new_from : first + new_to]]
        old_length, new_length = tag_last[2] - tag_first[1], tag_last[4] - tag_first[3]
        hunks.append(
            Hunk(
                first + tag_first[1] + (old_length > 0),
                first + tag_first[3] + (new_length > 0),
                lines=[line.rstrip("\n") for line in lines],
            )
        )
    return hunks


def lines_of(text: str) -> list[str]:
    """The lines as a diff counts them: a newline at the end begins no further one."""
    lines = text.split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """How many lines at the beginning are the same."""
    return next(
        (at for at, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]),
        min(len(one), len(other)),
    )


_Step = tuple[Literal["replace", "delete", "insert", "equal"], int, int, int, int]


class _Known(SequenceMatcher[str]):
    """Groups steps that were found already."""

    def __init__(self, steps: list[_Step]) -> None:
        super().__init__()
        self._known = steps

    def get_opcodes(self) -> list[_Step]:
        return self._known


def _groups(
    old: list[str], new: list[str], lead: int, trail: int
) -> list[list[tuple[str, int, int, int, int]]]:
    """Steps in groups that stand apart, counted from `lead` equal lines before the middle."""
    if not old and not new:
        return []
    steps: list[_Step] = [("equal", 0, lead, 0, lead)] if lead else []
    for tag, one, two, three, four in _steps(old, new):
        steps.append((tag, one + lead, two + lead, three + lead, four + lead))
    if trail:
        old_end, new_end = lead + len(old), lead + len(new)
        steps.append(("equal", old_end, old_end + trail, new_end, new_end + trail))
    return [list(group) for group in _Known(steps).get_grouped_opcodes(CONTEXT)]


def _steps(old: list[str], new: list[str]) -> list[_Step]:
    if not old or not new:
        return [("replace", 0, len(old), 0, len(new))]
    if len(old) * len(new) <= COMPARED:
        return SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    # Between lines that each text has once, and in the same order, there is less to compare.
    steps: list[_Step] = []
    at_old = at_new = 0
    for one, other in [*_anchors(old, new), (len(old), len(new))]:
        gap = old[at_old:one], new[at_new:other]
        if len(gap[0]) * len(gap[1]) <= COMPARED and all(gap):
            inner = SequenceMatcher(None, *gap, autojunk=False).get_opcodes()
        else:
            inner = [("replace", 0, len(gap[0]), 0, len(gap[1]))] if any(gap) else []
        for tag, first, last, third, fourth in inner:
            steps.append((tag, first + at_old, last + at_old, third + at_new, fourth + at_new))
        if one < len(old):
            steps.append(("equal", one, one + 1, other, other + 1))
        at_old, at_new = one + 1, other + 1
    return _joined(steps)


def _anchors(old: list[str], new: list[str]) -> list[tuple[int, int]]:
    """The longest run, in order, of places of lines that stand once in each text."""
    once = [{line for line, count in Counter(text).items() if count == 1} for text in (old, new)]
    where = {line: place for place, line in enumerate(old) if line in once[0] and line in once[1]}
    pairs = [(where[line], place) for place, line in enumerate(new) if line in where]
    ends: list[int] = []
    last: list[int] = []
    before = [-1] * len(pairs)
    for number, (place, _) in enumerate(pairs):
        length = bisect_left(ends, place)
        before[number] = last[length - 1] if length else -1
        ends[length : length + 1] = [place]
        last[length : length + 1] = [number]
    found = []
    number = last[-1] if last else -1
    while number >= 0:
        found.append(pairs[number])
        number = before[number]
    return found[::-1]


def _joined(steps: list[_Step]) -> list[_Step]:
    """The steps with equal ones that touch made one."""
    found: list[_Step] = []
    for step in steps:
        if found and step[0] == found[-1][0] == "equal":
            found[-1] = ("equal", found[-1][1], step[2], found[-1][3], step[4])
        else:
            found.append(step)
    return found
