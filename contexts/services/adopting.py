"""Taking over changes that were made elsewhere: an archive's, a peer's.

A change keeps what it is known by (origin and mutation id), its version, revision, actor and
time; only its number in the log is this organization's own. Of two histories of a context the
longer one is current, at equal length the one that came last; the other stays in the log. So the
newest version of a context is always the one with the highest (version, seq).
"""

from collections.abc import Sequence
from enum import StrEnum

from django.db import IntegrityError, transaction

from contexts.changes import announce
from contexts.errors import Invalid, ParentMissing
from contexts.levels import CHILD
from contexts.models import Change, Context, Delegation, Entry, Feed, GlobalContext, owned
from contexts.services.foreign import ForeignChange, ForeignEntry
from contexts.services.rows import redacted
from contexts.services.standing import Standing, Tip


class Outcome(StrEnum):
    """What became of a foreign change."""

    KNOWN = "known"
    ADDED = "added"
    KEPT_OURS = "kept_ours"
    TOOK_THEIRS = "took_theirs"


def adopt(organization_id: str, foreign: ForeignChange) -> Outcome:
    """`adopt_all` for one change."""
    return adopt_all(organization_id, [foreign])[0]


def adopt_all(organization_id: str, foreigns: Sequence[ForeignChange]) -> list[Outcome]:
    """Takes over `foreigns`, in the order they were logged, in one transaction.

    One that is here already (by mutation, revision, or its entry or delegation) is `KNOWN` and
    changes nothing. A version whose parent is current here, or with which a context begins or
    begins again, is `ADDED`. Otherwise the context has two histories: `TOOK_THEIRS` when the
    foreign one is current now, `KEPT_OURS` when it went to the log only; so does a deletion
    while the context has children here. A compacted version (without document) moves its context
    on and leaves the data to a later one. Without the organization its first change makes it.

    Raises `Invalid`, `DocumentTooLarge`, `ParentMissing`, and `IdTaken` for what belongs to
    another organization of this instance; nothing of `foreigns` is written then.
    """
    for foreign in foreigns:
        foreign.verify()
        if foreign.level.parent is None:
            _check_organization(organization_id, foreign)
    try:
        return _adopt(organization_id, foreigns)
    except IntegrityError:
        # Someone made an id or adopted the same between our look and our insert: look again.
        return _adopt(organization_id, foreigns)


def _check_organization(organization_id: str, foreign: ForeignChange) -> None:
    if foreign.context_id != organization_id:
        raise Invalid({"context_id": [f"This is not the organization {organization_id}."]})
    if foreign.is_deletion:
        raise Invalid({"operation": ["An organization cannot be deleted."]})


@transaction.atomic
def _adopt(organization_id: str, foreigns: Sequence[ForeignChange]) -> list[Outcome]:
    if not GlobalContext.objects.filter(context_id=organization_id).exists():
        first = next(iter(foreigns), None)
        if first is None or first.level.parent is not None or not first.makes_version:
            raise Invalid({"organization": [f"There is no organization {organization_id} here."]})
    batch = _Batch(organization_id, foreigns)
    outcomes = [batch.take(foreign) for foreign in foreigns]
    Entry.objects.bulk_create(
        [change.entry for change in batch.changes if change.entry is not None], batch_size=500
    )
    announce(organization_id, batch.changes)
    return outcomes


