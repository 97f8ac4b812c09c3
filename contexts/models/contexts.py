"""The four context tables. Their rows are written in `contexts.services` only."""

from typing import Any, TypeVar

from django.db import models
from django.utils import timezone

from contexts.documents import StoredJSONDecoder


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
        indexes = [
            models.Index(fields=["organization", "row_id"], name="idx_branch_contexts_newest"),
            models.Index(fields=["parent"], name="idx_branch_contexts_project"),
        ]


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
            models.Index(fields=["organization", "row_id"], name="idx_task_contexts_newest"),
            models.Index(fields=["parent"], name="idx_task_contexts_branch"),
            models.Index(fields=["organization", "updated_at"], name="idx_task_contexts_updated"),
        ]
