"""The organization as a tree: what lies below a context, page by page, what is alive first."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.db.models.fields.json import KeyTextTransform
from django.utils.safestring import SafeString

from contexts.admin import rendering
from contexts.errors import Invalid
from contexts.levels import CHILD, GLOBAL, LEVELS, Key, Level
from contexts.models import Context, owned
from contexts.pages import addresses

PAGE = 50
LONGEST_WORD = 40


@dataclass
class Node:
    """A context in the tree. `inside` is what lies below it, when that is shown."""

    level: Level
    row: Any
    below: int
    inside: "Children | None" = None

    @property
    def key(self) -> str:
        return addresses.key(self.level.name, self.row.context_id)

    @property
    def parent_key(self) -> str:
        parent = self.level.parent
        return "" if parent is None else addresses.key(parent.name, self.level.parent_id(self.row))

    @property
    def url(self) -> str:
        return addresses.context(self.level.name, self.row.context_id)

    @property
    def name(self) -> str:
        """What it is called, when that is not its id."""
        name = getattr(self.row, "name", None) or getattr(self.row, "title", None) or ""
        return "" if name == self.row.context_id else str(name)[:120]

    @property
    def status(self) -> str:
        return str(getattr(self.row, "status", None) or "")[:LONGEST_WORD]

    @property
    def progress(self) -> int | None:
        progress: int | None = getattr(self.row, "progress", None)
        return progress

    @property
    def child(self) -> Level | None:
        return CHILD.get(self.level.name)

    @property
    def noun(self) -> str:
        meta = CHILD[self.level.name].model._meta
        return str(meta.verbose_name if self.below == 1 else meta.verbose_name_plural)

    @property
    def when(self) -> SafeString:
        return rendering.when(self.row.updated_at)


@dataclass(frozen=True)
class Children:
    """A page of what lies below a context; `after` is where the next page begins, "" at the end."""

    parent: Node
    nodes: list[Node]
    after: str


def _light(level: Level, organization_id: str) -> QuerySet[Any]:
    """Rows without their documents, of which only what the tree tells is read."""
    rows: QuerySet[Any] = level.rows(organization_id)
    for name in ("status", "title"):
        rows = rows.annotate(**{name: KeyTextTransform(name, "data")})
    return rows.defer("data", "metadata")


def _nodes(level: Level, organization_id: str, rows: Sequence[Context]) -> list[Node]:
    below: dict[int, int] = {}
    if (child := CHILD.get(level.name)) is not None:
        inside: QuerySet[Any] = owned(organization_id, child.model)
        counted = inside.filter(parent__in=[row.pk for row in rows]).values_list("parent")
        below = dict(counted.order_by().annotate(n=Count("pk")))
    return [Node(level, row, below.get(row.pk, 0)) for row in rows]


def nodes(organization_id: str, keys: Iterable[Key]) -> list[Node]:
    """The contexts of those keys that are there."""
    wanted: dict[str, list[str]] = {}
    for name, context_id in keys:
        wanted.setdefault(name, []).append(context_id)
    found: list[Node] = []
    for name, ids in wanted.items():
        level = LEVELS[name]
        rows = list(_light(level, organization_id).filter(context_id__in=ids))
        found += _nodes(level, organization_id, rows)
    return found


def root(organization_id: str) -> Node:
    """The organization itself."""
    return nodes(organization_id, [(GLOBAL.name, organization_id)])[0]


def children(node: Node, alive: dict[Key, int], after: str = "") -> Children:
    """The first page below `node`, what is `alive` at its head, or a later one.

    Later pages may tell again what the first one had at its head. Raises `Invalid` for an
    `after` that is none.
    """
    level = CHILD[node.level.name]
    organization_id = node.row.organization_id
    rows = _light(level, organization_id).filter(parent=node.row.pk)
    first: list[Any] = []
    if after:
        at, row_id = _place(after)
        rows = rows.filter(Q(updated_at__lt=at) | Q(updated_at=at, row_id__lt=row_id))
    else:
        ids = [context_id for name, context_id in alive if name == level.name]
        first = list(rows.filter(context_id__in=ids)[: 2 * PAGE])
        first.sort(key=lambda row: alive[(level.name, row.context_id)], reverse=True)
    rest = rows.exclude(pk__in=[row.pk for row in first]).order_by("-updated_at", "-row_id")
    found = list(rest[: PAGE + 1])
    more = len(found) > PAGE
    found = found[:PAGE]
    next_place = f"{found[-1].updated_at.isoformat()}~{found[-1].row_id}" if more else ""
    return Children(node, _nodes(level, organization_id, [*first, *found]), next_place)


def opened(organization_id: str, alive: dict[Key, int]) -> Node:
    """The organization with its projects, and the liveliest way down to tasks in sight."""
    top = node = root(organization_id)
    while node.child is not None and node.below:
        node.inside = children(node, alive)
        if not node.inside.nodes:
            break
        node = node.inside.nodes[0]
    return top


def _place(text: str) -> tuple[datetime, int]:
    at, _, row_id = text.partition("~")
    try:
        return datetime.fromisoformat(at), int(row_id)
    except ValueError:
        raise Invalid({"after": ["This is no place in this list."]}) from None
