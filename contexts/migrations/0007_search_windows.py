"""PostgreSQL's full-text index knows, too, which stretches of row numbers a row lies in.

GIN answers with all rows that have a word, in no order: the newest few hundred of a million that
have it cost as much as all. So each row has lexemes that say where it is, `/9:1953/organization`
for the stretch of 2^9 numbers around it, the same for larger ones, and a search asks for the
words in the newest stretches only (`contexts.search.postgresql`). They are in the index alone:
the tables stay as they are, and the columns `search` with them.

SQLite needs nothing of the kind: FTS5 goes through the rows of a word from the newest on.
"""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

SHIFTS = (9, 11, 13, 15, 17, 19)
CONTEXTS = ("global_contexts", "project_contexts", "branch_contexts", "task_contexts")
# What is indexed, as `contexts.search.postgresql` asks for it.
INDEXED = {
    **dict.fromkeys(CONTEXTS, "search || contexts_windows(row_id, '/' || organization_id)"),
    "contexts_entry": "search || contexts_windows(id, '/' || level || '/' || organization_id)",
}


def index(schema_editor: BaseDatabaseSchemaEditor, table: str, indexed: str) -> None:
    schema_editor.execute(f"DROP INDEX IF EXISTS idx_{table}_search")
    schema_editor.execute(f"CREATE INDEX idx_{table}_search ON {table} USING gin (({indexed}))")


def build(apps: object, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor != "postgresql":
        return
    lexemes = ", ".join(f"'/{shift}:' || (number >> {shift})::text || tenant" for shift in SHIFTS)
    schema_editor.execute(f"""
        CREATE FUNCTION contexts_windows(number bigint, tenant text)
        RETURNS tsvector LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
            SELECT array_to_tsvector(ARRAY[{lexemes}])
        $$""")
    for table, indexed in INDEXED.items():
        index(schema_editor, table, indexed)


def drop(apps: object, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor != "postgresql":
        return
    for table in INDEXED:
        index(schema_editor, table, "search")
    schema_editor.execute("DROP FUNCTION contexts_windows(bigint, text)")


class Migration(migrations.Migration):
    dependencies = [("contexts", "0006_change_stamp")]

    operations = [migrations.RunPython(build, drop)]
