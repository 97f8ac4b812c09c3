"""A resolved context as Markdown for a prompt, within a budget of tokens (contract §2).

Under a budget, what is kept first: critical and high insights, then data, then the other
insights, then progress; inside each of these the most specific level first.
"""

import json
import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

_RANKS = ("critical", "high", "medium", "low")
_IMPORTANT = ("critical", "high")
# In bytes: below the first nothing is shortened, below the second it would say nothing.
_LONG = 64
_SHORTEST = 24


@dataclass(frozen=True)
class EntryLine:
    """One insight or progress entry; `importance` and `category` are "" for progress."""

    kind: str
    content: str
    category: str
    importance: str
    agent: str
    at: str


@dataclass(frozen=True)
class Section:
    """What one level adds: `data` is JSON Pointer and value of each leaf it set, in order."""

    level: str
    context_id: str
    data: list[tuple[str, Any]]
    entries: list[EntryLine]


@dataclass(frozen=True)
class _Item:
    """One bullet: its section, its name in the notice, how early it is kept, its lines."""

    section: int
    noun: str
    tier: int
    text: str
    cut: bool = False

    def within(self, size: int) -> "_Item":
        text = _shortened(self.text, size)
        return self if text == self.text else replace(self, text=text, cut=True)


def token_count(text: str) -> int:
    """UTF-8 bytes divided by 4, rounded up: the contract's measure."""
    return math.ceil(_size(text) / 4)


def render(title: str, sections: list[Section], max_tokens: int | None) -> str:
    """The Markdown of `sections` (most specific first), never above `max_tokens`.

    Without `max_tokens` nothing is left out; with it, a last line names what was.
    """
    headings = [_heading(section) for section in sections]
    items = [item for index, section in enumerate(sections) for item in _items(index, section)]
    heading = f"# {_line(title)}\n"
    whole = _assemble(heading, headings, items, range(len(sections)))
    if max_tokens is None or _size(whole) <= 4 * max_tokens:
        return whole
    names = [
        _line(s.level if s.level == s.context_id else f"{s.level} {s.context_id}") for s in sections
    ]
    return _Budget(max_tokens, heading, headings, names).fill(items)


def _heading(section: Section) -> str:
    text = f"\n## {_line(section.level).capitalize()} {_line(section.context_id)}\n"
    return text + "\n" if section.data or section.entries else text


def _items(index: int, section: Section) -> list[_Item]:
    """The bullets of a section, in the order they are shown."""
    newest_first = sorted(section.entries, key=lambda entry: entry.at.rstrip("Z"), reverse=True)
    insights = sorted(
        (entry for entry in newest_first if entry.kind == "insight"),
        key=lambda entry: _RANKS.index(entry.importance) if entry.importance in _RANKS else 9,
    )
    progress = [entry for entry in newest_first if entry.kind != "insight"]
    important = [entry for entry in insights if entry.importance in _IMPORTANT]
    others = [entry for entry in insights if entry.importance not in _IMPORTANT]
    return [
        *(_Item(index, "insight", 0, _insight(entry)) for entry in important),
        *(
            _Item(index, "value", 1, _bullet(_path(at), _shown(value)))
            for at, value in section.data
        ),
        *(_Item(index, "insight", 2, _insight(entry)) for entry in others),
        *(_Item(index, "progress entry", 3, _progress(entry)) for entry in progress),
    ]


def _insight(entry: EntryLine) -> str:
    notes = ", ".join(_line(note) for note in (entry.importance, entry.category) if note)
    return _bullet(f"Insight ({notes})" if notes else "Insight", entry.content)


def _progress(entry: EntryLine) -> str:
    origin = ", ".join(_line(part) for part in (entry.at, entry.agent) if part)
    return _bullet(f"Progress ({origin})" if origin else "Progress", entry.content)


def _path(pointer: str) -> str:
    parts = pointer.removeprefix("/").split("/")
    keys = (_line(part.replace("~1", "/").replace("~0", "~")) for part in parts)
    return ".".join(key or '""' for key in keys)


def _shown(value: Any) -> str:
    if isinstance(value, str) and value.strip():
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _line(text: str) -> str:
    return " ".join(text.split())


def _bullet(head: str, body: str) -> str:
    """`- head: body`; a body of several lines stands indented below, inside the list item."""
    lines = body.splitlines()
    if len(lines) < 2:
        return f"- {head}: {''.join(lines)}\n"
    indented = (f"  {line}".rstrip() for line in lines)
    return "\n".join((f"- {head}:", *indented)).rstrip() + "\n"


def _size(text: str) -> int:
    return len(text.encode())


def _shortened(text: str, size: int) -> str:
    """`text` cut to `size` bytes, its last character an ellipsis; a trailing line feed stays."""
    if _size(text) <= size:
        return text
    end = "…\n" if text.endswith("\n") else "…"
    kept = text.encode()[: max(0, size - _size(end))].decode(errors="ignore").rstrip()
    return kept + end if size >= _size(end) else ""


