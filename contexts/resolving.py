"""What an agent sees: a chain of contexts folded into one document, now or at a point in time."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial
from typing import Any

from django.db.models import QuerySet

from contexts import cache, documents, merging
from contexts.documents import StoredJSONDecoder
from contexts.errors import Gone, NotFound
from contexts.levels import GLOBAL, LEVELS, Document, Level
from contexts.models import Change, Context, Entry, owned, versions
from contexts.prepared import Prepared
from contexts.queries import entries_of


@dataclass(frozen=True)
class Link:
    """One context of a chain, as far as resolving needs it."""

    level: Level
    context_id: str
    revision: str


@dataclass(frozen=True)
class Resolved:
    """What an agent sees: the chain, most specific first, and the fold of its documents.

    `folded` is two lines of JSON: the data, and `{pointer: index in the chain}`.
    """

    chain: Sequence[Link]
    folded: bytes

    @cached_property
    def data(self) -> Document:
        data: Document = documents.parse(self._lines[0])
        return data

    @property
    def _lines(self) -> list[bytes]:
        return self.folded.split(b"\n")

    @cached_property
    def setters(self) -> dict[str, Link]:
        """For every leaf, by JSON Pointer, the most specific context that set it."""
        sources: Document = documents.parse(self._lines[1])
        return {path: self.chain[index] for path, index in sources.items()}

    def leaves(self) -> Document:
        """The value of every leaf, by JSON Pointer."""
        return {merging.pointer(path): value for path, value in merging.leaves(self.data)}

    def answer(self, *, with_sources: bool = False, **more: Any) -> bytes:
        """The answer of `resolved/` (CONTRACT §2), with the members in `more`."""
        ends = {"context_id": self.chain[0].context_id, "level": self.chain[0].level.name}
        rest: Document = {
            "inheritance_chain": [link.context_id for link in self.chain],
            "revisions": {link.level.name: link.revision for link in self.chain},
        }
        if with_sources:
            rest["sources"] = {
                path: {"level": link.level.name, "context_id": link.context_id}
                for path, link in self.setters.items()
            }
        # The data goes as it is: reading it to write it again would take longest.
        begin, end = documents.to_json(ends), documents.to_json(rest | more)
        return begin[:-1] + b',"data":' + self._lines[0] + b"," + end[1:]


def chain_of(
    level: Level, organization_id: Any, context_id: str, more: Sequence[Any] = ()
) -> QuerySet[Context, Any]:
    """Id and revision of each context of a chain, and `more` columns of the most specific one."""
    prefixes = [level.path_to(each) for each in level.chain()]
    columns = [
        f"{prefix}__{name}" if prefix else name
        for prefix in prefixes
        for name in ("context_id", "revision")
    ]
    return owned(organization_id, level.model, context_id=context_id).values_list(*columns, *more)


_CHAINS = {name: Prepared(partial(chain_of, level), str, str) for name, level in LEVELS.items()}
# With the document of the most specific one, as the text that the database keeps.
_WITH_OWN = {
    name: Prepared(partial(chain_of, level, more=("data",)), str, str)
    for name, level in LEVELS.items()
    if level.parent is not None
}


def resolve(
    level: Level, organization_id: str, context_id: str, seen: Sequence[str] | None = None
) -> Resolved:
    """The resolved context as it is now: one query when the fold is cached, else two.

    `seen` is the chain's ids and revisions when they were read a moment ago (`chain_of`): one
    query less. Raises `NotFound`.
    """
    found = seen or _CHAINS[level.name].first(organization_id, context_id)
    if found is None:
        raise NotFound
    chain: Sequence[Link] = _links(level, found)
    folded = cache.get(*_cached_as(organization_id, chain))
    if folded is None:
        # The documents may be newer than the revisions just read: keep what belongs together.
        chain, folded = _fold_anew(level, organization_id, chain)
        cache.put(*_cached_as(organization_id, chain), folded)
    return Resolved(chain, folded)


def _links(level: Level, found: Sequence[str]) -> list[Link]:
    return [Link(each, *found[2 * i : 2 * i + 2]) for i, each in enumerate(level.chain())]


def _fold_anew(
    level: Level, organization_id: str, seen: Sequence[Link]
) -> tuple[list[Link], bytes]:
    """The chain as it is now and its fold, laid on that of those above where the cache has it."""
    context_id, higher = seen[0].context_id, seen[1:]
    above = cache.get(*_cached_as(organization_id, higher)) if higher else None
    if above is not None:
        found = _WITH_OWN[level.name].first(organization_id, context_id)
        if found is None:
            raise NotFound
        links = _links(level, found)
        if links[1:] == higher:
            return links, _lay_on(above, json.loads(found[-1], cls=StoredJSONDecoder))
    rows = _chain_rows(level, organization_id, context_id)
    chain = [Link(each, row.context_id, row.revision) for each, row in rows]
    above = _fold([row.data for _, row in rows[1:]])
    if rows[1:]:
        cache.put(*_cached_as(organization_id, chain[1:]), above)
    return chain, _lay_on(above, rows[0][1].data)


def _cached_as(organization_id: str, chain: Sequence[Link]) -> tuple[str, str]:
    """The ids and the revisions of a chain; no id has a bar in it."""
    ids = "|".join([organization_id, *(link.context_id for link in chain)])
    return ids, "|".join(link.revision for link in chain)


def _chain_rows(level: Level, organization_id: str, context_id: str) -> list[tuple[Level, Context]]:
    path = level.path_to(GLOBAL)
    rows = owned(organization_id, level.model, context_id=context_id)
    row = (rows.select_related(*[path]) if path else rows).first()
    if row is None:
        raise NotFound
    chain: list[tuple[Level, Any]] = [(level, row)]
    for each in list(level.chain())[1:]:
        chain.append((each, chain[-1][1].parent))
    return chain


def _fold(specific_first: list[Document]) -> bytes:
    general_first = specific_first[::-1]
    last = len(general_first) - 1
    setters = {path: last - index for path, index in merging.sources(general_first).items()}
    return _folded(merging.fold(general_first), setters)


def _lay_on(folded: bytes, own: Document) -> bytes:
    """The fold of a chain that has one context more, the most specific one."""
    data, setters = (json.loads(line) for line in folded.split(b"\n"))
    both = [data, own]
    above = merging.sources(both).items()
    return _folded(
        merging.fold(both), {path: 0 if mine else setters[path] + 1 for path, mine in above}
    )


def _folded(data: Document, setters: dict[str, int]) -> bytes:
    return documents.to_json(data) + b"\n" + documents.to_json(setters)


def resolve_as_of(level: Level, organization_id: str, context_id: str, at: datetime) -> Resolved:
    """The resolved context as it was at a time, from the change log.

    Raises `NotFound` when it was not there then, `Gone` when that part is compacted.
    """
    chain: list[Link] = []
    found: list[Document] = []
    next_id = context_id
    for each in level.chain():
        change = versions(organization_id, each.name, next_id).filter(at__lte=at).first()
        if change is None or change.operation == Change.Operation.DELETED:
            raise NotFound
        if change.document is None:
            raise Gone("The history of that time is compacted.")
        chain.append(Link(each, next_id, change.revision))
        found.append(change.document["data"])
        if each.parent is not None:
            next_id = change.document[each.parent_field]
    return Resolved(chain, _fold(found))


def newest_entries(
    organization_id: str, chain: Sequence[Link], at: datetime | None = None, each: int = 50
) -> list[Entry]:
    """The newest insights and progress of all levels of a chain, `each` a level, newest first."""
    entries: list[Entry] = []
    for link in chain:
        rows = entries_of(organization_id, link.level, link.context_id).exclude(
            kind=Entry.Kind.ACTION
        )
        if at is not None:
            rows = rows.filter(created_at__lte=at)
        entries += rows[:each]
    return sorted(entries, key=lambda entry: (entry.created_at, entry.pk), reverse=True)
