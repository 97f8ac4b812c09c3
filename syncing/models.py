"""What a node remembers of its hub, and a hub of its nodes."""

import secrets

from django.db import models
from django.utils import timezone

from contexts.documents import StoredJSONDecoder
from contexts.models import Change
from contexts.models.contexts import organization_key, owned


def new_name() -> str:
    return secrets.token_hex(16)


class Identity(models.Model):
    """Who this instance is to others: one row.

    `incarnation` is new at every start, `previous` are those before it that the hub may still
    know: of two copies of an instance only one can go on from what the hub knows.
    """

    node = models.CharField(max_length=64, default=new_name)
    incarnation = models.CharField(max_length=32, default=new_name)
    previous = models.JSONField(default=list)

    class Meta:
        verbose_name_plural = "identities"

    def __str__(self) -> str:
        return self.node


class Link(models.Model):
    """An organization's tie to its hub: how far its feed was taken over, and how the hub is.

    `cursor` is the hub's number of the last change taken over and `last_stamp` that change's
    stamp, by which the hub knows its own history again. `journaled_to` is our own number up to
    which every change was journaled or came from the hub.
    """

    organization = models.OneToOneField(
        "contexts.GlobalContext",
        models.PROTECT,
        to_field="context_id",
        primary_key=True,
        related_name="+",
    )
    hub_epoch = models.CharField(max_length=32, blank=True)
    cursor = models.PositiveBigIntegerField(default=0)
    last_stamp = models.UUIDField(null=True)
    journaled_to = models.PositiveBigIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    reachable = models.BooleanField(default=True)
    parked = models.TextField(blank=True)
    parked_at = models.DateTimeField(null=True)
    last_error = models.TextField(blank=True)
    synced_at = models.DateTimeField(null=True)
    checked_at = models.DateTimeField(null=True)
    checked_cursor = models.PositiveBigIntegerField(default=0)

    organization_id: str

    def __str__(self) -> str:
        return f"{self.organization_id} at {self.cursor} of its hub"


class Checkpoint(models.Model):
    """A place that hub and node agreed on: all of ours up to `local_seq` is in the hub's first
    `hub_seq` changes. After a hub was restored, the newest one it still knows tells what it lost.
    """

    organization = organization_key()
    hub_seq = models.PositiveBigIntegerField()
    stamp = models.UUIDField()
    local_seq = models.PositiveBigIntegerField()

    organization_id: str

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "hub_seq"], name="unique_checkpoint")
        ]

    def __str__(self) -> str:
        return f"{self.organization_id}: {self.hub_seq}"


class Lane(models.Model):
    """The way of one context's changes to the hub: in order, by one worker at a time.

    `upstream` is the hub's newest version of the context while ours is another one: because the
    hub does not have our edits yet, or because the version cannot be put here yet. Rows stay
    when the lane is empty.
    """

    organization = organization_key()
    level = models.CharField(max_length=10)
    context_id = models.CharField(max_length=50)
    upstream = models.ForeignKey(Change, models.PROTECT, null=True, related_name="+")
    lease_until = models.DateTimeField(null=True)
    lease_token = models.CharField(max_length=32, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(default=timezone.now)
    waits_for_network = models.BooleanField(default=False)

    organization_id: str
    upstream_id: int | None

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "level", "context_id"], name="unique_lane"
            )
        ]
        indexes = [
            models.Index(
                fields=["organization"],
                condition=models.Q(upstream__isnull=False),
                name="idx_lanes_apart",
            )
        ]

    @property
    def key(self) -> tuple[str, str]:
        return self.level, self.context_id

    def __str__(self) -> str:
        return f"{self.level} {self.context_id}"


class JournalEntry(models.Model):
    """One change of ours on its way to the hub.

    Pending until the hub has given a verdict, sent until its feed has come as far as that,
    then settled and soon gone; dead when the verdict was no. `seq` is the change's number, and
    the order of the lane.
    """

    class State(models.TextChoices):
        PENDING = "pending"
        SENT = "sent"
        SETTLED = "settled"
        DEAD = "dead"

    lane = models.ForeignKey(Lane, models.PROTECT, related_name="entries")
    change = models.OneToOneField(Change, models.PROTECT, related_name="+")
    organization = organization_key()
    seq = models.PositiveBigIntegerField()
    state = models.CharField(max_length=8, choices=State, default=State.PENDING)
    verdict = models.CharField(max_length=12, blank=True)
    hub_seq = models.PositiveBigIntegerField(null=True)
    with_base = models.BooleanField(default=False)
    attempts = models.PositiveIntegerField(default=0)
    code = models.CharField(max_length=40, blank=True)
    last_error = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    organization_id: str
    lane_id: int
    change_id: int

    class Meta:
        verbose_name_plural = "journal entries"
        indexes = [
            models.Index(fields=["organization", "state", "seq"], name="idx_journal_state"),
            models.Index(fields=["lane", "seq"], name="idx_journal_lane"),
        ]

    def __str__(self) -> str:
        return f"{self.state}: {self.change_id}"


