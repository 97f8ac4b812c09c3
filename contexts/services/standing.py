"""What stands in an organization before foreign changes are taken over: locked and looked up."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db.models import Q, QuerySet

from contexts.errors import IdTaken, Invalid
from contexts.levels import LEVELS, Key, Level
from contexts.models import Change, Context, Delegation, Entry, GlobalContext, owned, versions
from contexts.prepared import Prepared, PreparedRow
from contexts.services.foreign import ForeignChange
from contexts.services.rows import Operation, find_all_locked


def _versions(organization_id: str, level: str, ids: Sequence[str]) -> QuerySet[Change]:
    return owned(
        organization_id, Change, level=level, context_id__in=ids, makes_version=True
    ).order_by("version", "seq")


_TIPS = Prepared(
    lambda organization, level, ids: _versions(organization, level, ids).values_list(
        "context_id", "version", "revision", "operation"
    ),
    *(str, str, [str]),
)
_LOGGED = PreparedRow(
    lambda origin, ids: Change.objects.filter(origin_node=origin, mutation_id__in=ids).defer(
        "document", "record"
    ),
    *(str, [UUID]),
)
_MADE = PreparedRow(
    lambda organization, level, ids, revisions: (
        _versions(organization, level, ids)
        .filter(revision__in=revisions)
        .defer("document", "record")
    ),
    *(str, str, [str], [str]),
)
# The versions up to one that tell when a life of the context began, oldest first.
_BIRTHS = PreparedRow(
    lambda organization, level, context_id, version: (
        _versions(organization, level, [context_id])
        .filter(Q(operation=Operation.CREATED) | Q(born_at__isnull=False), version__lte=version)
        .defer("document", "record")
    ),
    *(str, str, str, int),
)
_ENTRIES = PreparedRow(
    lambda ids: Entry.objects.filter(entry_id__in=ids).only("organization_id", "entry_id"), [UUID]
)
_IS_ORGANIZATION = Prepared(
    lambda organization: GlobalContext.objects.filter(context_id=organization).values_list(
        "context_id"
    ),
    str,
)


class Tip(NamedTuple):
    """The newest version of a context, in the log or as far as a batch has come."""

    version: int
    revision: str
    deleted: bool


class Known(NamedTuple):
    """A change that the log has, or is about to have; loaded as far as needed to name it."""

    revision: str
    change: Change


class Standing:
    """The rows, versions, mutations, entries and delegations that a batch of changes touches.

    Delegations are locked first, as by those who decide them, then rows from the top of the
    chain down. Whoever takes a change over keeps all of this up to date. Raises `IdTaken` for
    what belongs to another organization of the instance.
    """

    def __init__(
        self,
        organization_id: str,
        foreigns: Sequence[ForeignChange],
        others: Iterable[Key] = (),
    ) -> None:
        self.organization_id = organization_id
        self.delegations = self._delegations(foreigns)
        keys = _named(foreigns) | set(others)
        self.rows = self._rows(keys)
        self.tips = self._tips(keys)
        # Without a row to lock, others may make the context until we insert it.
        self._unlocked = {key: self.tips.get(key) for key in keys - self.rows.keys()}
        self.mutations = self._mutations(foreigns)
        self.entry_ids = self._entry_ids(foreigns)
        self.revisions = self._revisions(foreigns)
        # Where those stood that are deleted by now.
        self.paths: dict[Key, str] = {}

    def _delegations(self, foreigns: Sequence[ForeignChange]) -> dict[UUID, Delegation]:
        ids = {each.delegation.delegation_id for each in foreigns if each.delegation is not None}
        if not ids:
            return {}
        locked = Delegation.objects.select_for_update(no_key=True).order_by("pk")
        found = {each.delegation_id: each for each in locked.filter(delegation_id__in=ids)}
        for delegation in found.values():
            self._refuse_other(delegation.organization_id)
        return found

    def _rows(self, keys: set[Key]) -> dict[Key, Context]:
        found: dict[Key, Context] = {}
        for level in LEVELS.values():
            ids = [context_id for name, context_id in keys if name == level.name]
            for row in find_all_locked(level, self.organization_id, ids):
                found[level.name, row.context_id] = row
        return found

    def _tips(self, keys: set[Key]) -> dict[Key, Tip]:
        tips = {key: Tip(row.version, row.revision, False) for key, row in self.rows.items()}
        missing: dict[str, list[str]] = defaultdict(list)
        for level, context_id in keys - self.rows.keys():
            missing[level].append(context_id)
        for level, ids in missing.items():
            logged = _TIPS.rows(self.organization_id, level, ids)
            for context_id, version, revision, operation in logged:
                tip = Tip(version, revision, operation == Operation.DELETED)
                tips[level, context_id] = tip
        return tips

    def _mutations(self, foreigns: Sequence[ForeignChange]) -> dict[tuple[str, UUID], Known]:
        by_origin: dict[str, list[UUID]] = defaultdict(list)
        for foreign in foreigns:
            by_origin[foreign.origin_node].append(foreign.mutation_id)
        found = {}
        for origin, ids in by_origin.items():
            for change in _LOGGED.all(origin, ids):
                self._refuse_other(change.organization_id)
                found[origin, change.mutation_id] = Known(change.revision, change)
        return found

    def _entry_ids(self, foreigns: Sequence[ForeignChange]) -> set[UUID]:
        ids = {each.entry.entry_id for each in foreigns if each.entry is not None}
        found = set()
        for entry in _ENTRIES.all(ids):
            self._refuse_other(entry.organization_id)
            found.add(entry.entry_id)
        return found

    def _revisions(self, foreigns: Sequence[ForeignChange]) -> dict[tuple[Key, str], Change]:
        made: dict[str, list[ForeignChange]] = defaultdict(list)
        for foreign in foreigns:
            if foreign.makes_version:
                made[foreign.level.name].append(foreign)
        found = {}
        for level, changes in made.items():
            ids = {each.context_id for each in changes}
            revisions = {each.revision for each in changes}
            for change in _MADE.all(self.organization_id, level, ids, revisions):
                found[(level, change.context_id), change.revision] = change
        return found

    def row(self, key: Key) -> Context | None:
        """The context's row, locked; also one that the changes did not name."""
        if key not in self.tips and key not in self._unlocked:
            self.rows |= self._rows({key})
            self.tips |= self._tips({key})
            if key not in self.rows:
                self._unlocked[key] = self.tips.get(key)
        return self.rows.get(key)

    def is_as_looked_at(self, key: Key) -> bool:
        """Whether nothing was logged of a context since it was found to have no row."""
        if key not in self._unlocked:
            return True
        tip = self._unlocked[key]
        newest = versions(self.organization_id, *key).values_list("revision", flat=True).first()
        return newest == (tip.revision if tip is not None else None)

    def path(self, level: Level, context_id: str, parent_id: str = "") -> str:
        """Where a context stands or stood (`Level.path`); without a row, below that parent."""
        key = level.name, context_id
        row = self.rows.get(key)
        if row is not None:
            return level.path(row)
        if level.parent is not None and level.names_its_parent and parent_id:
            return f"{self.path(level.parent, parent_id)}/{context_id}"
        if key not in self.paths:
            logged = versions(self.organization_id, *key).values_list("path", flat=True).first()
            unknown = "/" * (len(list(level.chain())) - 2)
            self.paths[key] = logged or f"{unknown}{context_id}"
        return self.paths[key]

    def born(self, foreign: ForeignChange, unsaved: Iterable[Change]) -> datetime:
        """When the life of the context began that `foreign` is a version of.

        `unsaved` are the changes of the batch that the log does not have yet.
        """
        if foreign.operation == Operation.CREATED:
            return foreign.at
        births = self._births(foreign.key, foreign.version)
        births += [
            change
            for change in unsaved
            if (change.level, change.context_id) == foreign.key
            and (change.operation == Operation.CREATED or change.born_at is not None)
            and change.version <= foreign.version
        ]
        newest = max(enumerate(births), key=lambda at: (at[1].version, at[0]), default=None)
        return _birth(newest[1]) if newest is not None else foreign.at

    def birth(self, key: Key, version: int) -> datetime | None:
        """When the life that a version belongs to began, as far as the log still tells."""
        births = self._births(key, version)
        return _birth(births[-1]) if births else None

    def _births(self, key: Key, version: int) -> list[Change]:
        return _BIRTHS.all(self.organization_id, *key, version)

    def _refuse_other(self, owner: object) -> None:
        if owner != self.organization_id:
            raise IdTaken("Another organization of this instance has this already.")


def _birth(change: Change) -> datetime:
    return change.born_at or change.at


def check_organization(
    organization_id: str, foreigns: Sequence[ForeignChange], *, any_size: bool
) -> None:
    """Raises `Invalid` for changes that the organization cannot have, or that are none.

    `DocumentTooLarge` unless they may have `any_size`.
    """
    for foreign in foreigns:
        foreign.verify(any_size=any_size)
        if foreign.level.parent is None:
            if foreign.context_id != organization_id:
                raise Invalid({"context_id": [f"This is not the organization {organization_id}."]})
            if foreign.is_deletion:
                raise Invalid({"operation": ["An organization cannot be deleted."]})
    if _IS_ORGANIZATION.first(organization_id) is None:
        first = next(iter(foreigns), None)
        if first is None or first.level.parent is not None or not first.makes_version:
            raise Invalid({"organization": [f"There is no organization {organization_id} here."]})


def _named(foreigns: Sequence[ForeignChange]) -> set[Key]:
    """The contexts of the changes and their parents."""
    keys = {foreign.key for foreign in foreigns}
    for foreign in foreigns:
        if foreign.level.parent is not None and foreign.named_parent_id:
            keys.add((foreign.level.parent.name, foreign.named_parent_id))
    return keys
