"""The four levels, one row each: the only place where they differ."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from contexts import documents, merging, models
from contexts.errors import Invalid

Document = dict[str, Any]
# Level and id: what names a context within its organization.
Key = tuple[str, str]
LONGEST_NAME = 255


@dataclass(frozen=True)
class Field:
    """A writable field: its name outside, the model's attribute, what it holds, its default."""

    name: str
    attribute: str
    kind: str

    def default(self) -> Any:
        return {"object": dict, "list": list, "text": str, "percent": int}[self.kind]()

    def complaint(self, value: Any) -> str | None:
        """Why `value` may not stand here, in a sentence; None when it may. Nothing is coerced."""
        if self.kind == "object" and not isinstance(value, dict):
            return "This must be an object."
        if self.kind == "list" and not isinstance(value, list):
            return "This must be a list."
        if self.kind == "text":
            if not isinstance(value, str):
                return "This must be a text."
            if len(value) > LONGEST_NAME:
                return f"This may have up to {LONGEST_NAME} characters."
        if self.kind == "percent" and not (
            isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 100
        ):
            return "This must be a whole number from 0 to 100."
        if documents.depth(value) > documents.MAX_DEPTH:
            return f"Nested deeper than {documents.MAX_DEPTH}."
        return None


DATA = Field("data", "data", "object")
METADATA = Field("metadata", "metadata", "object")


@dataclass(frozen=True)
class Level:
    """One level: its table, its parent, the fields a writer may set and who may delete one."""

    name: str
    model: type[models.Context]
    parent: "Level | None"
    parent_field: str
    fields: tuple[Field, ...]
    longest_id: int
    deleted_by: models.Role | None

    @property
    def names_its_parent(self) -> bool:
        """Whether a row must say which its parent is; that of a project is the organization."""
        return self.parent is not None and self.parent.parent is not None

    def chain(self) -> "Iterator[Level]":
        """This level and those above it, most specific first."""
        level: Level | None = self
        while level is not None:
            yield level
            level = level.parent

    def path_to(self, ancestor: "Level") -> str:
        """The ORM path from a row of this level to its ancestor's row; "" to itself."""
        return "__".join("parent" for _ in range(list(self.chain()).index(ancestor)))

    def rows(self, organization_id: str, **lookups: Any) -> QuerySet[models.Context]:
        """The contexts of this level in an organization, each with its parent (but its data)."""
        rows = models.owned(organization_id, self.model, **lookups)
        if self.parent is None:
            return rows
        # As far up as `path` goes.
        above = [self.parent, *self.parent.chain()][1:]
        related = [self.path_to(each) for each in above if each is self.parent or each.parent]
        unread = [f"{each}__{name}" for each in related for name in ("data", "metadata")]
        return rows.select_related(*related).defer(*unread)

    def parent_id(self, row: models.Context) -> str:
        """The id of `row`'s parent, which must be loaded."""
        parent: models.Context = row.parent  # type: ignore[attr-defined]
        return parent.context_id

    def path(self, row: models.Context) -> str:
        """Where `row` stands: the ids from its project down to its own, as `p1/b1/t1`.

        "" for an organization. The parents should be loaded, as by `rows`.
        """
        ids: list[str] = []
        level = self
        while level.parent is not None:
            ids.insert(0, row.context_id)
            level = level.parent
            if level.parent is not None:
                row = row.parent  # type: ignore[attr-defined]
        return "/".join(ids)

    def values(self, row: models.Context) -> Document:
        """The writable fields of `row`, by their names outside."""
        return {field.name: getattr(row, field.attribute) for field in self.fields}

    def document(self, row: models.Context) -> Document:
        """What the change log keeps of `row`: the writable fields and the parent's id."""
        parent = {self.parent_field: self.parent_id(row)} if self.parent is not None else {}
        return {**parent, **self.values(row)}

    def assign(self, row: models.Context, values: Mapping[str, Any]) -> None:
        """Sets the writable fields of `row`, which is not saved."""
        for field in self.fields:
            setattr(row, field.attribute, values[field.name])

    def changed(self, before: Document, after: Document) -> list[str]:
        """The model's attributes whose fields differ between two versions."""
        return [
            field.attribute
            for field in self.fields
            if not merging.same(before[field.name], after[field.name])
        ]

    def checked(self, values: Any) -> Document:
        """`values` with defaults for what is left out.

        Raises `Invalid` for unknown fields, wrong types, deep nesting.
        """
        if not isinstance(values, dict):
            raise Invalid({"body": ["This must be an object."]})
        known = {field.name: field for field in self.fields}
        errors = {name: ["Unknown field."] for name in values if name not in known}
        checked = {}
        for name, field in known.items():
            value = documents.normalize(values[name]) if name in values else field.default()
            if (complaint := field.complaint(value)) is not None:
                errors[name] = [complaint]
            checked[name] = value
        if errors:
            raise Invalid(errors)
        return checked


GLOBAL = Level(
    name="global",
    model=models.GlobalContext,
    parent=None,
    parent_field="",
    fields=(Field("organization_name", "name", "text"), DATA, METADATA),
    longest_id=50,
    deleted_by=None,
)
PROJECT = Level(
    name="project",
    model=models.ProjectContext,
    parent=GLOBAL,
    parent_field="global_id",
    fields=(Field("project_name", "name", "text"), DATA, METADATA),
    longest_id=36,
    deleted_by=models.Role.ADMIN,
)
BRANCH = Level(
    name="branch",
    model=models.BranchContext,
    parent=PROJECT,
    parent_field="project_id",
    fields=(Field("git_branch_name", "name", "text"), DATA, METADATA),
    longest_id=36,
    deleted_by=models.Role.WRITER,
)
TASK = Level(
    name="task",
    model=models.TaskContext,
    parent=BRANCH,
    parent_field="branch_id",
    fields=(
        DATA,
        METADATA,
        Field("progress", "progress", "percent"),
        Field("next_steps", "next_steps", "list"),
    ),
    longest_id=36,
    deleted_by=models.Role.WRITER,
)

LEVELS = {level.name: level for level in (GLOBAL, PROJECT, BRANCH, TASK)}
CHILD = {level.parent.name: level for level in LEVELS.values() if level.parent is not None}


def keys_of(organization_id: str, level: str, context_id: str, path: str) -> tuple[Key, ...]:
    """The contexts on a change's path, from the organization down to its own.

    Those that the log cannot tell are left out.
    """
    keys = [(GLOBAL.name, organization_id)]
    below = [name for name in LEVELS if name != GLOBAL.name]
    keys += [(name, found) for name, found in zip(below, path.split("/"), strict=False) if found]
    own = (level, context_id)
    return tuple(keys) if keys[-1] == own else (*keys, own)
