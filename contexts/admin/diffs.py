"""What changed between two documents, as lines a human reads: path, old value, new value."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import jsonpointer
from django.utils.safestring import SafeString

from contexts import merging
from contexts.admin.rendering import short, when
from contexts.history import previous_of, versions_of
from contexts.levels import Document, Level
from contexts.models import Change
from contexts.services.foreign import is_compacted
from contexts.services.rows import Operation

MOST_LINES = 200
SIGNS = {"add": "+", "remove": "\N{MINUS SIGN}", "replace": "~"}


@dataclass(frozen=True)
class DiffLine:
    """One change at one path; `old` or `new` is None where there is no such value."""

    kind: str
    path: str
    old: str | None
    new: str | None

    @property
    def sign(self) -> str:
        return SIGNS[self.kind]


@dataclass(frozen=True)
class Diff:
    """The lines to show and how many more there are."""

    lines: list[DiffLine]
    more: int


def between(before: Any, after: Any) -> Diff:
    """The changes from `before` to `after`, with the values they replace."""
    all_lines = _lines(copy.deepcopy(before), merging.diff(before, after))
    shown = list(islice(all_lines, MOST_LINES))
    return Diff(shown, sum(1 for _ in all_lines))


def _lines(working: Any, operations: list[Document]) -> Iterator[DiffLine]:
    """Applies each operation after describing it: a list's later indexes depend on it."""
    for operation in operations:
        kind, path = operation["op"], operation["path"]
        parent: Any
        step: Any
        parent, step = jsonpointer.JsonPointer(path).to_last(working)
        if kind == "add":
            for inner, value in _leaves(path, operation["value"]):
                yield DiffLine(kind, inner, None, short(value))
            if isinstance(parent, list):
                parent.insert(step, operation["value"])
            else:
                parent[step] = operation["value"]
        elif kind == "remove":
            for inner, value in _leaves(path, parent[step]):
                yield DiffLine(kind, inner, short(value), None)
            del parent[step]
        else:
            yield DiffLine(kind, path, short(parent[step]), short(operation["value"]))
            parent[step] = operation["value"]


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if merging.is_leaf(value):
        yield path, value
        return
    for parts, leaf in merging.leaves(value):
        yield path + merging.pointer(parts), leaf


@dataclass(frozen=True)
class Version:
    """A version of a context: its change, what it changed (None once compacted)."""

    change: Change
    diff: Diff | None

    @property
    def at(self) -> SafeString:
        return when(self.change.at)

    @property
    def can_return(self) -> bool:
        """Whether a context can go back to it."""
        return self.change.document is not None


def versions(
    level: Level, organization_id: str, context_id: str, start: int, count: int
) -> list[Version]:
    """Up to `count` versions, newest first, after leaving out the first `start`."""
    # One more than shown: what the last of them changed is told by the one before it.
    changes = list(versions_of(level, organization_id, context_id)[start : start + count + 1])
    earlier: list[Change | None] = [*changes[1:], None]
    return [
        Version(change, _diff(previous, change))
        for change, previous in list(zip(changes, earlier, strict=True))[:count]
    ]


def of(change: Change) -> Diff | None:
    """What a change that made a version changed; None once compacted."""
    return _diff(previous_of(change), change)


def _diff(previous: Change | None, change: Change) -> Diff | None:
    if is_compacted(change) or (previous is not None and is_compacted(previous)):
        return None
    before = previous.document if previous is not None else None
    return between(before or {}, change.document or {})


def is_deletion(change: Change) -> bool:
    """Whether the change took the context away."""
    return change.operation == Operation.DELETED
