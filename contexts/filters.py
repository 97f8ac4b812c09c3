"""Narrowing a list of contexts: by ancestor, by time, by a value in the document."""

import json
from collections.abc import Mapping
from datetime import datetime
from itertools import pairwise
from typing import Any

from django.db import connection
from django.db.models import F, FloatField, Func, Q, QuerySet, Subquery, TextField, Value
from django.db.models.lookups import Exact, In

from contexts import documents
from contexts.errors import ContextError, Invalid
from contexts.levels import Level
from contexts.models import Context, owned

LONGEST_PATH = 1_000
LONGEST_VALUE = 1_000
MOST_VALUES = 50


def by_ancestors(
    rows: QuerySet[Context], level: Level, organization_id: str, ids: Mapping[str, str]
) -> QuerySet[Context]:
    """Rows below the ancestors named by field: `{"project_id": "p1"}` works on tasks too."""
    for below, above in pairwise(level.chain()):
        if (field := below.parent_field) in ids:
            # By its row number, which the index of a parent's rows has: by its id, joined, SQLite
            # sorts all rows for each page.
            named = owned(organization_id, above.model, context_id=ids[field])
            rows = rows.filter(**{level.path_to(above): Subquery(named.values("pk")[:1])})
    return rows


def ancestor_fields(level: Level) -> dict[str, str]:
    """The filters by ancestor that a level has, and the ORM path of each."""
    chain = list(level.chain())
    return {below.parent_field: level.path_to(above) for below, above in pairwise(chain)}


def updated_since(rows: QuerySet[Context], at: datetime) -> QuerySet[Context]:
    """Rows updated at that time or later."""
    return rows.filter(updated_at__gte=at)


def by_values(rows: QuerySet[Context], wanted: Mapping[str, str]) -> QuerySet[Context]:
    """Rows whose data has each of the texts at its dotted path of keys, as a text or as a scalar.

    `by_values(rows, {"limits.cpu": "5"})` finds `"5"` and `5`. Raises `Invalid`.
    """
    if len(wanted) > MOST_VALUES:
        raise Invalid({"data": [f"A list is narrowed by up to {MOST_VALUES} values."]})
    # In one go: each further filter() would copy and compile all those before it again.
    return rows.filter(*(_has(path, text) for path, text in wanted.items()))


def _has(path: str, text: str) -> Q:
    keys = path.split(".")
    if not all(keys) or len(path) > LONGEST_PATH or len(text) > LONGEST_VALUE:
        raise Invalid({f"data.{path[:50]}": ["This is no path into data."]})
    candidates: list[Any] = [text]
    try:
        literal = documents.parse(text.encode())
    except ContextError:
        literal = text
    if not isinstance(literal, str | dict | list):
        candidates.append(literal)
    condition = Q()
    for candidate in candidates:
        condition |= _at(keys, candidate)
    return condition


def _at(keys: list[str], value: Any) -> Q:
    if connection.vendor == "postgresql":
        for key in reversed(keys):
            value = {key: value}
        return Q(data__contains=value)
    if any('"' in key for key in keys):
        return Q(pk__in=())  # SQLite's paths cannot quote a quote.
    # json_extract gives 1 for true: the type has to be asked for too.
    # Written as Django wrote the document: SQLite compares the keys as they are escaped.
    path = Value("$" + "".join(f".{json.dumps(key)}" for key in keys))
    kind = Func(F("data"), path, function="json_type", output_field=TextField())
    if value is None or isinstance(value, bool):
        return Q(Exact(kind, json.dumps(value)))
    if isinstance(value, str):
        found = Func(F("data"), path, function="json_extract", output_field=TextField())
        return Q(Exact(kind, "text")) & Q(Exact(found, value))
    number = Func(F("data"), path, function="json_extract", output_field=FloatField())
    return Q(In(kind, ("integer", "real"))) & Q(Exact(number, float(value)))
