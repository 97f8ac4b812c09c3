"""Taking over what the hub tells, in one transaction: rows, log, journal.

The hub's word is final for a context without edits of ours on their way. With some, its row
shows what the hub will make of them: its newest version with our edits merged in, as the hub
merges. That version is provisional; when the hub has all, its own takes the place, and versions
that it made others of are withdrawn from the history.
"""

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from django.utils import timezone

from contexts import services
from contexts.documents import revision_of
from contexts.identifiers import uuid7
from contexts.levels import LEVELS, Document
from contexts.merging import same
from contexts.models import Change
from contexts.services import ForeignChange, Outcome
from contexts.statements import update
from syncing import conflict_records, journal, lookups, wire
from syncing.journal import Key, State
from syncing.models import JournalEntry
from syncing.reconciling import reconcile
from syncing.wire import Verdict

Operation = Change.Operation


class Takeover:
    """One page of the hub's feed (or none) against what stands here.

    Begin it in a transaction that holds the organization's link, then `run`. `reached` is the
    hub's number up to which its feed is known with this page: entries with a verdict up to there
    are settled.
    """

    def __init__(
        self, organization_id: str, foreigns: Sequence[ForeignChange], reached: int
    ) -> None:
        self.organization_id, self.foreigns = organization_id, foreigns
        ours = self._settling(reached)
        keys = {entry.lane.key for entry in ours.values()} | self._placeless()
        self.adoption = services.Adoption(
            organization_id, foreigns, from_hub=True, others=sorted(keys)
        )
        # Only now that the contexts are locked nobody adds to their lanes.
        keys |= {foreign.key for foreign in foreigns}
        self.lanes = journal.find_lanes(organization_id, keys)
        self.settling = self._settling(reached)
        self.open = self._open_versions()
        self.upstream: dict[Key, Change] = {}

    def _placeless(self) -> set[Key]:
        """Contexts apart from the hub's line that may find their place now, whatever the page.

        The others wait for the verdict on our edits, and show what that will make of them.
        """
        keys: set[Key] = set()
        for (level,) in lookups.APART.rows(self.organization_id):
            keys.update(lane.key for lane in lookups.PLACELESS[level].all(self.organization_id))
        return keys

    def _settling(self, reached: int) -> dict[tuple[str, UUID], JournalEntry]:
        """Our entries whose fate this page tells, by their mutation."""
        by_origin: dict[str, list[UUID]] = defaultdict(list)
        for foreign in self.foreigns:
            by_origin[foreign.origin_node].append(foreign.mutation_id)
        entries = {entry.pk: entry for entry in lookups.SENT.all(self.organization_id, reached)}
        for origin, ids in by_origin.items():
            told = lookups.TOLD.all(self.organization_id, origin, ids)
            entries.update((entry.pk, entry) for entry in told if entry.pk not in entries)
        return {
            (each.change.origin_node, each.change.mutation_id): each
            for each in sorted(entries.values(), key=lambda entry: entry.seq)
        }

    def _open_versions(self) -> dict[int, list[JournalEntry]]:
        """By lane, the entries with an edit that the hub will not have after this page."""
        lanes = [lane.pk for lane in self.lanes.values()]
        settling = {entry.pk for entry in self.settling.values()}
        found: dict[int, list[JournalEntry]] = defaultdict(list)
        for entry in lookups.EDITS.all(self.organization_id, lanes):
            if entry.pk not in settling:
                found[entry.lane_id].append(entry)
        return found

    def run(self) -> None:
        """Does all of it. Raises what `Adoption` raises."""
        for foreign in self.foreigns:
            self._take(foreign)
        self._find_doubles()
        touched = {entry.lane.key for entry in self.settling.values()} | set(self.upstream)
        touched |= {key for key, lane in self.lanes.items() if lane.upstream_id is not None}
        # Parents before children, so that what was blocked by them finds its place.
        order = {name: number for number, name in enumerate(LEVELS)}
        apart: dict[Key, Change | None] = {}
        for key in sorted(touched, key=lambda each: (order[each[0]], each[1])):
            apart[key] = self._resolve(key)
        for key in sorted(apart, key=lambda each: order[each[0]], reverse=True):
            # Deletions find their place once those below are gone.
            upstream = apart[key]
            if upstream is not None and upstream.operation == Operation.DELETED:
                apart[key] = self._resolve(key)
        self.adoption.finish()
        # After the numbers, as writers lock: their journal rows come last too.
        self._settle()
        self._note_upstream(apart)
        self._withdraw(
            [key for key in apart if not apart[key] and not self.open.get(self._lane_pk(key))]
        )

    def _find_doubles(self) -> None:
        """Marks what the hub knew by another mutation, and told of before: here it was made twice.

        A deletion, say, that waited for its children while it was made here too.
        """
        told = {foreign.mutation for foreign in self.foreigns}
        for mutation, entry in self.settling.items():
            change = entry.change
            if mutation not in told and change.makes_version:
                place = change.level, change.context_id, change.revision, change.pk
                if lookups.TWIN.first(self.organization_id, *place) is not None:
                    entry.verdict = Verdict.MERGED

    def _lane_pk(self, key: Key) -> int:
        lane = self.lanes.get(key)
        return lane.pk if lane is not None else 0

    def _take(self, foreign: ForeignChange) -> None:
        lane = self.lanes.get(foreign.key)
        hold = foreign.makes_version and (
            foreign.key in self.upstream
            or (lane is not None and (lane.upstream_id is not None or bool(self.open.get(lane.pk))))
        )
        entry = self.settling.get(foreign.mutation)
        taken = self.adoption.take(foreign, hold=hold)
        if entry is not None:
            as_it_was = entry.change.revision == foreign.revision or not foreign.makes_version
            entry.verdict = Verdict.APPLIED if as_it_was else entry.verdict or Verdict.MERGED
        if taken.outcome is Outcome.KNOWN and foreign.operation == Operation.CONFLICT:
            conflict_records.note(self.organization_id, foreign.record)
        if not foreign.makes_version or taken.change is None:
            return
        if hold or taken.outcome is Outcome.BLOCKED:
            known = self._upstream(foreign.key)
            if known is None or known.version <= taken.change.version:
                self.upstream[foreign.key] = taken.change

    def _upstream(self, key: Key) -> Change | None:
        if key in self.upstream:
            return self.upstream[key]
        lane = self.lanes.get(key)
        return lane.upstream if lane is not None else None

    def _resolve(self, key: Key) -> Change | None:
        """Brings the context to where it belongs now; what is still apart from the hub's line."""
        upstream = self._upstream(key)
        if upstream is None:
            return None
        edits = self.open.get(self._lane_pk(key), [])
        if not edits:
            return None if self.adoption.put(upstream) else upstream
        self._rebase(key, upstream, edits)
        return upstream

    def _rebase(self, key: Key, upstream: Change, edits: Sequence[JournalEntry]) -> None:
        level = LEVELS[key[0]]
        bases = self._documents(key, {entry.change.parent_revision for entry in edits})
        document = upstream.document
        for entry in edits:
            base = bases.get(entry.change.parent_revision)
            merge = reconcile(level.parent_field, base, document, entry.change.document)
            document = merge.document
        row = self.adoption.standing.rows.get(key)
        current = level.document(row) if row is not None else None
        if same(current, document):
            return
        tip = self.adoption.standing.tips.get(key)
        # What the hub will count when it has our edits, so that its own version is never lower.
        version = max(tip.version if tip is not None else 1, upstream.version + len(edits))
        # Its parent is no version that anyone can have.
        parent_revision = revision_of(version - 1, wire.PROVISIONAL + upstream.revision, None)
        self.adoption.rebase(
            ForeignChange(
                level=level,
                context_id=upstream.context_id,
                operation=_operation(current, document),
                version=version,
                revision=revision_of(version, parent_revision, document),
                parent_revision=parent_revision,
                makes_version=True,
                document=document,
                record=None,
                entry=None,
                actor=upstream.actor,
                origin_node=wire.PROVISIONAL,
                mutation_id=uuid7(),
                at=timezone.now(),
            )
        )

    def _documents(self, key: Key, revisions: set[str]) -> dict[str, Document | None]:
        """The documents of a context's versions, by revision."""
        logged = lookups.DOCUMENTS.all(self.organization_id, *key, revisions - {""})
        return {change.revision: change.document for change in logged}

    def _settle(self) -> None:
        for entry in self.settling.values():
            entry.state = State.SETTLED
            update(entry, ("state", "verdict"))

    def _note_upstream(self, apart: dict[Key, Change | None]) -> None:
        new = (key for key in apart if apart[key] and key not in self.lanes)
        self.lanes |= journal.lanes_of(self.organization_id, new)
        for key, upstream in apart.items():
            lane = self.lanes.get(key)
            if lane is not None and lane.upstream_id != (upstream.pk if upstream else None):
                lane.upstream = upstream
                update(lane, ("upstream",))

    def _withdraw(self, clean: Sequence[Key]) -> None:
        """Takes what the hub made other versions of out of the histories of contexts in step."""
        lanes = [self.lanes[key].pk for key in clean if key in self.lanes]
        if not lanes:
            return
        overtaken = lookups.OVERTAKEN.all(self.organization_id, lanes)
        doomed = [entry.change for entry in overtaken]
        for key in clean:
            doomed += lookups.PROVISIONAL.all(self.organization_id, *key)
        self.adoption.withdraw(change for change in doomed if change.makes_version)
        if overtaken:
            JournalEntry.objects.filter(pk__in=[entry.pk for entry in overtaken]).delete()


def _operation(current: Document | None, document: Document | None) -> str:
    if document is None:
        return Operation.DELETED
    return Operation.CREATED if current is None else Operation.UPDATED
