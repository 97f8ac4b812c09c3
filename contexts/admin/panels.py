"""What a context's page shows around its form: chain, children, resolved document, entries."""

from dataclasses import dataclass
from typing import Any

from django.utils.safestring import SafeString

from contexts import queries, resolving
from contexts.admin import addresses, diffs, rendering
from contexts.admin.lists import every, without_documents
from contexts.levels import CHILD, LEVELS, Level
from contexts.models import Context, Entry

MOST_CHILDREN = 20
MOST_ENTRIES = 20
MOST_VERSIONS = 10


@dataclass(frozen=True)
class Step:
    """One context of a chain, with the page it has."""

    level: str
    context_id: str
    name: str
    url: str


def chain(level: Level, row: Context) -> list[Step]:
    """From the organization down to `row`; its ancestors must be loaded."""
    steps = []
    for each in level.chain():
        name = getattr(row, "name", "")
        steps.append(Step(each.name, row.context_id, name, addresses.page(each, "change", row.pk)))
        row = getattr(row, "parent", row)
    return steps[::-1]


@dataclass(frozen=True)
class Children:
    """The newest contexts directly below, how many there are, and where all are listed."""

    level: Level
    rows: list[tuple[Context, str, SafeString]]
    count: int
    all_url: str
    add_url: str

    @property
    def noun(self) -> str:
        return str(self.level.model._meta.verbose_name_plural)


def children(level: Level, row: Context) -> Children | None:
    """None on the lowest level."""
    below = CHILD.get(level.name)
    if below is None:
        return None
    rows = every(below).filter(parent=row.pk)
    newest = without_documents(rows)[:MOST_CHILDREN]
    return Children(
        below,
        [
            (child, addresses.page(below, "change", child.pk), rendering.when(child.updated_at))
            for child in newest
        ],
        rows.count(),
        addresses.children(level, row),
        f"{addresses.page(below, 'add')}?parent={row.pk}",
    )


@dataclass(frozen=True)
class ResolvedPanel:
    """The resolved document, coloured, and the chain with how many values each level set."""

    html: SafeString
    legend: list[tuple[str, str, int, str]]


def resolved(level: Level, row: Context) -> ResolvedPanel:
    """What an agent at `row` sees. Raises `NotFound`."""
    found = resolving.resolve(level, row.organization_id, row.context_id)
    setters = found.setters
    names = [link.level.name for link in setters.values()]
    legend = [
        (
            link.level.name,
            link.context_id,
            names.count(link.level.name),
            addresses.context(link.level.name, row.organization_id, link.context_id),
        )
        for link in reversed(found.chain)
    ]
    return ResolvedPanel(rendering.by_level(found.data, setters), legend)


@dataclass(frozen=True)
class EntriesPanel:
    rows: list[tuple[Entry, SafeString]]
    more: bool
    all_url: str


def entries(level: Level, row: Context) -> EntriesPanel:
    """The newest entries of a context."""
    newest = list(
        queries.entries_of(row.organization_id, level, row.context_id)[: MOST_ENTRIES + 1]
    )
    url = addresses.listed(
        "entry", organization=row.organization_id, level=level.name, context_id=row.context_id
    )
    rows = [(entry, rendering.when(entry.created_at)) for entry in newest[:MOST_ENTRIES]]
    return EntriesPanel(rows, len(newest) > MOST_ENTRIES, url)


def shown_values(level: Level, row: Context) -> list[tuple[str, SafeString]]:
    """The writable fields for those who may only read them."""
    return [
        (field.attribute.replace("_", " "), rendering.document(value))
        for field, value in zip(level.fields, level.values(row).values(), strict=True)
    ]


def around(level: Level, row: Context) -> dict[str, Any]:
    """Everything a context's page shows besides its form."""
    org, context_id = row.organization_id, row.context_id
    return {
        "level": level,
        "level_names": list(LEVELS),
        "row": row,
        "updated": rendering.when(row.updated_at),
        "chain": chain(level, row),
        "children": children(level, row),
        "resolved": resolved(level, row),
        "entries": entries(level, row),
        "versions": diffs.versions(level, org, context_id, 0, MOST_VERSIONS),
        "versions_url": addresses.page(level, "versions", org, context_id),
        "changes_url": addresses.listed(
            "change", organization=org, level=level.name, context_id=context_id
        ),
    }
