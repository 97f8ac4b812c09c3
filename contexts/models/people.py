"""Who may do what, and what was answered to them."""

from datetime import datetime

from django.conf import settings
from django.db import models
from django.utils import timezone

from contexts.models.contexts import organization_key


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
