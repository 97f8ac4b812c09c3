"""Writing rows, as `bulk_create` and `save` do, with SQL that is composed once a table.

For what every write does. Composing the statement and asking each field how each
value is written takes Django several times as long as the database needs to take the rows.
"""

from collections.abc import Collection, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from django.db import DEFAULT_DB_ALIAS, connection, connections, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

if TYPE_CHECKING:
    Column = models.Field[Any, Any]

# Rows a statement; SQLite takes only so many parameters and gets fewer.
BATCH = 200
# Values of these types are parameters as they are, in columns of these kinds.
PLAIN_TYPES = frozenset({str, int, bool, type(None)})
PLAIN_FIELDS = (
    models.CharField,
    models.TextField,
    models.IntegerField,
    models.BooleanField,
    models.ForeignKey,
)


def insert(rows: Sequence[models.Model], *, ignore_conflicts: bool = False) -> None:
    """Writes `rows`, new and all of one model, in their order, and gives them their keys.

    With `ignore_conflicts` a row that is there already is passed over, and no row learns its key.
    Keys must be made by the database; nothing is set or told on saving. Raises `IntegrityError`.
    """
    if not rows:
        return
    # Not `connection`, which looks up whose it is each time it is asked for anything.
    database = connections[DEFAULT_DB_ALIAS]
    columns, head, row_sql, end = _statement(type(rows[0]), database.vendor, ignore_conflicts)
    batch = min(BATCH, database.ops.bulk_batch_size([each for each, *_ in columns], rows))
    with transaction.atomic(savepoint=False), database.cursor() as cursor:
        for start in range(0, len(rows), batch):
            written = rows[start : start + batch]
            parameters = [_value(database, row, *column) for row in written for column in columns]
            cursor.execute(f"{head} {', '.join([row_sql] * len(written))} {end}", parameters)
            if not ignore_conflicts:
                for row, (key,) in zip(written, cursor.fetchall(), strict=True):
                    row.pk = key
                    row._state.adding, row._state.db = False, database.alias


def update(row: models.Model, names: Collection[str] | None = None) -> None:
    """Writes a row that is there, or only the fields of those names. Nothing is told of it."""
    database = connections[DEFAULT_DB_ALIAS]
    columns, *_ = _statement(type(row), database.vendor, False)
    written = [column for column in columns if names is None or column[0].name in names]
    places = ", ".join(
        f"{database.ops.quote_name(str(field.column))} = %s" for field, *_ in written
    )
    key = database.ops.quote_name(str(row._meta.pk.column))
    with database.cursor() as cursor:
        cursor.execute(
            f"UPDATE {database.ops.quote_name(row._meta.db_table)} SET {places} WHERE {key} = %s",  # noqa: S608
            [*(_value(database, row, *column) for column in written), row.pk],
        )


def _value(
    database: BaseDatabaseWrapper, row: models.Model, field: "Column", name: str, plain: bool
) -> Any:
    value = getattr(row, name)
    if plain and type(value) in PLAIN_TYPES:
        return value
    return field.get_db_prep_save(value, database)


@cache
def _statement(
    model: type[models.Model], vendor: str, ignore_conflicts: bool
) -> tuple["list[tuple[Column, str, bool]]", str, str, str]:
    """What a row is written with (field, attribute, whether plain), and the statement's parts."""
    quote = connection.ops.quote_name
    fields = [field for field in model._meta.concrete_fields if not field.primary_key]
    columns = [(field, field.attname, isinstance(field, PLAIN_FIELDS)) for field in fields]
    names = ", ".join(quote(str(field.column)) for field in fields)
    head = f"INSERT INTO {quote(model._meta.db_table)} ({names}) VALUES"
    row_sql = f"({', '.join(['%s'] * len(fields))})"
    key = quote(str(model._meta.pk.column))
    return (
        columns,
        head,
        row_sql,
        "ON CONFLICT DO NOTHING" if ignore_conflicts else f"RETURNING {key}",
    )
