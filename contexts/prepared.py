"""Queries that every request asks: composed and planned once, not each time.

Django takes ten times as long to compose their SQL as the database does to answer, and PostgreSQL
three times as long to plan it.
"""

from collections.abc import Callable, Sequence
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
        # By database: the statement, its parameters (each a value's place, or what is always
        # the same), and what else is made once.
        self._composed: dict[str, tuple[str, list[tuple[int | None, Any]], Any]] = {}

    def first(self, *values: str | UUID) -> tuple[Any, ...] | None:
        row, _ = self._ask(*values)
        return row

    def _ask(self, *values: str | UUID) -> tuple[tuple[Any, ...] | None, Any]:
        database = connections[DEFAULT_DB_ALIAS]
        sql, parameters, made = self._composed.get(database.vendor) or self._compose(database)
        given = _written(database, values)
        with planning_cursor(database) as cursor:
            cursor.execute(
                sql, [same if place is None else given[place] for place, same in parameters]
            )
            return cursor.fetchone(), made

    def _compose(self, database: Any) -> tuple[str, list[tuple[int | None, Any]], Any]:
        compiler = self._build(*self._marks)[:1].query.get_compiler(DEFAULT_DB_ALIAS)
        sql, found = compiler.as_sql()
        places = {mark: place for place, mark in enumerate(_written(database, self._marks))}
        parameters = [(places.get(each), each) for each in found]
        composed = self._composed[database.vendor] = sql, parameters, self._made(compiler)
        return composed

    def _made(self, compiler: Any) -> Any:
        """What is made once of the composed query."""
        return None


class PreparedRow(Prepared):
    """The first row as an instance of its model, what `select_related` names with it.

    `build` returns a queryset of instances, whose related ones are never missing; what it defers
    stays deferred.
    """

    def find(self, *values: str | UUID) -> Any:
        """The instance, None when there is none."""
        found, made = self._ask(*values)
        if found is None:
            return None
        row, (converters, instance) = list(found), made
        for place, (convert, expression) in converters.items():
            for each in convert:
                row[place] = each(row[place], expression, connection)
        return instance.of(row)

    def _made(self, compiler: Any) -> Any:
        select = [column for column, *_ in compiler.select]
        return compiler.get_converters(select), _Instance(compiler.klass_info, select)


class _Instance:
    """Which columns make a row's instance, and those that belong to it (`select_related`)."""

    def __init__(self, info: dict[str, Any], select: list[Any]) -> None:
        self._model, self._places = info["model"], info["select_fields"]
        self._names = [select[place].target.attname for place in self._places]
        related = info.get("related_klass_infos", [])
        self._related = [(each["local_setter"], _Instance(each, select)) for each in related]

    def of(self, row: list[Any]) -> Any:
        values = [row[place] for place in self._places]
        instance = self._model.from_db(DEFAULT_DB_ALIAS, self._names, values)
        for belongs, each in self._related:
            belongs(instance, each.of(row))
        return instance


def planning_cursor(database: Any = None) -> Any:
    """A cursor like Django's, under which PostgreSQL plans a statement once a connection."""
    database = database or connections[DEFAULT_DB_ALIAS]
    if database.vendor != "postgresql" or database.queries_logged:
        # Who logs statements wants to read them, parameters and all.
        return database.cursor()
    database.ensure_connection()
    # Django's own puts the parameters into the statement, and so never makes the same one twice.
    cursor = psycopg.Cursor(database.connection)
    return database._prepare_cursor(cursor)


def _written(database: Any, values: Sequence[str | UUID]) -> list[Any]:
    """The values as the database takes them."""
    if database.features.has_native_uuid_field:
        return list(values)
    return [value.hex if isinstance(value, UUID) else value for value in values]
