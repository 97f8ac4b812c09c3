"""One pushed entry on the hub, from its lock to its verdict.

An edit of the hub's newest version becomes the next one as it is. Another one is merged with
what came before it: exactly one version comes of every edit, so that a node's own count of its
pending edits is never ahead of the hub's.
"""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from contexts import access, services
from contexts.access import Caller
from contexts.documents import revision_of
from contexts.errors import ContextError, DocumentTooLarge, Invalid
from contexts.history import head_of
from contexts.identifiers import uuid7
from contexts.levels import CHILD, LEVELS, Document, Level
from contexts.merging import same
from contexts.models import Change, Delegation, Role, owned
from contexts.queries import present_delegation
from contexts.services import ForeignChange
from contexts.services.rows import redacted, refuse_too_large
from contexts.services.standing import Tip
from contexts.statements import insert
from syncing import conflict_records, receipts
from syncing.bases import Unready, base_of
from syncing.conflicts import Merge
from syncing.models import Receipt
from syncing.reconciling import WHOLE, fields_of, reconcile
from syncing.revival import conflict_of, parents_again
from syncing.wire import Verdict

Operation = Change.Operation


class Intake:
    """One entry in its transaction."""

    def __init__(
        self, caller: Caller, node: str, pushed: ForeignChange, entry: Document, fingerprint: str
    ) -> None:
        self.caller, self.node, self.pushed, self.entry = caller, node, pushed, entry
        self.organization_id = caller.organization_id
        self.fingerprint = fingerprint

    def verdict(self) -> Document:
        receipt = receipts.find(self.organization_id, self.node, self.pushed.mutation_id)
        if receipt is not None and receipt.fingerprint == self.fingerprint:
            return receipts.told_by(receipt)
        try:
            self.adoption = services.Adoption(self.organization_id, [self.pushed])
        except ContextError:
            if receipt is None:
                raise
            # Whatever else is wrong with it, it is not what came under its id before.
            raise receipts.MutationReused from None
        if receipt is not None:
            return self._offered_back(receipt)
        self._check_role()
        if (known := self._known()) is not None:
            as_it_was = known.revision == self.pushed.revision or not self.pushed.makes_version
            verdict = Verdict.APPLIED if as_it_was else Verdict.MERGED
            theirs = None if as_it_was else redacted(self.pushed.document)
            return self._receipt(verdict, known.seq, known.revision, document=theirs)
        if self.pushed.makes_version:
            return self._take_version()
        return self._take_news()

    def _offered_back(self, receipt: Receipt) -> Document:
        """What we made of the mutation, from a node that offers all it has. Raises
        `MutationReused` for anything else under its id.
        """
        known = self._known()
        if known is None or not receipts.tells_of(self.pushed, known):
            raise receipts.MutationReused
        told = receipts.told_by(receipt)
        return {**told, "verdict": Verdict.APPLIED, "seq": known.seq, "revision": known.revision}

    def _check_role(self) -> None:
        if self.pushed.is_deletion:
            access.require_deletion(self.caller, self.pushed.level)
        delegation = self.pushed.delegation
        if delegation is not None and delegation.status != Delegation.Status.PENDING:
            target = LEVELS[delegation.target_level]
            if target.parent is None or delegation.status == Delegation.Status.REJECTED:
                access.require(self.caller, Role.ADMIN)

    def _known(self) -> Change | None:
        standing = self.adoption.standing
        if (known := standing.mutations.get(self.pushed.mutation)) is not None:
            return known.change
        if not self.pushed.makes_version:
            return None
        return standing.revisions.get((self.pushed.key, self.pushed.revision))

    @property
    def tip(self) -> Tip | None:
        """The newest version that the hub has of the context."""
        return self.adoption.standing.tips.get(self.pushed.key)

    def _take_news(self) -> Document:
        """An entry, a delegation's request or rejection, a conflict settled as it stands."""
        tip = self.tip
        if tip is None:
            raise Unready("context_missing")
        news = replace(
            self.pushed,
            version=tip.version,
            revision=tip.revision,
            parent_revision="",
            record=self._standing_record(),
        )
        taken = self.adoption.take(news)
        self.adoption.finish()
        seq = taken.change.seq if taken.change is not None else head_of(self.organization_id)
        return self._receipt(Verdict.APPLIED, seq, tip.revision)

    def _standing_record(self) -> Document | None:
        """The entry's record; where the same was decided before, that decision's."""
        decided = self._decided_before()
        if decided is not None:
            return present_delegation(decided)
        if self.pushed.operation == Operation.CONFLICT:
            return conflict_records.standing(self.organization_id, self.pushed.record)
        return self.pushed.record

    def _decided_before(self) -> Delegation | None:
        """The hub's row of the delegation that the entry tells of, if it is decided."""
        theirs = self.pushed.delegation
        if theirs is None:
            return None
        ours = self.adoption.standing.delegations.get(theirs.delegation_id)
        return ours if ours is not None and ours.status != Delegation.Status.PENDING else None

    def _contradicts(self) -> bool:
        """Whether the edit comes of a decision that was taken otherwise before."""
        if self.pushed.operation == Operation.CONFLICT:
            return conflict_records.settled_otherwise(self.organization_id, self.pushed.record)
        theirs, ours = self.pushed.delegation, self._decided_before()
        return ours is not None and theirs is not None and ours.status != theirs.status

    def _take_version(self) -> Document:
        pushed, tip = self.pushed, self.tip
        follows = tip is None or pushed.parent_revision == tip.revision
        if follows and self._fits():
            taken = self.adoption.take(pushed)
            if taken.outcome is not services.Outcome.ADDED or taken.change is None:
                raise services.Overtaken
            self.adoption.finish()
            return self._receipt(Verdict.APPLIED, taken.change.seq, pushed.revision)
        return self._merge()

    def _fits(self) -> bool:
        """Whether the edit can become the next version as it is."""
        pushed = self.pushed
        if pushed.redacted:
            return False
        if self._standing_record() != pushed.record:
            return False
        if pushed.is_deletion:
            return not self._has_children()
        clean = redacted(pushed.document) == pushed.document
        return clean and (pushed.level.parent is None or self._parent_is_here())

    def _parent_is_here(self) -> bool:
        parent = self.pushed.level.parent
        key = (parent.name if parent is not None else "", self.pushed.named_parent_id)
        return key in self.adoption.standing.rows

    def _has_children(self) -> bool:
        row = self.adoption.standing.rows.get(self.pushed.key)
        below = CHILD.get(self.pushed.level.name)
        if row is None or below is None:
            return False
        return owned(self.organization_id, below.model, parent=row.pk).exists()

    def _merge(self) -> Document:
        level, pushed, tip = self.pushed.level, self.pushed, self.tip
        row = self.adoption.standing.rows.get(pushed.key)
        ours = level.document(row) if row is not None else None
        theirs = redacted(pushed.document)
        base = None if tip is None else base_of(self.organization_id, pushed, self.entry)
        merge, rest_applied = self._merged(level, base, ours, theirs)
        steps = parents_again(self.organization_id, pushed, merge.document)
        version = (tip.version if tip is not None else pushed.version - 1) + 1
        parent_revision = tip.revision if tip is not None else pushed.parent_revision
        next_one = replace(
            pushed,
            operation=(operation := self._operation(ours, merge.document)),
            version=version,
            parent_revision=parent_revision,
            revision=revision_of(version, parent_revision, merge.document),
            document=merge.document,
            record=None,
            at=pushed.at if parent_revision == pushed.parent_revision else self._made_at(),
        )
        conflict_id: UUID | None = None
        news: list[ForeignChange] = []
        if (record := self._standing_record()) is not None:
            if operation == pushed.operation:
                next_one = replace(next_one, record=record)
            else:
                # A version that begins a life again says so, and not what else came of it.
                news.append(conflict_records.news(next_one, record, pushed.operation))
        if merge.paths:
            conflict_id = uuid7()
            record = conflict_records.opened(
                conflict_id,
                pushed,
                *(fields_of(level.parent_field, each) for each in (base, ours, theirs)),
                paths=merge.paths,
                rest_applied=rest_applied,
            )
            news.append(conflict_records.news(next_one, record))
        for parent in steps:
            revival_id, revived = conflict_of(parent)
            conflict_id = conflict_id or revival_id
            news.append(revived)
        if steps:
            # Parents are locked before children.
            self.adoption = services.Adoption(self.organization_id, [*steps, pushed])
        for step in [*steps, next_one]:
            taken = self.adoption.take(step)
            if taken.outcome is not services.Outcome.ADDED:
                raise services.Overtaken
        for each in news:
            self.adoption.take(each)
        self.adoption.finish()
        verdict = Verdict.CONFLICT if conflict_id is not None else Verdict.MERGED
        if next_one.revision == pushed.revision:
            verdict = Verdict.APPLIED
        assert taken.change is not None  # noqa: S101 (what is added has a row)
        return self._receipt(
            verdict, taken.change.seq, next_one.revision, conflict_id, document=theirs
        )

    def _merged(
        self, level: Level, base: Document | None, ours: Document | None, theirs: Document | None
    ) -> tuple[Merge, bool]:
        """The merge, and whether it holds what is not in dispute of the edit."""
        if ours is not None and self._contradicts():
            # What they come to may be the same.
            return Merge(ours, () if same(ours, theirs) else WHOLE), False
        merge = reconcile(level.parent_field, base, ours, theirs)
        if merge.document is None:
            return (Merge(ours, WHOLE), True) if self._has_children() else (merge, True)
        try:
            level.checked(fields_of(level.parent_field, merge.document))
            refuse_too_large(merge.document)
        except (Invalid, DocumentTooLarge):
            if ours is None:
                raise
            return Merge(ours, WHOLE), False
        return merge, True

    def _operation(self, ours: Document | None, document: Document | None) -> str:
        if document is None:
            return Operation.DELETED
        if ours is None:
            return Operation.CREATED
        if self.pushed.operation in (Operation.CREATED, Operation.DELETED):
            return Operation.UPDATED
        return self.pushed.operation

    def _made_at(self) -> datetime:
        """The edit's time, but never before that of the version it is merged with."""
        row = self.adoption.standing.rows.get(self.pushed.key)
        return max(self.pushed.at, row.updated_at) if row is not None else self.pushed.at

    def _receipt(
        self,
        verdict: Verdict,
        seq: int,
        revision: str,
        conflict_id: UUID | None = None,
        document: Document | None = None,
    ) -> Document:
        receipt = Receipt(
            organization_id=self.organization_id,
            node=self.node,
            mutation_id=self.pushed.mutation_id,
            fingerprint=self.fingerprint,
            level=self.pushed.level.name,
            context_id=self.pushed.context_id,
            pushed_revision=self.pushed.revision,
            document=document,
            verdict=verdict,
            seq=seq,
            revision=revision,
            conflict_id=conflict_id,
        )
        insert([receipt])
        return receipts.told_by(receipt)
