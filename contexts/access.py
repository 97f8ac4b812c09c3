"""Who may see and do what. Missing and forbidden rows look alike: both are `NotFound`."""

from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from contexts.changes import Author
from contexts.errors import Forbidden, NotFound
from contexts.levels import Level
from contexts.models import Context, Role

_RANK = {Role.READER: 0, Role.WRITER: 1, Role.ADMIN: 2}


@dataclass(frozen=True)
class Caller(Author):
    """An authenticated agent or human, within the one organization it acts in."""

    role: Role
    is_agent: bool = True
    is_instance_admin: bool = False

    @property
    def is_authenticated(self) -> bool:
        return True

    @property
    def key(self) -> str:
        """Tells agents and humans of one name apart."""
        return f"{'agent' if self.is_agent else 'user'}:{self.name}"

    def may(self, role: Role) -> bool:
        return _RANK[self.role] >= _RANK[role]


def require(caller: Caller, role: Role) -> None:
    """Raises `Forbidden` unless the caller has at least `role` in its organization."""
    if not caller.may(role):
        raise Forbidden(f"This needs the role {role.value}; yours is {caller.role.value}.")


def require_deletion(caller: Caller, level: Level) -> None:
    """Raises `Forbidden` unless the caller may delete contexts of that level."""
    if level.deleted_by is None:
        raise Forbidden("An organization cannot be deleted over the API.")
    require(caller, level.deleted_by)


def visible(caller: Caller, level: Level, context_id: str) -> Context:
    """The context, with its parent loaded, if it is of the caller's organization.

    Raises `NotFound` for a missing one and for a stranger's, in the same words.
    """
    row = level.rows(caller.organization_id, context_id=context_id).first()
    if row is None:
        raise NotFound
    return row


def place(caller: Caller, level: Level, context_id: str) -> str:
    """Where a context of the caller's organization stands, as by `Level.path`.

    What it holds, which may be a megabyte, is not read. Raises `NotFound` as `visible` does.
    """
    rows: QuerySet[Any] = level.rows(caller.organization_id, context_id=context_id)
    row = rows.defer("data", "metadata").first()
    if row is None:
        raise NotFound
    return level.path(row)
