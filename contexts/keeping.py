"""What entries keep of large values: the beginning, without secrets, saying what was cut."""

import json
from typing import Any

from contexts import documents
from contexts.documents import Document
from contexts.services.rows import redacted

# Where a text is cut before its secrets are out, half of one may end it: so much is not shown.
MARGIN = 8 * 1024
LARGEST_DATA = 32 * 1024
LARGEST_EXTRACT = 64 * 1024
SMALLEST_SHARE = 256
MOST_MEMBERS = 200
# Of an output. Where it is read in one piece, a server that does so answers nobody meanwhile.
LONGEST_HEAD = 64 * 1024
LONGEST_TAIL = 192 * 1024
# What must be whole to be read at all.
_WHOLE = ("junit_xml", "coverage_xml", "changes", "content")
DEEPEST = 32


def cut(value: Any, limit: int) -> Any:
    """`value` without secrets, or of a large one an object with `truncated`, `bytes`, `preview`.

    Costs no more than `limit` asks for, whatever the size of `value`.
    """
    size = _size(value)
    if size <= limit or isinstance(value, int | float | None):
        return documents.capped(flat(redacted(value)), limit)
    window = _Window(limit + 2 * MARGIN)
    clean = redacted(window.of(value))
    text = clean if isinstance(clean, str) else json.dumps(clean, ensure_ascii=False)
    if window.room <= 0:
        text = text[:-MARGIN]
    # Room for what it says about itself.
    told = documents.capped(text, limit - 100)
    preview = told["preview"] if isinstance(told, dict) else told
    told_size = len(value.encode()) if isinstance(value, str) else size
    return {"truncated": True, "bytes": told_size, "preview": preview}


def cut_members(data: Document, limit: int = LARGEST_DATA) -> Document:
    """An object's members, the largest cut so that all together take about `limit` bytes."""
    names = list(data)[:MOST_MEMBERS]
    left, kept = limit, dict[str, Any]()
    # From the smallest on: what one leaves over the others may have.
    sizes = sorted((_size(data[name]), index, name) for index, name in enumerate(names))
    for done, (size, _, name) in enumerate(sizes):
        share = max(left // (len(sizes) - done), SMALLEST_SHARE)
        # Together with its name: that alone may tell a secret.
        member = redacted({name: cut(data[name], share)})
        kept |= member
        left -= min(size, share) + len(name)
    ordered = {name: kept[name] for name in names if name in kept}
    ordered |= {name: value for name, value in kept.items() if name not in ordered}
    if len(data) > len(names):
        ordered["members_cut"] = len(data) - len(names)
    return ordered


def shortened(value: Any) -> tuple[Any, int]:
    """`value` with the middle of its long texts left out, and how many characters that was.

    Test runners say most at the end, and what began it at the beginning.
    """
    if isinstance(value, str):
        left = len(value) - LONGEST_HEAD - LONGEST_TAIL
        if left <= 0:
            return value, 0
        return f"{value[:LONGEST_HEAD]}\n[...]\n{value[-LONGEST_TAIL:]}", left
    if isinstance(value, dict):
        items = {
            name: (item, 0) if name in _WHOLE else shortened(item)
            for name, item in value.items()
            if not isinstance(item, dict | list)
        }
        return {**value, **{name: item for name, (item, _) in items.items()}}, sum(
            left for _, left in items.values()
        )
    return value, 0


def fitted(extracted: Document, limit: int = LARGEST_EXTRACT) -> Document:
    """What was extracted within about `limit` bytes: its longest lists end early, as `cut` says."""
    left: Document = {}
    fitting = dict(extracted)
    while _size(fitting) > limit:
        lists = [name for name, value in fitting.items() if isinstance(value, list) and value]
        if not lists:
            return {"cut": left, "kept": documents.capped(fitting, limit)}
        longest = max(lists, key=lambda name: _size(fitting[name]))
        shown = fitting[longest][: len(fitting[longest]) // 2]
        left[longest] = left.get(longest, 0) + len(fitting[longest]) - len(shown)
        fitting[longest] = shown
        known = extracted.get("cut")
        fitting["cut"] = {**(known if isinstance(known, dict) else {}), **left}
    return fitting


def flat(value: Any) -> Any:
    """`value`, or its JSON as a text when it is nested deeper than entries may be."""
    return json.dumps(value, ensure_ascii=False) if documents.depth(value) > DEEPEST else value


def _size(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False).encode())


class _Window:
    """The first `room` characters or so of a value, in its own shape; `room` is what is left."""

    def __init__(self, room: int) -> None:
        self.room = room

    def of(self, value: Any, depth: int = 0) -> Any:
        self.room -= 4
        if isinstance(value, str):
            shown = value[: max(0, self.room)]
            self.room -= len(shown)
            return shown
        if depth > 2 * DEEPEST:
            return "…"
        if isinstance(value, list):
            items = []
            for item in value:
                if self.room <= 0:
                    break
                items.append(self.of(item, depth + 1))
            return items
        if isinstance(value, dict):
            members = {}
            for name, item in value.items():
                if self.room <= 0:
                    break
                self.room -= len(name)
                members[name[:1000]] = self.of(item, depth + 1)
            return members
        return value
