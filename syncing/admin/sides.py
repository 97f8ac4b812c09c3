"""A conflict's three documents beside each other, line by line, what is in dispute marked.

What is the same in all is told once and folded where it is long; where they differ, a row holds
what each has at one path.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice
from typing import Any

from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from contexts.admin import rendering
from contexts.admin.rendering import Line
from contexts.merging import pointer
from syncing.conflicts import MISSING, WHOLE, Document, alike, by_id

SIDES = ("base", "ours", "theirs")
LABELS = {
    "disputed": "in dispute",
    "ours": "changed in ours",
    "theirs": "changed in theirs",
    "both": "changed alike in both",
}
MOST_ROWS = 500
MOST_FOLDED = 400
# Lines of a stretch without a difference that stay in sight on its either end.
KEPT = 3

# What each of the three has.
Values = tuple[Any, ...]


class _Bracket(str):
    """What opens or closes a container; it is no JSON of its own."""


# Below something that is not there, or no container: nothing to say of it.
_BLANK: Any = object()


@dataclass(frozen=True)
class Cell:
    """What one document has in a row: no lines for nothing to say, None for not there."""

    side: str
    lines: Sequence[Line] | None
    changed: bool = False

    @property
    def blank(self) -> bool:
        return self.lines is not None and not self.lines

    @property
    def code(self) -> SafeString:
        """The lines with their colours: made for those only that a page shows."""
        return format_html_join("\n", "{}", ((rendering.code(line),) for line in self.lines or ()))


@dataclass(frozen=True)
class Row:
    """One path in all three documents; `mark` is "" where they are the same."""

    mark: str
    cells: list[Cell]
    anchor: str = ""

    @property
    def label(self) -> str:
        return LABELS.get(self.mark, "")


@dataclass(frozen=True)
class Stretch:
    """Rows of one kind in a row; `folded` ones are out of sight until asked for."""

    rows: list[Row]
    folded: bool = False
    more: int = 0

    @property
    def count(self) -> int:
        return len(self.rows) + self.more


@dataclass(frozen=True)
class Beside:
    """The stretches of a page, and whether that is not all."""

    stretches: list[Stretch]
    cut: bool


def anchors(paths: list[str]) -> dict[str, str]:
    """The names by which a page leads to the rows of paths in dispute."""
    return {path: f"dispute-{number}" for number, path in enumerate(paths, 1)}


def beside(
    base: Document | None, ours: Document | None, theirs: Document | None, paths: list[str]
) -> Beside:
    """The documents of a conflict over `paths` as rows; None is a deleted or missing one."""
    stretches: list[Stretch] = []
    left = MOST_ROWS
    for same, group in groupby(_Walk(base, ours, theirs, paths).rows(), lambda row: not row.mark):
        if same:
            stretches += _folded(list(group))
            continue
        rows = list(islice(group, left + 1))
        stretches.append(Stretch(rows[:left]))
        if len(rows) > left:
            return Beside(stretches, cut=True)
        left -= len(rows)
    return Beside(stretches, cut=False)


def _folded(rows: list[Row]) -> list[Stretch]:
    if len(rows) <= 2 * KEPT + 2:
        return [Stretch(rows)]
    middle = rows[KEPT:-KEPT]
    folded = Stretch(middle[:MOST_FOLDED], True, max(0, len(middle) - MOST_FOLDED))
    return [Stretch(rows[:KEPT]), folded, Stretch(rows[-KEPT:])]


class _Walk:
    def __init__(
        self,
        base: Document | None,
        ours: Document | None,
        theirs: Document | None,
        paths: list[str],
    ) -> None:
        self.documents = (base, ours, theirs)
        self.gone = tuple(document is None for document in self.documents)
        # Then everything is, and only what an edit changed is worth a look.
        self.whole = list(WHOLE) == paths
        self.anchors = anchors(paths)

    def rows(self) -> Iterator[Row]:
        values = tuple(_BLANK if each is None else each for each in self.documents)
        yield from self._at(0, None, "", values, disputed=False)

    def _compared(self, values: Values) -> Values:
        """As values are compared: a document that is gone differs nowhere from the others."""
        base, ours, theirs = (MISSING if each is _BLANK else each for each in values)
        if self.gone[0]:
            base = _as_if_there(theirs if self.gone[1] else ours, ours if self.gone[2] else theirs)
        return base, base if self.gone[1] else ours, base if self.gone[2] else theirs

    def _at(
        self, depth: int, key: str | None, path: str, values: Values, *, disputed: bool
    ) -> Iterator[Row]:
        anchor = self.anchors.get(path, "")
        disputed = disputed or (bool(anchor) and not self.whole)
        base, ours, theirs = self._compared(values)
        if not disputed and alike(base, ours) and alike(base, theirs):
            yield from self._same(depth, key, base)
            return
        children = _children((base, ours, theirs))
        if children is None:
            yield self._row(depth, key, values, anchor, disputed=disputed)
            return
        first, last, items = children
        kind = dict if first == "{" else list
        opened = tuple(_Bracket(first) if isinstance(each, kind) else each for each in values)
        yield self._row(depth, key, opened, anchor, disputed=disputed)
        for name, held in items.items():
            below = tuple(
                value if isinstance(parent, kind) and not gone else _BLANK
                for value, parent, gone in zip(held, values, self.gone, strict=True)
            )
            yield from self._at(
                depth + 1,
                str(name) if kind is dict else None,
                path + pointer((str(name),)),
                below,
                disputed=disputed,
            )
        closed = tuple(_Bracket(last) if isinstance(each, kind) else _BLANK for each in values)
        yield self._row(depth, None, closed, "", disputed=disputed)

    def _same(self, depth: int, key: str | None, value: Any) -> Iterator[Row]:
        if value is MISSING:
            return
        for line in _plain(depth, key, value):
            cells = [
                Cell(side, () if gone else (line,))
                for side, gone in zip(SIDES, self.gone, strict=True)
            ]
            yield Row("", cells)

    def _row(
        self, depth: int, key: str | None, values: Values, anchor: str, *, disputed: bool
    ) -> Row:
        compared = self._compared(values)
        base, ours, theirs = compared
        changed = (not alike(base, ours), not alike(base, theirs))
        mark = {(True, False): "ours", (False, True): "theirs", (True, True): "both"}.get(changed)
        if disputed or (self.whole and mark):
            mark = "disputed"
        cells = [
            Cell(side, _lines(depth, key, value), not alike(base, effective))
            for side, value, effective in zip(SIDES, values, compared, strict=True)
        ]
        return Row(mark or "", cells, anchor)


def _as_if_there(ours: Any, theirs: Any) -> Any:
    """What a base that is not there had: what is the same in both, else the field's default."""
    if alike(ours, theirs):
        return ours
    if ours is MISSING or theirs is MISSING:
        return MISSING
    return next((each for each in (ours, theirs) if not each), MISSING)