class _Batch:
    """One transaction: what stood before it, and the changes that it will append."""

    def __init__(self, organization_id: str, foreigns: Sequence[ForeignChange]) -> None:
        self.organization_id = organization_id
        self.standing = Standing(organization_id, foreigns)
        self.changes: list[Change] = []

    def take(self, foreign: ForeignChange) -> Outcome:
        """Writes the rows of one change and notes what the log will tell of it."""
        standing = self.standing
        if foreign.mutation in standing.mutations:
            return Outcome.KNOWN
        standing.mutations.add(foreign.mutation)
        tells_news = self._settle_delegation(foreign)
        if foreign.makes_version:
            if (foreign.key, foreign.revision) in standing.revisions:
                return Outcome.KNOWN
            standing.revisions.add((foreign.key, foreign.revision))
            outcome, makes_version = self._take_version(foreign)
        elif not tells_news or (foreign.entry and foreign.entry.entry_id in standing.entry_ids):
            return Outcome.KNOWN
        else:
            outcome, makes_version = Outcome.ADDED, False
        self.changes.append(self._logged(foreign, makes_version))
        return outcome

    def _take_version(self, foreign: ForeignChange) -> tuple[Outcome, bool]:
        """What becomes of the context; and whether that made a version of it here."""
        tip = self.standing.tips.get(foreign.key)
        follows = tip is None or foreign.parent_revision == tip.revision
        if tip is not None and not follows and foreign.version < tip.version:
            return Outcome.KEPT_OURS, True
        if not (self._delete(foreign) if foreign.is_deletion else self._write(foreign, follows)):
            return Outcome.KEPT_OURS, False
        self.standing.tips[foreign.key] = Tip(
            foreign.version, foreign.revision, foreign.is_deletion
        )
        return (Outcome.ADDED if follows else Outcome.TOOK_THEIRS), True

    def _delete(self, foreign: ForeignChange) -> bool:
        row = self.standing.rows.get(foreign.key)
        if row is None:
            return True
        below = CHILD.get(foreign.level.name)
        if below is not None and owned(self.organization_id, below.model, parent=row.pk).exists():
            return False
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
        if is_new or not follows:
            row.created_at = self.standing.born(foreign, self.changes)
        if parent is not None:
            row.parent = parent  # type: ignore[attr-defined]
        if foreign.values is not None:
            level.assign(row, redacted(foreign.values))
        row.version, row.revision = foreign.version, foreign.revision
        row.updated_at, row.updated_by = foreign.at, foreign.actor
        row.save(force_insert=is_new)
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
        parent, tip = self.standing.rows.get(key), self.standing.tips.get(key)
        if parent is None and (tip is None or tip.deleted):
            raise ParentMissing(foreign.level.parent_field)
        return parent

    def _settle_delegation(self, foreign: ForeignChange) -> bool:
        """Brings the delegation's row up to date; whether the change tells of anything new."""
        theirs = foreign.delegation
        if theirs is None:
            return True
        ours = self.standing.delegations.get(theirs.delegation_id)
        if ours is not None and ours.status == theirs.status:
            return False
        if ours is not None and ours.status != Delegation.Status.PENDING:
            return True
        theirs.pk = ours.pk if ours is not None else None
        theirs.organization_id = self.organization_id
        theirs.data, theirs.reason = redacted(theirs.data), redacted(theirs.reason)
        theirs.save()
        self.standing.delegations[theirs.delegation_id] = theirs
        return True

    def _logged(self, foreign: ForeignChange, makes_version: bool) -> Change:
        return Change(
            level=foreign.level.name,
            context_id=foreign.context_id,
            operation=foreign.operation,
            version=foreign.version,
            revision=foreign.revision,
            parent_revision=foreign.parent_revision,
            makes_version=makes_version,
            document=redacted(foreign.document) if makes_version else None,
            record=redacted(foreign.record),
            entry=self._entry(foreign, foreign.entry) if foreign.entry is not None else None,
            actor=foreign.actor,
            origin_node=foreign.origin_node,
            mutation_id=foreign.mutation_id,
            at=foreign.at,
        )

    def _entry(self, foreign: ForeignChange, body: ForeignEntry) -> Entry:
        self.standing.entry_ids.add(body.entry_id)
        return Entry(
            entry_id=body.entry_id,
            organization_id=self.organization_id,
            level=foreign.level.name,
            context_id=foreign.context_id,
            kind=body.kind,
            content=redacted(body.content),
            category=body.category,
            importance=body.importance,
            agent=body.agent,
            details=redacted(body.details),
            created_at=body.created_at,
        )
