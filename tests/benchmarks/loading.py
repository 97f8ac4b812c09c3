"""Many rows at once, the way a restored backup brings them; only for what is thrown away again."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from django.db import connection, models


def insert(rows: Sequence[models.Model]) -> None:
    """Rows of one model; by COPY where there is one."""
    model = type(rows[0])
    if connection.vendor != "postgresql":
        model._default_manager.bulk_create(rows)
        return
    fields = [field for field in model._meta.local_concrete_fields if not field.primary_key]
    columns = ", ".join(f'"{field.column}"' for field in fields)

    def value(row: models.Model, field: Any) -> Any:
        return field.get_db_prep_save(field.pre_save(row, True), connection)

    with connection.cursor() as cursor:
        told = f"COPY {model._meta.db_table} ({columns}) FROM STDIN"
        with cursor.copy(told) as copy:
            for row in rows:
                copy.write_row([value(row, field) for field in fields])


@contextlib.contextmanager
def without_index(name: str) -> Iterator[None]:
    """Makes an index of PostgreSQL anew afterwards, which is quicker for many rows."""
    if connection.vendor != "postgresql":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = %s", [name])
        definition = cursor.fetchone()[0]
        cursor.execute(f"DROP INDEX {name}")
        yield
        cursor.execute("SET maintenance_work_mem = '256MB'")
        cursor.execute(definition)


def settle() -> None:
    """What a database does by itself in time."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")
