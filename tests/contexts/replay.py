"""What must hold of every organization, whatever was done to it: its log is its state."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from contexts.documents import revision_of
from contexts.levels import LEVELS
from contexts.models import Change, Delegation, Entry, Feed, owned
from contexts.queries import present_delegation

Key = tuple[str, str]


@dataclass(frozen=True)
class Held:
    """One context as the log leaves it."""

    document: dict[str, Any]
    version: int
    revision: str
    created_at: datetime
    updated_at: datetime
    updated_by: str


@dataclass
class Replayed:
    """An organization built from its change log alone, from number 1 on."""

    contexts: dict[Key, Held] = field(default_factory=dict)
    newest: dict[Key, Change] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    delegations: dict[str, dict[str, Any]] = field(default_factory=dict)

    def apply(self, change: Change) -> None:
        key = (change.level, change.context_id)
        if change.makes_version:
            self._apply_version(key, change)
        else:
            assert change.document is None
            assert change.revision == self.newest[key].revision
            assert change.version == self.newest[key].version
        if change.record is not None:
            assert change.operation == Change.Operation.DELEGATED
            self.delegations[change.record["id"]] = change.record
        assert (change.entry is not None) == (change.operation == Change.Operation.ENTRY_ADDED)
        if change.entry is not None:
            assert (change.entry.level, change.entry.context_id) == key
            self.entries.append(change.entry)

    def _apply_version(self, key: Key, change: Change) -> None:
        before = self.newest.get(key)
        assert change.version == (before.version if before else 0) + 1
        assert change.parent_revision == (before.revision if before else "")
        assert change.revision == revision_of(
            change.version, change.parent_revision, change.document
        )
        self.newest[key] = change
        held = self.contexts.pop(key, None)
        if change.operation == Change.Operation.DELETED:
            assert held is not None, "only what is there can be deleted"
            assert change.document is None
            return
        assert (held is None) == (change.operation == Change.Operation.CREATED)
        assert change.document is not None
        assert held is None or change.document != held.document, "a no-op made a version"
        parent_field = LEVELS[change.level].parent_field
        if held is not None and parent_field:
            assert change.document[parent_field] == held.document[parent_field]
        self.contexts[key] = Held(
            change.document,
            change.version,
            change.revision,
            held.created_at if held else change.at,
            change.at,
            change.actor,
        )


def replay(organization_id: str) -> Replayed:
    """Reads the whole log and checks what can be checked of it alone."""
    replayed = Replayed()
    expected = 0
    changes = owned(organization_id, Change).select_related("entry").order_by("seq")
    for change in changes.iterator(chunk_size=1000):
        expected += 1
        assert change.seq == expected, f"the feed has a gap before {change.seq}"
        replayed.apply(change)
    feed = owned(organization_id, Feed).get()
    assert feed.head == expected
    return replayed


def stored(organization_id: str) -> dict[Key, Held]:
    """All contexts of an organization, from their tables."""
    return {
        (level.name, row.context_id): Held(
            level.document(row),
            row.version,
            row.revision,
            row.created_at,
            row.updated_at,
            row.updated_by,
        )
        for level in LEVELS.values()
        for row in level.rows(organization_id)
    }


def assert_log_is_the_state(organization_id: str) -> Replayed:
    """The log replayed from empty gives exactly the rows; returns what it gave."""
    replayed = replay(organization_id)
    assert replayed.contexts == stored(organization_id)
    for level_name, context_id in replayed.contexts:
        level = LEVELS[level_name]
        if level.parent is not None:
            parent_id = replayed.contexts[level_name, context_id].document[level.parent_field]
            assert (level.parent.name, parent_id) in replayed.contexts, "an orphan"
    in_tables = owned(organization_id, Entry).order_by("id")
    assert sorted(entry.pk for entry in replayed.entries) == [entry.pk for entry in in_tables]
    assert replayed.delegations == {
        str(row.delegation_id): present_delegation(row)
        for row in owned(organization_id, Delegation)
    }
    return replayed
