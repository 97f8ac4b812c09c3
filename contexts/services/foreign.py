"""Changes made elsewhere, as JSON: what an archive's line and a peer's page hold of each."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from contexts import documents
from contexts.errors import Invalid
from contexts.levels import LEVELS, Document, Level
from contexts.models import Change, Delegation, Entry
from contexts.queries import timestamp
from contexts.services.delegation_records import read_delegation
from contexts.services.members import (
    context_id_of,
    flag_of,
    object_in,
    optional_of,
    revision_of,
    text_of,
    time_of,
    uuid_of,
    version_of,
)
from contexts.services.rows import refuse_too_large

Operation = Change.Operation
Key = tuple[str, str]
# What redaction leaves where a secret was.
MARK = b"[redacted:"


@dataclass(frozen=True)
class ForeignEntry:
    """The body of an `entry_added`."""

    entry_id: UUID
    kind: str
    content: str
    category: str
    importance: str
    agent: str
    details: Document
    created_at: datetime


@dataclass(frozen=True)
class ForeignChange:
    """A change as another node logged it; the fields are those of `models.Change`.

    `parent_id` names the parent where a compacted `document` no longer does. `redacted`: the
    document lost a secret after its revision was hashed, so the two cannot be compared.
    `created_at`: when the context's life began, where the log before this is not told.
    """

    level: Level
    context_id: str
    operation: str
    version: int
    revision: str
    parent_revision: str
    makes_version: bool
    document: Document | None
    record: Document | None
    entry: ForeignEntry | None
    actor: str
    origin_node: str
    mutation_id: UUID
    at: datetime
    parent_id: str = ""
    redacted: bool = False
    created_at: datetime | None = None

    @property
    def key(self) -> Key:
        return self.level.name, self.context_id

    @property
    def mutation(self) -> tuple[str, UUID]:
        """What a change is known by, on every node."""
        return self.origin_node, self.mutation_id

    @property
    def is_deletion(self) -> bool:
        return self.operation == Operation.DELETED

    @cached_property
    def values(self) -> Document | None:
        """The writable fields of the document, checked; None without one. Raises `Invalid`."""
        if self.document is None:
            return None
        return self.level.checked(
            {name: item for name, item in self.document.items() if name != self.level.parent_field}
        )

    @property
    def delegation(self) -> Delegation | None:
        """A new unsaved row of the delegation that this tells of, if it does. Raises `Invalid`."""
        return read_delegation(self.record) if self.operation == Operation.DELEGATED else None

    @property
    def named_parent_id(self) -> str:
        """The parent's id as far as the change tells; "" when it does not."""
        if self.level.parent is None:
            return ""
        return str((self.document or {}).get(self.level.parent_field, self.parent_id))

    def verify(self, *, any_size: bool = False) -> None:
        """Raises `Invalid` unless the revision is the hash of what it names (DESIGN §3).

        `DocumentTooLarge` and `Invalid` for what a writer here might not write either; with
        `any_size` a document may be larger than that.
        """
        if self.document is not None:
            if not any_size:
                refuse_too_large(self.document)
            _ = self.values
        if not self.makes_version or is_compacted(self) or self.redacted:
            return
        if documents.revision_of(self.version, self.parent_revision, self.document) != (
            self.revision
        ):
            raise Invalid({"revision": [f"{self.revision} does not fit the document."]})


def is_compacted(change: "Change | ForeignChange") -> bool:
    """Whether a version has lost its document to its age."""
    return (
        change.makes_version and change.document is None and change.operation != Operation.DELETED
    )


def lost_a_secret(change: Change, written: bytes) -> bool:
    """Whether a version's document lost a secret after its revision was hashed.

    `written` is JSON with the document in it: only one with a mark needs to be hashed again.
    """
    if MARK not in written or change.document is None or not change.makes_version:
        return False
    hashed = documents.revision_of(change.version, change.parent_revision, change.document)
    return hashed != change.revision


def write(change: Change) -> Document:
    """The JSON of a logged change, its entry loaded; `read` gives the same change back."""
    entry = change.entry
    born = {"created_at": timestamp(change.born_at)} if change.born_at is not None else {}
    return {
        "level": change.level,
        "context_id": change.context_id,
        "operation": change.operation,
        "version": change.version,
        "revision": change.revision,
        "parent_revision": change.parent_revision,
        "makes_version": change.makes_version,
        "document": change.document,
        "record": change.record,
        "entry": _write_entry(entry) if entry is not None else None,
        "actor": change.actor,
        "origin_node": change.origin_node,
        "mutation_id": str(change.mutation_id),
        "at": timestamp(change.at),
        **born,
    }


