"""The resolved document, line by line: which level set a value, and whose it overrides."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from django.db.models import QuerySet

from contexts import merging, resolving
from contexts.admin import rendering
from contexts.admin.rendering import Line
from contexts.levels import Document, Level
from contexts.models import owned
from contexts.pages import addresses
from contexts.resolving import Link

MOST_LINES = 2_000
LONGEST = 120
MISSING = object()


@dataclass(frozen=True)
class Overridden:
    """What a level further up has where a more specific one decides."""

    link: Link
    text: str


@dataclass(frozen=True)
class Marked:
    """A line of the document; `link` is the context that set the value it is part of."""

    line: Line
    link: Link | None
    first: bool = False
    overridden: list[Overridden] = field(default_factory=list)

    @property
    def indent(self) -> str:
        return "  " * self.line.depth

    @property
    def key(self) -> str | None:
        return None if self.line.key is None else rendering.short(self.line.key)


@dataclass(frozen=True)
class Step:
    """A context of the chain: what it gave to the document, and where it is."""

    link: Link
    values: int

    @property
    def url(self) -> str:
        return addresses.context(self.link.level.name, self.link.context_id)


@dataclass(frozen=True)
class Resolved:
    """The chain, general first, and the lines to show; `cut` when there are more."""

    chain: list[Step]
    lines: list[Marked]
    cut: bool

    @property
    def overrides(self) -> int:
        return sum(len(line.overridden) for line in self.lines)


def resolved(level: Level, organization_id: str, context_id: str) -> Resolved:
    """What an agent there sees. Raises `NotFound`."""
    found = resolving.resolve(level, organization_id, context_id)
    setters = found.setters
    documents = [_data(organization_id, link) for link in found.chain]
    lines = rendering.lines(found.data)
    shown = list(_marked(islice(lines, MOST_LINES), found.chain, setters, documents))
    chain = [
        Step(link, sum(each is link for each in setters.values())) for link in reversed(found.chain)
    ]
    return Resolved(chain, shown, next(lines, None) is not None)


def _data(organization_id: str, link: Link) -> Document:
    rows: QuerySet[Any] = owned(organization_id, link.level.model, context_id=link.context_id)
    return rows.values_list("data", flat=True).first() or {}


def _marked(
    lines: Any,
    chain: Sequence[Link],
    setters: dict[str, Link],
    documents: Sequence[Document],
) -> Any:
    told: tuple[str, ...] | None = None
    for line in lines:
        link = setters.get(merging.pointer(line.leaf)) if line.leaf is not None else None
        if link is None:
            yield Marked(line, None)
            continue
        if line.leaf == told:
            yield Marked(line, link)
            continue
        told = line.leaf
        above = range(list(chain).index(link) + 1, len(chain))
        hidden = ((chain[place], at(documents[place], told)) for place in above)
        yield Marked(
            line,
            link,
            first=True,
            overridden=[
                Overridden(each, rendering.short(value, LONGEST))
                for each, value in hidden
                if value is not MISSING
            ],
        )


def at(document: Any, path: Sequence[str]) -> Any:
    """What `document` has at `path`, or at the first part of it that is no object; else MISSING."""
    for part in path:
        if not isinstance(document, dict):
            return document
        if part not in document:
            return MISSING
        document = document[part]
    return document