# What the hub has not taken in yet as far as our own rows know.
UNSETTLED = (JournalEntry.State.PENDING, JournalEntry.State.SENT, JournalEntry.State.DEAD)


class Peer(models.Model):
    """A node that syncs with this instance as its hub, and how far it has read."""

    organization = organization_key()
    node = models.CharField(max_length=64)
    agent = models.CharField(max_length=150)
    incarnation = models.CharField(max_length=32, blank=True)
    cursor = models.PositiveBigIntegerField(default=0)
    seen_at = models.DateTimeField(default=timezone.now)

    organization_id: str

    class Meta:
        verbose_name = "node"
        constraints = [models.UniqueConstraint(fields=["organization", "node"], name="unique_peer")]

    def __str__(self) -> str:
        return f"{self.node} at {self.cursor}"


class Receipt(models.Model):
    """The verdict on a pushed mutation: the same again gets the same answer.

    `document` is what was pushed when something else became of it: later edits of that node are
    based on it.
    """

    organization = organization_key()
    node = models.CharField(max_length=64)
    mutation_id = models.UUIDField()
    fingerprint = models.CharField(max_length=64)
    level = models.CharField(max_length=10)
    context_id = models.CharField(max_length=50)
    pushed_revision = models.CharField(max_length=80)
    document = models.JSONField(null=True, decoder=StoredJSONDecoder)
    verdict = models.CharField(max_length=12)
    seq = models.PositiveBigIntegerField()
    revision = models.CharField(max_length=80)
    conflict_id = models.UUIDField(null=True)
    at = models.DateTimeField(default=timezone.now, db_index=True)

    organization_id: str

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "node", "mutation_id"], name="unique_receipt"
            )
        ]
        indexes = [
            models.Index(
                fields=["organization", "level", "context_id", "pushed_revision"],
                condition=~models.Q(verdict="applied"),
                name="idx_receipts_base",
            )
        ]

    def __str__(self) -> str:
        return f"{self.node}: {self.verdict}"


class Conflict(models.Model):
    """Two edits of the same: both kept until someone settles it (CONTRACT §4).

    The documents hold the writable fields; null for a deletion. `rest_applied`: what of `theirs`
    was not in dispute went into the context.
    """

    class Status(models.TextChoices):
        OPEN = "open"
        RESOLVED = "resolved"

    conflict_id = models.UUIDField("id", unique=True, editable=False)
    organization = organization_key()
    level = models.CharField(max_length=10)
    context_id = models.CharField(max_length=50)
    base = models.JSONField(null=True, decoder=StoredJSONDecoder)
    ours = models.JSONField(null=True, decoder=StoredJSONDecoder)
    theirs = models.JSONField(null=True, decoder=StoredJSONDecoder)
    paths = models.JSONField(default=list)
    rest_applied = models.BooleanField(default=True)
    actor = models.CharField(max_length=150)
    at = models.DateTimeField(default=timezone.now)
    status = models.CharField(max_length=10, choices=Status, default=Status.OPEN)
    strategy = models.CharField(max_length=10, blank=True)
    resolved_by = models.CharField(max_length=150, blank=True)
    resolved_at = models.DateTimeField(null=True)

    organization_id: str

    class Meta:
        indexes = [
            models.Index(fields=["organization", "status", "-id"], name="idx_conflicts_newest"),
            models.Index(
                fields=["organization", "level", "context_id", "status"],
                name="idx_conflicts_context",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.level} {self.context_id}"


def unsettled(organization_id: str) -> "models.QuerySet[JournalEntry]":
    """The organization's entries that our rows hold and the hub's feed does not tell of yet."""
    return owned(organization_id, JournalEntry, state__in=UNSETTLED).order_by("seq")