def _write_entry(entry: Entry) -> Document:
    return {
        "id": str(entry.entry_id),
        "kind": entry.kind,
        "content": entry.content,
        "category": entry.category,
        "importance": entry.importance,
        "agent": entry.agent,
        "details": entry.details,
        "created_at": timestamp(entry.created_at),
    }


def read(body: Any) -> ForeignChange:
    """The change in `body` (parsed by `documents.parse`), its types, ids and lengths checked.

    Members it does not know are ignored. Raises `Invalid`. `verify` checks the revision.
    """
    body = object_in(body, "change")
    level = LEVELS.get(text_of(body, "level", 10))
    if level is None:
        raise Invalid({"level": [f"This must be one of {', '.join(LEVELS)}."]})
    operation = text_of(body, "operation", 12)
    if operation not in Operation.values:
        raise Invalid({"operation": [f"This must be one of {', '.join(Operation.values)}."]})
    makes_version = flag_of(body, "makes_version")
    change = ForeignChange(
        level=level,
        context_id=context_id_of(body, "context_id", level),
        operation=operation,
        version=version_of(body),
        revision=revision_of(body, "revision"),
        parent_revision=revision_of(body, "parent_revision") if body.get("parent_revision") else "",
        makes_version=makes_version,
        document=optional_of(body, "document"),
        record=optional_of(body, "record"),
        entry=_read_entry(optional_of(body, "entry")),
        actor=text_of(body, "actor", 150),
        origin_node=text_of(body, "origin_node", 64),
        mutation_id=uuid_of(body, "mutation_id"),
        at=time_of(body, "at"),
        parent_id=text_of(body, "parent_id", 50) if "parent_id" in body else "",
        redacted=flag_of(body, "redacted") if "redacted" in body else False,
        created_at=time_of(body, "created_at") if "created_at" in body else None,
    )
    _check_together(change)
    return change


def _check_together(change: ForeignChange) -> None:
    number = int(change.revision.split("-")[0])
    if number != change.version:
        raise Invalid({"revision": ["This must begin with the version."]})
    if (change.entry is not None) != (change.operation == Operation.ENTRY_ADDED):
        raise Invalid({"entry": ["This belongs to the operation entry_added, and to it alone."]})
    _ = change.delegation
    if change.document is not None and (change.is_deletion or not change.makes_version):
        raise Invalid({"document": ["This change can have none."]})
    if change.document is not None and change.level.parent is not None:
        context_id_of(change.document, change.level.parent_field, change.level.parent)
    before = int(change.parent_revision.split("-")[0]) if change.parent_revision else 0
    if change.makes_version and change.version != before + 1:
        raise Invalid({"version": ["This must be one more than the parent revision's."]})


def of(change: Change) -> ForeignChange:
    """The logged version `change` as if it came from elsewhere; its entry is left out."""
    return ForeignChange(
        level=LEVELS[change.level],
        context_id=change.context_id,
        operation=change.operation,
        version=change.version,
        revision=change.revision,
        parent_revision=change.parent_revision,
        makes_version=change.makes_version,
        document=change.document,
        record=change.record,
        entry=None,
        actor=change.actor,
        origin_node=change.origin_node,
        mutation_id=change.mutation_id,
        at=change.at,
        created_at=change.born_at,
    )


def new_entry(organization_id: str, change: ForeignChange) -> Entry | None:
    """A new unsaved row of the entry that `change` adds, if it does."""
    body = change.entry
    if body is None:
        return None
    return Entry(
        entry_id=body.entry_id,
        organization_id=organization_id,
        level=change.level.name,
        context_id=change.context_id,
        kind=body.kind,
        content=body.content,
        category=body.category,
        importance=body.importance,
        agent=body.agent,
        details=body.details,
        created_at=body.created_at,
    )


def _read_entry(body: Document | None) -> ForeignEntry | None:
    if body is None:
        return None
    kind = text_of(body, "kind", 10)
    if kind not in Entry.Kind.values:
        raise Invalid({"kind": [f"This must be one of {', '.join(Entry.Kind.values)}."]})
    return ForeignEntry(
        entry_id=uuid_of(body, "id"),
        kind=kind,
        content=text_of(body, "content"),
        category=text_of(body, "category", 12),
        importance=text_of(body, "importance", 10),
        agent=text_of(body, "agent", 150),
        details=object_in(body.get("details"), "details"),
        created_at=time_of(body, "created_at"),
    )
