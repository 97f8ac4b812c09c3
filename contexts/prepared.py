"""Queries that every request asks: composed and planned once, not each time.

Django takes ten times as long to compose their SQL as the database does to answer, and PostgreSQL
three times as long to plan it.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.models import QuerySet


class Prepared:
    """The first row, as a tuple, of what `build` makes of the parameters.

    `build` gets as many texts or UUIDs as `kinds` names and must use each as it is, in conditions
    on columns of that kind; it returns a queryset with `values_list`, of columns that need no
    conversion.
    """

    def __init__(self, build: Callable[..., QuerySet[Any, Any]], *kinds: type) -> None:
        self._build = build
        # What no caller asks for: it shows where each parameter went.
        self._marks = [
            UUID(int=number) if kind is UUID else f"\1{number}" for number, kind in enumerate(kinds)
        ]
        self._composed: dict[str, tuple[str, list[Any]]] = {}

    def first(self, *values: str | UUID) -> tuple[Any, ...] | None:
        sql, parameters = self._composed.get(connection.vendor) or self._compose()
        given = dict(zip(map(_written, self._marks), map(_written, values), strict=True))
        with planning_cursor() as cursor:
            cursor.execute(sql, [given.get(each, each) for each in parameters])
            row: tuple[Any, ...] | None = cursor.fetchone()
            return row

    def _compose(self) -> tuple[str, list[Any]]:
        query = self._build(*self._marks)[:1].query
        sql, parameters = query.get_compiler(connection=connection).as_sql()
        composed = self._composed[connection.vendor] = sql, list(parameters)
        return composed


def planning_cursor() -> Any:
    """A cursor like Django's, under which PostgreSQL plans a statement once a connection."""
    database = connections[DEFAULT_DB_ALIAS]
    if database.vendor != "postgresql":
        return database.cursor()
    database.ensure_connection()
    # Django's own puts the parameters into the statement, and so never makes the same one twice.
    cursor = psycopg.Cursor(database.connection)
    return database._prepare_cursor(cursor)  # type: ignore[attr-defined]


def _written(value: str | UUID) -> Any:
    native: bool = connection.features.has_native_uuid_field
    return value.hex if isinstance(value, UUID) and not native else value
