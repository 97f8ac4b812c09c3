"""The full-text index over contexts (name and data) and entries (content and details).

A word is a run of letters, digits, marks and of what Unicode has not assigned: every ASCII
character that is no letter or digit separates, `_` too, and so do punctuation, symbols and
spaces of all scripts. Case is folded; nothing is stemmed and no accent removed. Words above
255 characters and what comes after the first 2^20 characters of a text are not found.

PostgreSQL: a generated column `search` with a GIN index. The vector is made here and not by
`to_tsvector`, whose parser has its own idea of words (host names, numbers with signs), fails
on documents with more than 1 MB of words, and depends on the locale. A word has as many
positions as it occurs, up to 8: that is what `ts_rank` counts. With more than 1 MB of words
all positions are left out, and then, which takes a document of more than 1 MiB, the last
words. The tenant is one more lexeme, `/organization` or `/level/organization`, so that the
index itself leaves other tenants out.

SQLite: one FTS5 table a table, kept by triggers. It holds a copy of the text: a table without
content must be told the old text again at every deletion, to the letter, and another version
of SQLite may render a number otherwise. A later migration that alters one of the five tables
remakes it on SQLite (`new__…`, then renamed), and with the old table go its triggers: let it
end in `RunPython(rebuild)` with this module's `rebuild`
(`importlib.import_module("contexts.migrations.0002_full_text_search").rebuild`). The tests of
search fail without.
"""

import unicodedata
from collections.abc import Iterator

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

# Table: its plain text, its JSON column.
CONTEXTS = {
    "global_contexts": ("organization_name", "global_settings"),
    "project_contexts": ("project_name", "project_settings"),
    "branch_contexts": ("git_branch_name", "branch_settings"),
    "task_contexts": ("''", "task_data"),
}
ENTRIES = "contexts_entry"
TABLES = (*CONTEXTS, ENTRIES)
LONGEST_TEXT = 2**20

# The scripts' own symbols that SQLite's older Unicode tables do not know: money, arrows, emoji.
NEWER_SYMBOLS = ((0x20A0, 0x20CF), (0x2300, 0x23FF), (0x2B00, 0x2BFF), (0x1F300, 0x1FAFF))


def separates(code: int) -> bool:
    category = unicodedata.category(chr(code))
    return category[0] in "PSZ" or category in ("Cc", "Cf")


def separator_ranges() -> Iterator[tuple[int, int]]:
    start = None
    for code in range(1, 0x110000):
        if separates(code):
            start = code if start is None else start
        elif start is not None:
            yield start, code - 1
            start = None


# --- PostgreSQL


