"""One transaction of taking over changes that were made elsewhere, row by row.

A change keeps what it is known by (origin and mutation id), its version, revision, actor and
time; only its number in the log is this organization's own. Of two histories of a context the
longer one is current, at equal length the one that came last; the other stays in the log. So the
newest version of a context is always the one with the highest (version, seq).
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from django.utils import timezone

from contexts.changes import announce
from contexts.errors import ParentMissing
from contexts.identifiers import uuid7
from contexts.levels import CHILD
from contexts.models import Change, Context, Delegation, Entry, Feed, owned
from contexts.services.foreign import ForeignChange, Key, new_entry, of
from contexts.services.outcomes import Outcome, Overtaken, Taken
from contexts.services.rows import redacted
from contexts.services.standing import Known, Standing, Tip, check_organization
from contexts.statements import insert, update


class Adoption:
    """One transaction's work: what stood before it, and the changes that it will append.

    `from_hub`: the changes are of this node's hub, whose word counts. What they tell of is then
    not pushed again, a version that our own mutation became there takes that mutation's place,
    and what cannot be placed (no parent yet, children still) goes to the log alone.

    Begin it in a transaction, `take` what there is, `finish`. `others` are contexts to lock
    besides those of the changes. Raises `Invalid`, `DocumentTooLarge` and `IdTaken`.
    """

    def __init__(
        self,
        organization_id: str,
        foreigns: Sequence[ForeignChange],
        *,
        from_hub: bool = False,
        others: Iterable[Key] = (),
    ) -> None:
        # A hub may take larger documents than a writer here may write: refused, one would hold up
        # all that comes after it.
        check_organization(organization_id, foreigns, any_size=from_hub)
        self.organization_id = organization_id
        self.standing = Standing(organization_id, foreigns, others)
        self.changes: list[Change] = []
        self._from_hub = from_hub

    def finish(self) -> None:
        """Appends what was taken to the log. Last in the transaction, as it takes the numbers."""
        insert([change.entry for change in self.changes if change.entry is not None])
        for change in self.changes:
            change.entry = change.entry  # which has a key only now
        announce(self.organization_id, self.changes)

    def take(self, foreign: ForeignChange, *, hold: bool = False) -> Taken:
        """Writes the rows of one change and notes what the log will tell of it.

        With `hold` a version goes to the log and leaves its context as it is (`HELD`); what the
        hub has and cannot be placed here goes there too (`BLOCKED`).
        """
        standing = self.standing
        known = standing.mutations.get(foreign.mutation)
        tells_news = (known is None or self._from_hub) and self._settle_delegation(foreign)
        if known is not None:
            if not (self._from_hub and foreign.makes_version) or known.revision == foreign.revision:
                return Taken(Outcome.KNOWN, known.change)
            self._give_way(known.change)
        if foreign.makes_version:
            same = standing.revisions.get((foreign.key, foreign.revision))
            if same is not None:
                if self._from_hub:
                    self._take_identity(foreign, same)
                return Taken(Outcome.KNOWN, same)
            outcome, makes_version = self._take_version(foreign, hold)
        elif not tells_news or (foreign.entry and foreign.entry.entry_id in standing.entry_ids):
            return Taken(Outcome.KNOWN, None)
        else:
            outcome, makes_version = Outcome.ADDED, False
        return Taken(outcome, self._log(foreign, makes_version))

    def put(self, change: Change) -> bool:
        """Makes a version that the log has, or is about to have, the current one of its context.

        Whether that is so now: not without its parent, nor for a deletion while it has children.
        """
        foreign = of(change)
        row = self.standing.rows.get(foreign.key)
        if row.revision == change.revision if row is not None else foreign.is_deletion:
            return True
        if not self._place(foreign, follows=False):
            return False
        if all(change is not each for each in self.changes):
            # The log told of it when it could not be placed: once more, for who listens now.
            happened = Change.Operation.CREATED if row is None else Change.Operation.UPDATED
            news = replace(
                foreign,
                operation=foreign.operation if foreign.is_deletion else happened,
                mutation_id=uuid7(),
                origin_node="",
                makes_version=False,
                document=None,
                parent_revision="",
                record=None,
                entry=None,
                at=timezone.now(),
            )
            self._log(news, makes_version=False)
        return True

    def rebase(self, foreign: ForeignChange) -> bool:
        """Makes `foreign` current: what our edits come to on the hub's newest version."""
        if not self._place(foreign, follows=False):
            return False
        self._log(foreign, makes_version=True)
        return True

    def withdraw(self, changes: Iterable[Change]) -> None:
        """Takes versions that the hub made other ones of out of the history."""
        doomed = list(changes)
        keys = [change.pk for change in doomed]
        for start in range(0, len(keys), 500):
            owned(self.organization_id, Change, pk__in=keys[start : start + 500]).update(
                makes_version=False, document=None
            )
        for key in {(change.level, change.context_id) for change in doomed}:
            row = self.standing.rows.get(key)
            born = self.standing.birth(key, row.version) if row is not None else None
            # What began a life may have been one of them.
            if row is not None and born is not None and born != row.created_at:
                row.created_at = born
                row.save(update_fields=["created_at"])

    def _give_way(self, mine: Change) -> None:
        """Our version of the mutation lets the hub's have its name."""
        mine.mutation_id = uuid7()
        update(mine, ("mutation_id",))

    def _take_identity(self, foreign: ForeignChange, same: Change) -> None:
        """The same version was made here and there: the hub's account of it is everybody's."""
        if same.pk is not None:
            same.origin_node, same.mutation_id = foreign.mutation
            same.operation, same.record = foreign.operation, redacted(foreign.record)
            same.actor, same.at = foreign.actor, foreign.at
            update(same, ("origin_node", "mutation_id", "operation", "record", "actor", "at"))
        self.standing.mutations[foreign.mutation] = Known(foreign.revision, same)
        row = self.standing.rows.get(foreign.key)
        if row is None:
            return
        if row.revision == foreign.revision:
            row.updated_at, row.updated_by = foreign.at, foreign.actor
        if foreign.operation == Change.Operation.CREATED:
            row.created_at = foreign.at
        row.save(update_fields=["updated_at", "updated_by", "created_at"])

    def _take_version(self, foreign: ForeignChange, hold: bool) -> tuple[Outcome, bool]:
        """What becomes of the context; and whether that made a version of it here."""
        tip = self.standing.tips.get(foreign.key)
        follows = tip is None or foreign.parent_revision == tip.revision
        if hold:
            return Outcome.HELD, True
        if tip is not None and not follows and foreign.version < tip.version:
            return Outcome.KEPT_OURS, True
        if not self._place(foreign, follows):
            return (Outcome.BLOCKED, True) if self._from_hub else (Outcome.KEPT_OURS, False)
        return (Outcome.ADDED if follows else Outcome.TOOK_THEIRS), True

    def _place(self, foreign: ForeignChange, follows: bool) -> bool:
        if foreign.is_deletion:
            placed = self._delete(foreign)
        else:
            try:
                placed = self._write(foreign, follows)
            except ParentMissing:
                if not self._from_hub:
                    raise
                placed = False
        if placed:
            tip = Tip(foreign.version, foreign.revision, foreign.is_deletion)
            self.standing.tips[foreign.key] = tip
        return placed

    def _delete(self, foreign: ForeignChange) -> bool:
        row = self.standing.rows.get(foreign.key)
        if row is None:
            return True
        below = CHILD.get(foreign.level.name)
        if below is not None and owned(self.organization_id, below.model, parent=row.pk).exists():
            return False
        self.standing.paths[foreign.key] = foreign.level.path(row)
        row.delete()
        del self.standing.rows[foreign.key]
        return True

    def _write(self, foreign: ForeignChange, follows: bool) -> bool:
        level, row = foreign.level, self.standing.rows.get(foreign.key)
        parent = self._parent(foreign, row)
        if level.parent is not None and parent is None:
            # The documents of a life that ended are compacted: the log is all there is of it.
            return row is None
        is_new = row is None
        if row is None:
            names = {"organization_id": self.organization_id, "context_id": foreign.context_id}
            row = level.model(**names)
            level.assign(row, level.checked({}))
            self.standing.rows[foreign.key] = row
        begins = foreign.operation == Change.Operation.CREATED or foreign.created_at is not None
        if is_new or not follows or begins:
            row.created_at = foreign.created_at or self.standing.born(foreign, self.changes)
        if parent is not None:
            row.parent = parent  # type: ignore[attr-defined]
        if foreign.values is not None:
            level.assign(row, redacted(foreign.values))
        row.version, row.revision = foreign.version, foreign.revision
        row.updated_at, row.updated_by = foreign.at, foreign.actor
        if is_new:
            insert([row])
        else:
            update(row)
        if is_new and not self.standing.is_as_looked_at(foreign.key):
            raise Overtaken
        if is_new and level.parent is None:
            Feed.objects.create(organization_id=self.organization_id)
        return True

    def _parent(self, foreign: ForeignChange, row: Context | None) -> Context | None:
        """The parent's row. None without one, or when compaction left no trace of it.

        Raises `ParentMissing`.
        """
        level = foreign.level.parent
        if level is None:
            return None
        if not foreign.named_parent_id:
            return getattr(row, "parent", None)
        key = level.name, foreign.named_parent_id
        parent, tip = self.standing.row(key), self.standing.tips.get(key)
        # The log may tell of a version that the hub has and that has no row here: no trace either.
        if parent is None and (self._from_hub or tip is None or tip.deleted):
            raise ParentMissing(foreign.level.parent_field)
        return parent

    def _settle_delegation(self, foreign: ForeignChange) -> bool:
        """Brings the delegation's row up to date; whether the change tells of anything new."""
        theirs = foreign.delegation
        if theirs is None:
            return True
        ours = self.standing.delegations.get(theirs.delegation_id)
        if ours is not None and ours.status == theirs.status:
            same = (ours.decided_by, ours.decided_at) == (theirs.decided_by, theirs.decided_at)
            if same or not self._from_hub:
                return False
        if ours is not None and ours.status != Delegation.Status.PENDING and not self._from_hub:
            return True
        theirs.pk = ours.pk if ours is not None else None
        theirs.organization_id = self.organization_id
        theirs.data, theirs.reason = redacted(theirs.data), redacted(theirs.reason)
        theirs.save()
        self.standing.delegations[theirs.delegation_id] = theirs
        return True

    def _log(self, foreign: ForeignChange, makes_version: bool) -> Change:
        change = Change(
            level=foreign.level.name,
            context_id=foreign.context_id,
            path=self.standing.path(foreign.level, foreign.context_id, foreign.named_parent_id),
            operation=foreign.operation,
            version=foreign.version,
            revision=foreign.revision,
            parent_revision=foreign.parent_revision,
            makes_version=makes_version,
            document=redacted(foreign.document) if makes_version else None,
            record=redacted(foreign.record),
            entry=self._entry(foreign),
            actor=foreign.actor,
            origin_node=foreign.origin_node,
            mutation_id=foreign.mutation_id,
            from_hub=self._from_hub,
            born_at=foreign.created_at,
            at=foreign.at,
        )
        self.changes.append(change)
        self.standing.mutations[foreign.mutation] = Known(foreign.revision, change)
        if makes_version:
            self.standing.revisions[foreign.key, foreign.revision] = change
        return change

    def _entry(self, foreign: ForeignChange) -> Entry | None:
        entry = new_entry(self.organization_id, foreign)
        if entry is not None:
            entry.content, entry.details = redacted(entry.content), redacted(entry.details)
            self.standing.entry_ids.add(entry.entry_id)
        return entry
