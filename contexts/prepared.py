"""Queries that every request asks: composed and planned once, not each time.

Django takes ten times as long to compose their SQL as the database does to answer, and PostgreSQL
three times as long to plan it.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Any
from uuid import UUID

import psycopg
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.models import QuerySet

# Of lists up to this length statements are kept. Longer ones are rare, and may have more members
# than PostgreSQL takes parameters.
LONGEST = 1024


class Prepared:
    """The rows, as tuples, of what `build` makes of the parameters.

    `kinds` are the parameters' types: `str`, `int`, `UUID`, `datetime`, or a list of one (`[str]`)
    for any number of them. `build` must use each as it is, in conditions on columns of that kind,
    lists with `__in`; it returns a queryset with `values_list`, of columns that need no conversion.
    """

    def __init__(self, build: Callable[..., QuerySet[Any, Any]], *kinds: Any) -> None:
        self._build = build
        self._are_lists = [isinstance(kind, list) for kind in kinds]
        self._kinds = [kind[0] if isinstance(kind, list) else kind for kind in kinds]
        # By database, how many rows are wanted, and lengths: the statement, its parameters (each
        # a value's place, or what is always the same), and what else is made once.
        self._composed: dict[Any, tuple[str, list[tuple[int | None, Any]], Any]] = {}

    def first(self, *values: Any) -> tuple[Any, ...] | None:
        rows, _ = self._ask(values, 1)
        return rows[0] if rows else None

    def rows(self, *values: Any) -> list[tuple[Any, ...]]:
        """All of them; none when one of the lists is empty."""
        rows, _ = self._ask(values)
        return rows

    def _ask(self, values: Sequence[Any], most: int | None = None) -> tuple[list[Any], Any]:
        sizes = (1,) * len(values)
        if any(self._are_lists):
            lists = [
                _filled_up(value) if is_list else [value]
                for is_list, value in zip(self._are_lists, values, strict=True)
            ]
            sizes = tuple(map(len, lists))
            if not all(sizes):
                return [], None
            values = list(chain.from_iterable(lists))
        database = connections[DEFAULT_DB_ALIAS]
        key = database.vendor, most, sizes
        is_kept = max(sizes, default=0) <= LONGEST
        composed = self._composed.get(key)
        if composed is None:
            composed = self._compose(database, most, sizes)
            if is_kept:
                self._composed[key] = composed
        sql, parameters, made = composed
        given = _written(database, values)
        with planning_cursor(database) if is_kept else database.cursor() as cursor:
            cursor.execute(
                sql, [same if place is None else given[place] for place, same in parameters]
            )
            return cursor.fetchall(), made

    def _compose(
        self, database: Any, most: int | None, sizes: Sequence[int]
    ) -> tuple[str, list[tuple[int | None, Any]], Any]:
        marks = [
            [_mark(kind, number, each) for each in range(size)]
            for number, (kind, size) in enumerate(zip(self._kinds, sizes, strict=True))
        ]
        given = zip(self._are_lists, marks, strict=True)
        query = self._build(*(mark if is_list else mark[0] for is_list, mark in given))
        compiler = query[:most].query.get_compiler(DEFAULT_DB_ALIAS)
        sql, found = compiler.as_sql()
        flat = _written(database, list(chain.from_iterable(marks)))
        places = {mark: place for place, mark in enumerate(flat)}
        return sql, [(places.get(each), each) for each in found], self._made(compiler)

    def _made(self, compiler: Any) -> Any:
        """What is made once of the composed query."""
        return None


class PreparedRow(Prepared):
    """The rows as instances of their model, what `select_related` names with them.

    `build` returns a queryset of instances; what it defers stays deferred.
    """

    def find(self, *values: Any) -> Any:
        """The first instance, None when there is none."""
        found = self.all(*values, most=1)
        return found[0] if found else None

    def all(self, *values: Any, most: int | None = None) -> list[Any]:
        """All of them, or the first `most`; none when one of the lists is empty."""
        rows, made = self._ask(values, most)
        found = []
        for row in map(list, rows):
            converters, instance = made
            for place, (convert, expression) in converters.items():
                for each in convert:
                    row[place] = each(row[place], expression, connection)
            found.append(instance.of(row))
        return found

    def _made(self, compiler: Any) -> Any:
        select = [column for column, *_ in compiler.select]
        return compiler.get_converters(select), _Instance(compiler.klass_info, select)


class _Instance:
    """Which columns make a row's instance, and those that belong to it (`select_related`)."""

    def __init__(self, info: dict[str, Any], select: list[Any]) -> None:
        self._model, self._places = info["model"], info["select_fields"]
        self._names = [select[place].target.attname for place in self._places]
        self._key = self._places[self._names.index(self._model._meta.pk.attname)]
        related = info.get("related_klass_infos", [])
        self._related = [(each["local_setter"], _Instance(each, select)) for each in related]

    def of(self, row: list[Any]) -> Any:
        """The instance, None when the row has none."""
        if row[self._key] is None:
            return None
        values = [row[place] for place in self._places]
        instance = self._model.from_db(DEFAULT_DB_ALIAS, self._names, values)
        for belongs, each in self._related:
            belongs(instance, each.of(row))
        return instance


def _mark(kind: type, number: int, each: int) -> Any:
    """What no caller asks for: it shows where a parameter went, the `each`th of a list."""
    if kind is str:
        return f"\1{number}.{each}"
    if kind is datetime:
        return datetime(2000 + number, 1, 1, microsecond=each, tzinfo=UTC)
    place = 1_000_000 * number + each
    return UUID(int=place) if kind is UUID else 1_000_000_000 + place


def _filled_up(values: Collection[Any]) -> list[Any]:
    """The values, the last one repeated, so that there are few lengths to compose for."""
    found = list(values)
    if not found or len(found) > LONGEST:
        return found
    length = 1 << (len(found) - 1).bit_length()
    return found + found[-1:] * (length - len(found))


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


def _written(database: Any, values: Sequence[Any]) -> list[Any]:
    """The values as the database takes them."""
    if database.features.has_native_uuid_field:
        return list(values)
    return [
        value.hex
        if isinstance(value, UUID)
        else database.ops.adapt_datetimefield_value(value)
        if isinstance(value, datetime)
        else value
        for value in values
    ]
