"""Making contexts, and with them the parents that are missing."""

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction

from contexts.changes import Author, announce
from contexts.errors import IdTaken, Invalid, ParentMissing
from contexts.identifiers import is_context_id, uuid7
from contexts.levels import GLOBAL, Document, Level
from contexts.models import Change, Context, Feed, GlobalContext
from contexts.services.rows import Operation, find_locked, last_version, next_version, redacted
from contexts.statements import insert

# Each further one means that others committed a part of the chain: it has three.
ATTEMPTS = 10


class _Overtaken(Exception):
    """What we looked at has changed by our insert: another made a parent, or our own id."""


def create(
    author: Author,
    level: Level,
    values: Mapping[str, Any],
    *,
    context_id: str | None = None,
    parent_ids: Mapping[str, Any] | None = None,
    create_parents: bool = False,
) -> Context:
    """Makes a context with `values` (left-out fields take defaults) and returns it.

    `parent_ids` maps field names (`branch_id`, `project_id`) to ids: the parent's, and with
    `create_parents` those of parents that may be missing too; they are made with empty data in
    the same transaction. Raises `Invalid`, `ParentMissing`, `IdTaken`, `DocumentTooLarge`.
    """
    checked = level.checked(redacted(dict(values)))
    new_id = checked_id(level, context_id)
    cause: Exception | None = None
    for _ in range(ATTEMPTS):
        try:
            return _create(author, level, checked, new_id, dict(parent_ids or {}), create_parents)
        except (IntegrityError, _Overtaken) as error:
            # Someone made the id or a parent between our look and our insert: look again.
            cause = error
    raise IdTaken(f"Others keep making {new_id} or its parents at this moment.") from cause


def checked_id(level: Level, context_id: Any, field: str = "id") -> str:
    """`context_id`, or a new UUIDv7 for None. Raises `Invalid`, which names `field`."""
    if context_id is None:
        return str(uuid7())
    if not isinstance(context_id, str):
        raise Invalid({field: ["This must be a text."]})
    if not is_context_id(context_id, level.longest_id):
        raise Invalid(
            {
                field: [
                    f"An id is 1 to {level.longest_id} characters: a letter or digit, "
                    "then letters, digits and . _ : @ -"
                ]
            }
        )
    return context_id


@transaction.atomic
def _create(
    author: Author,
    level: Level,
    values: Document,
    context_id: str,
    parent_ids: dict[str, Any],
    create_parents: bool,
) -> Context:
    if level is GLOBAL:
        return _create_organization(author, values, context_id)
    changes: list[Change] = []
    parent = _parent(author, level, parent_ids, create_parents, changes)
    row = _insert(author, level, values, context_id, parent, changes)
    announce(author.organization_id, changes)
    return row


def _create_organization(author: Author, values: Document, context_id: str) -> Context:
    if GlobalContext.objects.filter(context_id=context_id).exists():
        raise IdTaken(f"There is an organization {context_id} already.")
    changes: list[Change] = []
    owner = Author(context_id, author.name)
    row = _insert(owner, GLOBAL, values, context_id, None, changes)
    Feed.objects.create(organization_id=context_id)
    announce(context_id, changes)
    return row


def _parent(
    author: Author,
    level: Level,
    ids: dict[str, Any],
    create_parents: bool,
    changes: list[Change],
) -> Context:
    """The locked parent for a new row of `level`, made (and noted in `changes`) when allowed."""
    parent_level, field = level.parent, level.parent_field
    assert parent_level is not None  # noqa: S101 (only GLOBAL has none, and never comes here)
    default = None if level.names_its_parent else author.organization_id
    parent_id = ids.pop(field, default)
    if parent_id is None:
        raise Invalid({field: ["This field is required."]})
    if not isinstance(parent_id, str):
        raise Invalid({field: ["This must be a text."]})
    row = find_locked(parent_level, author.organization_id, parent_id)
    if row is None and not (create_parents and parent_level.parent is not None):
        raise ParentMissing(field)
    if row is not None:
        _refuse_other_ancestors(parent_level, row, ids)
        return row
    checked_id(parent_level, parent_id, field)
    grandparent = _parent(author, parent_level, ids, create_parents, changes)
    try:
        return _insert(
            author, parent_level, parent_level.checked({}), parent_id, grandparent, changes
        )
    except IdTaken:
        raise _Overtaken from None


def _refuse_other_ancestors(level: Level, row: Context, ids: dict[str, Any]) -> None:
    for ancestor in level.chain():
        field = ancestor.parent_field
        if ancestor.parent is None:
            break
        row = row.parent  # type: ignore[attr-defined]
        if ids.pop(field, row.context_id) != row.context_id:
            raise Invalid({field: [f"The existing parent belongs to {row.context_id}."]})
    if ids:
        raise Invalid({name: ["Unknown field."] for name in ids})


def _insert(
    author: Author,
    level: Level,
    values: Document,
    context_id: str,
    parent: Context | None,
    changes: list[Change],
) -> Context:
    # Waits for a deletion under way, whose tombstone the version count goes on from.
    if find_locked(level, author.organization_id, context_id) is not None:
        raise IdTaken(f"There is a {level.name} context {context_id} already.")
    last = last_version(level, author.organization_id, context_id)
    columns = {
        "context_id": context_id,
        "organization_id": author.organization_id,
        "version": last.version if last else 0,
        "revision": last.revision if last else "",
    }
    if parent is not None:
        columns["parent"] = parent
    row = level.model(**columns)
    level.assign(row, values)
    changes.append(next_version(author, level, row, Operation.CREATED))
    row.created_at = row.updated_at
    insert([row])
    # The id is ours from here on. Until then nothing kept others from making and deleting it
    # below another parent, and the version count from going on without us.
    newest = last_version(level, author.organization_id, context_id)
    if (newest.revision if newest else "") != columns["revision"]:
        raise _Overtaken
    return row
