"""Parts of texts: secrets that span the lines of a list, and the lines that may hold one."""

from collections.abc import Callable, Sequence
from itertools import groupby
from operator import is_
from typing import Any

Stretch = tuple[int, int]


def without_keys(items: list[Any], redact: Callable[[str], str]) -> list[Any]:
    """A list of lines without the private keys in it; the very same list when there is none.

    Neighbours that are one line each are read as one text. An item of several lines is a text of
    its own, and whatever else stands in the list is no line: both stay as they are.
    """
    if not any(isinstance(item, str) and "-----BEGIN " in item for item in items):
        return items
    found: list[Any] = []
    for is_line, group in groupby(items, _is_line):
        lines = list(group)
        text = "\n".join(lines) if is_line else ""
        clean = redact(text)
        found += lines if clean == text else clean.split("\n")
    return items if len(found) == len(items) and all(map(is_, found, items)) else found


def _is_line(item: Any) -> bool:
    return isinstance(item, str) and "\n" not in item


def lines_with(text: str, words: Sequence[str]) -> list[Stretch]:
    """Where the lines are, ends included, that hold one of `words` (lower case), in order.

    Outputs have such words in a few lines: a pattern that is tried at every letter of them alone
    is done ten times as fast. A text with letters that are longer in lower case is one stretch.
    """
    lowered = text.lower()
    if len(lowered) != len(text):
        return [(0, len(text))]
    found = []
    ahead = {word: lowered.find(word) for word in words}
    while hits := [place for place in ahead.values() if place >= 0]:
        start = text.rfind("\n", 0, min(hits)) + 1
        end = text.find("\n", min(hits)) + 1 or len(text)
        found.append((start, end))
        for word, place in ahead.items():
            if 0 <= place < end:
                ahead[word] = lowered.find(word, end)
    return found
