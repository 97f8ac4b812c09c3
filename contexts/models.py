"""The tables. Rows of the four context tables are written in `contexts.services` only."""

import secrets
from datetime import datetime
from typing import Any, TypeVar

from django.conf import settings
from django.db import models
from django.utils import timezone

from contexts.documents import StoredJSONDecoder
from contexts.identifiers import uuid7


def json_object(**options: Any) -> models.JSONField:
    """A JSON column whose numbers read alike on both databases."""
    return models.JSONField(default=dict, decoder=StoredJSONDecoder, **options)


def organization_key() -> "models.ForeignKey[GlobalContext, GlobalContext]":
    """The tenant. Its value is the organization's own id, so no row needs a join to name it."""
    return models.ForeignKey(
        "contexts.GlobalContext",
        on_delete=models.PROTECT,
        to_field="context_id",
        db_index=False,
        related_name="+",
    )


Row = TypeVar("Row", bound=models.Model)


def owned(organization_id: str, model: type[Row], **lookups: Any) -> models.QuerySet[Row]:
    """The rows of a table that belong to an organization: where every query begins."""
    # As a mapping: the type checker takes a key to the organization for one to its row number.
    return model._default_manager.filter(**{"organization_id": organization_id, **lookups})


def new_epoch() -> str:
    return secrets.token_hex(16)


class Context(models.Model):
    """What the four levels share. `context_id` is the id that the outside knows (column `id`)."""

    row_id = models.BigAutoField(primary_key=True)
    organization = organization_key()
    metadata = json_object()
    version = models.PositiveIntegerField(default=1)
    revision = models.CharField(max_length=80)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    updated_by = models.CharField(max_length=150)

    context_id: "models.CharField[str, str]"
    data: "models.JSONField[dict[str, Any], dict[str, Any]]"
    organization_id: str

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.context_id


class GlobalContext(Context):
    """An organization: the root of a tenant, its own `organization`."""

    context_id = models.CharField("id", db_column="id", max_length=50, unique=True)
    name = models.CharField(db_column="organization_name", max_length=255, blank=True)
    data = json_object(db_column="global_settings")

    class Meta:
        db_table = "global_contexts"
        verbose_name = "organization"


class ProjectContext(Context):
    context_id = models.CharField("id", db_column="id", max_length=36)
    parent = models.ForeignKey(
        GlobalContext, models.PROTECT, db_column="global_id", related_name="children"
    )
    name = models.CharField(db_column="project_name", max_length=255, blank=True)
    data = json_object(db_column="project_settings")

    class Meta:
        db_table = "project_contexts"
        verbose_name = "project"
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "context_id"], name="unique_project_in_organization"
            )
        ]


class BranchContext(Context):
    context_id = models.CharField("id", db_column="id", max_length=36)
    parent = models.ForeignKey(
        ProjectContext,
        models.PROTECT,
        db_column="project_id",
        db_index=False,
        related_name="children",
    )
    name = models.CharField(db_column="git_branch_name", max_length=255, blank=True)
    data = json_object(db_column="branch_settings")

    class Meta:
        db_table = "branch_contexts"
        verbose_name = "branch"
        verbose_name_plural = "branches"
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "context_id"], name="unique_branch_in_organization"
            )
        ]
        indexes = [models.Index(fields=["parent"], name="idx_branch_contexts_project")]


class TaskContext(Context):
    context_id = models.CharField("id", db_column="id", max_length=36)
    parent = models.ForeignKey(
        BranchContext,
        models.PROTECT,
        db_column="branch_id",
        db_index=False,
        related_name="children",
    )
    data = json_object(db_column="task_data")
    progress = models.PositiveSmallIntegerField(default=0)
    next_steps = models.JSONField(default=list, blank=True, decoder=StoredJSONDecoder)

    class Meta:
        db_table = "task_contexts"
        verbose_name = "task"
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "context_id"], name="unique_task_in_organization"
            )
        ]
        indexes = [
            models.Index(fields=["parent"], name="idx_task_contexts_branch"),
            models.Index(fields=["organization", "updated_at"], name="idx_task_contexts_updated"),
        ]


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
    document (a delegation).
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
    level = models.CharField(max_length=10)
    context_id = models.CharField(max_length=50)
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


class Role(models.TextChoices):
    """What a member may do; each role includes those before it."""

    READER = "reader"
    WRITER = "writer"
    ADMIN = "admin"


class Agent(models.Model):
    """A program with a key. Only the key's SHA-256 is kept: it is random, so that suffices."""

    agent_id = models.CharField("id", max_length=100, unique=True)
    organization = organization_key()
    role = models.CharField(max_length=10, choices=Role, default=Role.WRITER)
    key_hash = models.CharField(max_length=64, unique=True, editable=False)
    key_hint = models.CharField(max_length=12, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    rotated_at = models.DateTimeField(default=timezone.now, editable=False)
    revoked_at = models.DateTimeField(null=True, editable=False)

    organization_id: str

    def __str__(self) -> str:
        return self.agent_id


class Membership(models.Model):
    """A human's role in an organization."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships")
    organization = organization_key()
    role = models.CharField(max_length=10, choices=Role, default=Role.READER)

    organization_id: str

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "organization"], name="unique_membership")
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.organization_id}"


class IdempotencyRecord(models.Model):
    """The first answer to a write with an `Idempotency-Key`, kept for 24 hours."""

    organization = organization_key()
    caller = models.CharField(max_length=160)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(default=0)
    headers = models.JSONField(default=dict)
    body = models.TextField(blank=True)
    created_at: "models.DateTimeField[datetime, datetime]" = models.DateTimeField(
        default=timezone.now, db_index=True
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "caller", "key"], name="unique_idempotency_key"
            )
        ]

    def __str__(self) -> str:
        return f"{self.caller}: {self.key}"
