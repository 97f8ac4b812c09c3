"""What happened: entries, the change log with its counter, delegations."""

import secrets
import uuid

from django.db import models
from django.utils import timezone

from contexts.documents import StoredJSONDecoder
from contexts.identifiers import uuid7
from contexts.models.contexts import GlobalContext, json_object, organization_key, owned


def new_epoch() -> str:
    return secrets.token_hex(16)


class Entry(models.Model):
    """One thing that happened to a context: append-only, so a long task never rewrites a list.

    Bound to its context by id and not by a foreign key: it outlives a deletion, as history does.
    """

    class Kind(models.TextChoices):
        PROGRESS = "progress"
        INSIGHT = "insight"
        ACTION = "action"

    entry_id = models.UUIDField("id", default=uuid7, unique=True, editable=False)
    organization = organization_key()
    level = models.CharField(max_length=10)
    context_id = models.CharField(max_length=50)
    kind = models.CharField(max_length=10, choices=Kind)
    content = models.TextField()
    category = models.CharField(max_length=12, blank=True)
    importance = models.CharField(max_length=10, blank=True)
    agent = models.CharField(max_length=150)
    details = json_object(blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    organization_id: str

    class Meta:
        verbose_name_plural = "entries"
        indexes = [
            models.Index(
                fields=["organization", "level", "context_id", "-created_at", "-id"],
                name="idx_entries_context_newest",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} on {self.level} {self.context_id}"


class PendingCall(models.Model):
    """A tool call too large to look into while its agent waits; its entry is unfinished till then.

    `sealed` is the call as it came, encrypted: it may hold secrets that are yet to be taken out.
    """

    entry = models.OneToOneField(Entry, models.CASCADE, primary_key=True, related_name="+")
    sealed = models.BinaryField()
    attempts = models.PositiveSmallIntegerField(default=0)
    claimed_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"call of entry {self.entry_id}"


class Feed(models.Model):
    """The counter of an organization's change log. `epoch` changes when a backup is put back."""

    organization = models.OneToOneField(
        GlobalContext, models.PROTECT, to_field="context_id", primary_key=True, related_name="+"
    )
    epoch = models.CharField(max_length=32, default=new_epoch)
    head = models.PositiveBigIntegerField(default=0)
    floor = models.PositiveBigIntegerField(default=0)

    organization_id: str

    def __str__(self) -> str:
        return f"{self.organization_id} at {self.head}"


# The order of a context's versions, newest first. Not by number alone: a version adopted from
# elsewhere may come into the log after a longer history of ours.
NEWEST_VERSION = ("-version", "-seq")


class Change(models.Model):
    """One row of the change log: the only source of events, history and points in time.

    `document` holds the writable fields and the parent of a new version; null for a deletion,
    for a change that made no version, and once compacted. `record` is the body of what is no
    document (a delegation, a conflict). `from_hub`: came from this node's hub, or was made of
    what came, so there is nothing in it to push. A version that the hub made another one of is
    withdrawn in the end: it makes no version any more, its row stays in the feed. `born_at`: when
    the context's life began, for a version that came without those before it. `path`: where the
    context stood (`Level.path`), which tells who hears of the change, also once it is deleted.
    `stamp`: drawn for this row alone. The log with that stamp at that number is the same up to
    there; one of a database that was put back may have the same mutation there, and others before.
    """

    class Operation(models.TextChoices):
        CREATED = "created"
        UPDATED = "updated"
        DELETED = "deleted"
        ENTRY_ADDED = "entry_added"
        DELEGATED = "delegated"
        CONFLICT = "conflict"

    organization = organization_key()
    seq = models.PositiveBigIntegerField()
    stamp = models.UUIDField(default=uuid.uuid4)
    level = models.CharField(max_length=10)
    context_id = models.CharField(max_length=50)
    path = models.CharField(max_length=110, blank=True)
    operation = models.CharField(max_length=12, choices=Operation)
    version = models.PositiveIntegerField()
    revision = models.CharField(max_length=80)
    parent_revision = models.CharField(max_length=80, blank=True)
    makes_version = models.BooleanField()
    document = models.JSONField(null=True, decoder=StoredJSONDecoder)
    entry = models.OneToOneField(Entry, models.PROTECT, null=True, related_name="change")
    record = models.JSONField(null=True, decoder=StoredJSONDecoder)
    actor = models.CharField(max_length=150)
    origin_node = models.CharField(max_length=64, blank=True)
    mutation_id = models.UUIDField(default=uuid7)
    from_hub = models.BooleanField(default=False)
    born_at = models.DateTimeField(null=True)
    at = models.DateTimeField(default=timezone.now)

    organization_id: str

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "seq"], name="unique_change_seq"),
            models.UniqueConstraint(
                fields=["origin_node", "mutation_id"], name="unique_change_mutation"
            ),
        ]
        indexes = [
            models.Index(
                fields=["organization", "level", "context_id", "version", "seq"],
                condition=models.Q(makes_version=True),
                name="idx_changes_versions",
            )
        ]

    def __str__(self) -> str:
        return f"{self.seq}: {self.operation} {self.level} {self.context_id}"


def versions(organization_id: str, level: str, context_id: str) -> models.QuerySet[Change]:
    """The versions of a context of the level of that name, newest first; also of a deleted one."""
    kept = owned(organization_id, Change, level=level, context_id=context_id, makes_version=True)
    return kept.order_by(*NEWEST_VERSION)


class Delegation(models.Model):
    """A pattern handed upwards. To the organization it waits for an admin's decision."""

    class Status(models.TextChoices):
        PENDING = "pending"
        APPROVED = "approved"
        REJECTED = "rejected"

    delegation_id = models.UUIDField("id", default=uuid7, unique=True, editable=False)
    organization = organization_key()
    level = models.CharField(max_length=10)
    context_id = models.CharField(max_length=50)
    target_level = models.CharField(max_length=10)
    target_id = models.CharField(max_length=50)
    data = json_object()
    reason = models.TextField(blank=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    requested_by = models.CharField(max_length=150)
    decided_by = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    decided_at = models.DateTimeField(null=True)

    organization_id: str

    class Meta:
        indexes = [
            models.Index(
                fields=["organization", "level", "context_id"], name="idx_delegations_source"
            ),
            models.Index(fields=["organization", "-id"], name="idx_delegations_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.level} {self.context_id} to {self.target_level} {self.target_id}"
