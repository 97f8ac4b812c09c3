"""Who may see and do what. Missing and forbidden rows look alike: both are `NotFound`."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db.models import QuerySet

from contexts.changes import Author
from contexts.errors import Forbidden, NotFound
from contexts.levels import LEVELS, Level
from contexts.models import Context, Role
from contexts.prepared import PreparedRow

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


def _row(level: Level, organization_id: str, context_id: str) -> QuerySet[Any]:
    return level.rows(organization_id, context_id=context_id)


def _place(level: Level, organization_id: str, context_id: str) -> QuerySet[Any]:
    return _row(level, organization_id, context_id).defer("data", "metadata")


# Nearly every request asks one of these.
_ROWS = {name: PreparedRow(partial(_row, level), str, str) for name, level in LEVELS.items()}
_PLACES = {name: PreparedRow(partial(_place, level), str, str) for name, level in LEVELS.items()}


def visible(caller: Caller, level: Level, context_id: str) -> Context:
    """The context, with its parent loaded, if it is of the caller's organization.

    Raises `NotFound` for a missing one and for a stranger's, in the same words.
    """
    row: Context | None = _ROWS[level.name].find(caller.organization_id, context_id)
    if row is None:
        raise NotFound
    return row


def place(caller: Caller, level: Level, context_id: str) -> str:
    """Where a context of the caller's organization stands, as by `Level.path`.

    What it holds, which may be a megabyte, is not read. Raises `NotFound` as `visible` does.
    """
    row: Context | None = _PLACES[level.name].find(caller.organization_id, context_id)
    if row is None:
        raise NotFound
    return level.path(row)