def _assemble(
    heading: str, headings: list[str], items: Iterable[_Item], shown: Iterable[int]
) -> str:
    texts: dict[int, list[str]] = {index: [headings[index]] for index in sorted(shown)}
    for item in items:
        texts[item.section].append(item.text)
    return heading + "".join(part for parts in texts.values() for part in parts)


def _noun(noun: str, count: int) -> str:
    plural = "progress entries" if noun == "progress entry" else noun + "s"
    return f"{count} {noun if count == 1 else plural}"


# How many are left out or shortened, by section and noun.
_Counts = Counter[tuple[int, str]]


def _count(items: Iterable[_Item]) -> _Counts:
    return Counter((item.section, item.noun) for item in items)


class _Budget:
    """Chooses the items that fit into so many tokens, with room for saying what did not."""

    def __init__(self, tokens: int, heading: str, headings: list[str], names: list[str]) -> None:
        self.tokens = tokens
        self.bytes = max(0, 4 * tokens)
        self.heading = _shortened(heading, max(20, self.bytes // 4))
        self.headings = headings
        self.names = names

    def fill(self, items: list[_Item]) -> str:
        ordered = sorted(items, key=lambda item: (item.tier, item.section))
        # Rather shorten what is long than leave out what is not, but no more than needed.
        for share in (2, 4, 8):
            longest = max(_LONG, self.bytes // share)
            short = [item.within(longest) for item in ordered]
            kept = self._kept(short)
            if kept == len(short):
                break
        text = self._text(short[:kept], short[kept:])
        if kept < len(short):
            room = self.bytes - _size(text) - _size(self.headings[short[kept].section]) - 2
            if room >= _SHORTEST:
                partly = [*short[:kept], short[kept].within(room)]
                longer = self._text(partly, short[kept + 1 :])
                text = longer if _size(longer) <= self.bytes else text
        return text if _size(text) <= self.bytes else self._tiny(len(ordered))

    def _kept(self, items: list[_Item]) -> int:
        """How many of `items`, from the first, fit beside the notice about the rest."""
        seen: set[int] = set()
        sizes = [_size(self.heading)]
        for item in items:
            first = item.section not in seen
            seen.add(item.section)
            sizes.append(_size(item.text) + first * _size(self.headings[item.section]))
        totals = list(accumulate(sizes))
        kept = max(0, bisect_right(totals, self.bytes) - 1)
        left, cut = _count(items[kept:]), _count(item for item in items[:kept] if item.cut)
        while kept and totals[kept] + _size(self._notice(left, cut)) > self.bytes:
            kept -= 1
            key = (items[kept].section, items[kept].noun)
            left[key] += 1
            cut[key] -= items[kept].cut
        return kept

    def _text(self, kept: list[_Item], left: list[_Item]) -> str:
        shown = {item.section for item in kept}
        body = _assemble(self.heading, self.headings, kept, shown)
        return body + self._notice(_count(left), _count(item for item in kept if item.cut))

    def _notice(self, left: _Counts, cut: _Counts) -> str:
        """What was left out or shortened, in as many words as a third of the budget holds."""
        why = f"to stay within {self.tokens} tokens"
        counted = [("left out", +left), ("shortened", +cut)]
        parts = [(verb, counts) for verb, counts in counted if counts]
        if not parts:
            return ""
        for tell in (self._by_level, _by_noun):
            first, *second = (f"{verb}: {tell(counts)}" for verb, counts in parts)
            text = _emphasized("; ".join((first.replace(":", f" {why}:", 1), *second)))
            if _size(text) <= self.bytes // 3:
                return text
        verb, counts = parts[0]
        return _emphasized(f"{verb}: {_noun('item', counts.total())}")

    def _by_level(self, counts: _Counts) -> str:
        ordered = sorted(counts.items(), key=lambda item: item[0][0])
        return ", ".join(f"{_noun(noun, n)} of {self.names[at]}" for (at, noun), n in ordered)

    def _tiny(self, count: int) -> str:
        """For a budget that does not even hold the title and the shortest notice."""
        notice = _emphasized(f"left out: {_noun('item', count)}")
        room = self.bytes - _size(notice)
        if room < 0:
            return _shortened(self.heading, self.bytes)
        return _shortened(self.heading, room) + notice


def _by_noun(counts: _Counts) -> str:
    nouns: Counter[str] = Counter()
    for (_, noun), number in sorted(counts.items(), key=lambda item: item[0][0]):
        nouns[noun] += number
    return ", ".join(_noun(noun, number) for noun, number in nouns.items())


def _emphasized(sentence: str) -> str:
    return f"\n_{sentence[:1].upper()}{sentence[1:]}._\n"
