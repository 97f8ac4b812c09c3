"""Queries that every request asks: Django composes their SQL once, not each time.

Composing takes ten times as long as the database does.
"""

from collections.abc import Callable
from typing import Any

from django.db import connection
from django.db.models import QuerySet


class Prepared:
    """The first row, as a tuple, of what `build` makes of the parameters.

    `build` gets texts and must use each as it is, in conditions on text columns only; it returns
    a queryset with `values_list`, of columns that need no conversion.
    """

    def __init__(self, build: Callable[..., QuerySet[Any, Any]], parameters: int) -> None:
        self._build = build
        self._marks = [f"\1{number}" for number in range(parameters)]
        self._composed: dict[str, tuple[str, list[Any]]] = {}

    def first(self, *values: str) -> tuple[Any, ...] | None:
        sql, parameters = self._composed.get(connection.vendor) or self._compose()
        given = dict(zip(self._marks, values, strict=True))
        with connection.cursor() as cursor:
            cursor.execute(sql, [given.get(each, each) for each in parameters])
            row: tuple[Any, ...] | None = cursor.fetchone()
            return row

    def _compose(self) -> tuple[str, list[Any]]:
        query = self._build(*self._marks)[:1].query
        sql, parameters = query.get_compiler(connection=connection).as_sql()
        composed = self._composed[connection.vendor] = sql, list(parameters)
        return composed