def folding_collation(schema_editor: BaseDatabaseSchemaEditor) -> str:
    """A COLLATE clause for `lower`; empty where the database's own knows more than ASCII."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT lower('É') = 'é'")
        if cursor.fetchone()[0]:
            return ""
        cursor.execute(
            "SELECT collname FROM pg_collation WHERE collname IN ('und-x-icu', 'C.utf8')"
            " AND collencoding IN (-1, pg_char_to_encoding(getdatabaseencoding()))"
            " ORDER BY collname LIMIT 1"
        )
        found = cursor.fetchone()
        return f'COLLATE "{found[0]}"' if found else ""


def build_postgresql(schema_editor: BaseDatabaseSchemaEditor) -> None:
    separators = "".join(
        f"\\U{first:08x}-\\U{last:08x}" for first, last in separator_ranges()
    )
    collation = folding_collation(schema_editor)
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(current_schema())")
        words = f"{cursor.fetchone()[0]}.contexts_words"
    schema_editor.execute(rf"""
        CREATE FUNCTION contexts_words(content text, OUT word text, OUT place bigint)
        RETURNS SETOF record LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
            SELECT word, place FROM regexp_split_to_table(
                replace(lower(left(content, {LONGEST_TEXT}) {collation}), 'ς', 'σ'),
                '[{separators}]+'
            ) WITH ORDINALITY AS split (word, place) WHERE word <> ''
        $$""")
    # With its schema: pg_restore fills the tables without a search path.
    schema_editor.execute(f"""
        CREATE FUNCTION contexts_search_vector(tenant text, content text)
        RETURNS tsvector LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
        DECLARE
            vector tsvector;
        BEGIN
            WITH counted AS (
                SELECT word, octet_length(word) AS bytes, least(count(*), 8)::int AS occurrences,
                       min(place) AS place
                FROM {words}(content) WHERE length(word) <= 255 GROUP BY word
            ), sized AS (
                SELECT word, occurrences, sum(bytes) OVER (ORDER BY place) AS until_here,
                       sum(bytes + 3 + 2 * occurrences) OVER () AS altogether
                FROM counted
            )
            SELECT string_agg(
                CASE WHEN altogether > 1000000 THEN word
                ELSE word || ':' || left('1,2,3,4,5,6,7,8', 2 * occurrences - 1) END, ' '
            )::tsvector INTO vector FROM sized WHERE until_here <= 1048000;
            RETURN coalesce(vector, ''::tsvector) || array_to_tsvector(ARRAY[tenant]);
        END $$""")
    # What jsonb escapes: quotes, backslashes, control characters. All of them separate.
    schema_editor.execute(r"""
        CREATE FUNCTION contexts_json_text(document jsonb)
        RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
            SELECT CASE WHEN strpos(document::text, '\') = 0 THEN document::text
            ELSE regexp_replace(document::text, '\\(u[0-9a-f]{4}|.)', ' ', 'g') END
        $$""")
    schema_editor.execute("""
        CREATE FUNCTION contexts_json_values(document jsonb)
        RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
            SELECT coalesce(string_agg(leaf #>> '{}', ' '), '') FROM jsonb_path_query(
                document, 'strict $.** ? (@.type() != "object" && @.type() != "array")'
            ) AS leaf
        $$""")
    vectors = {
        table: f"'/' || organization_id, {name} || ' ' || contexts_json_text({data})"
        for table, (name, data) in CONTEXTS.items()
    }
    vectors[ENTRIES] = (
        "'/' || level || '/' || organization_id, content || ' ' || contexts_json_values(details)"
    )
    for table, arguments in vectors.items():
        schema_editor.execute(
            f"ALTER TABLE {table} ADD COLUMN search tsvector"
            f" GENERATED ALWAYS AS (contexts_search_vector({arguments})) STORED"
        )
        schema_editor.execute(f"CREATE INDEX idx_{table}_search ON {table} USING gin (search)")


def drop_postgresql(schema_editor: BaseDatabaseSchemaEditor) -> None:
    for table in TABLES:
        schema_editor.execute(f"ALTER TABLE {table} DROP COLUMN IF EXISTS search")
    for function in (
        "contexts_search_vector(text, text)",
        "contexts_words(text)",
        "contexts_json_text(jsonb)",
        "contexts_json_values(jsonb)",
    ):
        schema_editor.execute(f"DROP FUNCTION IF EXISTS {function}")


# --- SQLite

LEAF = "CASE type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE coalesce(atom, '') END"
KEY_AND_LEAF = (
    "CASE typeof(key) WHEN 'text' THEN key || ' ' ELSE '' END"
    f" || CASE type WHEN 'null' THEN 'null' ELSE {LEAF} END"
)


def column(row: str, name: str) -> str:
    return name if name.startswith("'") else f"{row}.{name}"


def text_of(table: str, row: str) -> str:
    """The SQL of the text that stands for `row` (NEW, or the table's name)."""
    plain, document, leaf = (
        ("content", "details", LEAF) if table == ENTRIES else (*CONTEXTS[table], KEY_AND_LEAF)
    )
    return (
        f"substr({column(row, plain)} || ' ' || (SELECT coalesce(group_concat({leaf}, ' '), '')"
        f" FROM json_tree({column(row, document)})), 1, {LONGEST_TEXT})"
    )


def build_sqlite(schema_editor: BaseDatabaseSchemaEditor) -> None:
    symbols = "".join(
        chr(code)
        for first, last in NEWER_SYMBOLS
        for code in range(first, last + 1)
        if separates(code)
    )
    tokenizer = (
        "unicode61 remove_diacritics 0 categories 'L* M* N* Co' separators '" + symbols + "'"
    )
    for table in TABLES:
        key, index = ("id" if table == ENTRIES else "row_id"), f"search_{table}"
        columns = ("content", "details") if table == ENTRIES else CONTEXTS[table]
        columns = tuple(name for name in columns if not name.startswith("'"))
        changed = " OR ".join(f"OLD.{name} IS NOT NEW.{name}" for name in columns)
        insert = f"INSERT INTO {index} (rowid, words)"
        schema_editor.execute(
            f"CREATE VIRTUAL TABLE {index} USING fts5"
            f' (words, columnsize=0, tokenize="{tokenizer}")'
        )
        schema_editor.execute(
            f"CREATE VIRTUAL TABLE {index}_words USING fts5vocab ({index}, instance)"
        )
        schema_editor.execute(f"{insert} SELECT {key}, {text_of(table, table)} FROM {table}")
        schema_editor.execute(
            f"CREATE TRIGGER {index}_insert AFTER INSERT ON {table} BEGIN"
            f" {insert} VALUES (NEW.{key}, {text_of(table, 'NEW')}); END"
        )
        schema_editor.execute(
            f"CREATE TRIGGER {index}_update AFTER UPDATE OF {', '.join(columns)} ON {table}"
            f" WHEN {changed} BEGIN"
            f" UPDATE {index} SET words = {text_of(table, 'NEW')} WHERE rowid = OLD.{key}; END"
        )
        schema_editor.execute(
            f"CREATE TRIGGER {index}_delete AFTER DELETE ON {table} BEGIN"
            f" DELETE FROM {index} WHERE rowid = OLD.{key}; END"
        )


def drop_sqlite(schema_editor: BaseDatabaseSchemaEditor) -> None:
    for table in TABLES:
        for event in ("insert", "update", "delete"):
            schema_editor.execute(f"DROP TRIGGER IF EXISTS search_{table}_{event}")
        schema_editor.execute(f"DROP TABLE IF EXISTS search_{table}_words")
        schema_editor.execute(f"DROP TABLE IF EXISTS search_{table}")


BUILD = {"postgresql": build_postgresql, "sqlite": build_sqlite}
DROP = {"postgresql": drop_postgresql, "sqlite": drop_sqlite}


def build(apps: object, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Makes the index over all rows, and what keeps it."""
    BUILD[schema_editor.connection.vendor](schema_editor)


def drop(apps: object, schema_editor: BaseDatabaseSchemaEditor) -> None:
    DROP[schema_editor.connection.vendor](schema_editor)


def rebuild(apps: object, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """For later migrations: the index as this migration makes it, anew."""
    drop(apps, schema_editor)
    build(apps, schema_editor)


class Migration(migrations.Migration):
    dependencies = [("contexts", "0001_context_tables_and_change_log")]

    operations = [migrations.RunPython(build, drop)]