def _children(values: Values) -> tuple[str, str, dict[Any, Values]] | None:
    """The brackets and members of what a merge looks into; None for what it takes as one."""
    base, ours, theirs = values
    edited = [each for each in (ours, theirs) if each is not MISSING] or [base]
    if all(isinstance(each, dict) for each in edited) and any(edited):
        return "{", "}", _by_key([each if isinstance(each, dict) else {} for each in values])
    if isinstance(ours, list) and isinstance(theirs, list) and (ours or theirs):
        found = [by_id(each) for each in values]
        if None not in found:
            return "[", "]", _by_key([each or {} for each in found])
    return None


def _by_key(members: list[dict[Any, Any]]) -> dict[Any, Values]:
    keys = dict.fromkeys(key for each in members for key in each)
    base, ours, theirs = members
    return {
        key: (base.get(key, MISSING), ours.get(key, MISSING), theirs.get(key, MISSING))
        for key in keys
    }


def _lines(depth: int, key: str | None, value: Any) -> Sequence[Line] | None:
    if value is _BLANK:
        return ()
    if value is MISSING:
        return None
    if isinstance(value, _Bracket):
        return (Line(depth, key, value, "mark", None),)
    return list(islice(_plain(depth, key, value), rendering.MOST_LINES))


def _plain(depth: int, key: str | None, value: Any) -> Iterator[Line]:
    """Without the commas: what follows a line here is not what follows it in one document."""
    for line in rendering.lines(value, depth, key):
        yield replace(line, text=line.text.removesuffix(","))
