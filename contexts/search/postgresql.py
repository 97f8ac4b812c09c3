"""Search on PostgreSQL: among the newest rows first, until enough are found.

Beside the words the index holds in which stretches of 2^9, 2^11 … numbers a row lies (the
migration `0007_search_windows`). A search looks at the newest two stretches of the smallest
size, then at those of the next, and at everything only for what is rare: so a word of every
document costs no more among a million of them than among a thousand.
"""

from collections.abc import Sequence
from itertools import pairwise

from django.db import connection

from contexts.search.statements import ENTRIES, SQL, Part, Search

# As the migration indexes them; the last is everything.
SHIFTS = (9, 11, 13, 15, 17, 19, 63)
SIZES: SQL = ", ".join(f"({larger}, {smaller})" for smaller, larger in pairwise((-1, *SHIFTS)))

# The stretches of a table, of each size the newest two; of the largest one needed all rows.
# OFFSET keeps them in this order, so that LIMIT stops before the larger ones. Further down it
# keeps ORDER BY out: with a LIMIT the planner would rather walk through a table than sort.
IN_WINDOWS: SQL = """
SELECT {results} FROM here, asked CROSS JOIN LATERAL (
    SELECT found.* FROM (
        SELECT shift, top >> shift <= 1 OR shift = 63 AS largest,
            CASE shift WHEN 63 THEN quote_literal('/' || tenant) ELSE '('
                || quote_literal('/' || shift || ':' || (top >> shift) || '/' || tenant) || ' | '
                || quote_literal('/' || shift || ':' || (top >> shift) - 1 || '/' || tenant)
                || ')' END AS rows
        FROM (SELECT max({key}) AS top, {tenant} AS tenant FROM {table}) newest,
            (VALUES {sizes}) size (shift, smaller)
        WHERE smaller < 0 OR top >> smaller > 1
        ORDER BY shift OFFSET 0
    ) part CROSS JOIN LATERAL ({found}) found
    WHERE largest OR cardinality(keys) = {enough} ORDER BY shift LIMIT 1
) chosen
"""

OWN: SQL = """
SELECT array_agg(row_id) AS keys FROM (
    SELECT row_id FROM ({matching} OFFSET 0) matching (row_id)
    ORDER BY row_id DESC LIMIT {enough}
) newest
"""

NOTED: SQL = """
SELECT array_agg(row_id) AS keys, array_agg(score) AS scores FROM (
    SELECT row_id, 10 * ts_rank(search, query::tsquery) AS score
    FROM ({matching} OFFSET 0) matching ORDER BY id DESC LIMIT {enough}
) newest
"""

ANYWHERE: SQL = """
SELECT word, row_id FROM here, asked CROSS JOIN LATERAL (
    SELECT quote_literal('/' || organization) AS rows OFFSET 0
) part CROSS JOIN LATERAL ({data} OFFSET 0) found (row_id) WHERE word > 0
UNION ALL
SELECT word, row_id FROM here, asked CROSS JOIN LATERAL (
    SELECT quote_literal('/' || level || '/' || organization) AS rows OFFSET 0
) part CROSS JOIN LATERAL ({entries} OFFSET 0) found WHERE word > 0
"""

IN_PART: SQL = "(part.rows || ' & ' || asked.query)::tsquery"

IN_OLDER_ENTRIES: SQL = f"""
EXISTS (
    SELECT 1 FROM {ENTRIES} entry
    WHERE entry.organization_id = here.organization AND entry.level = here.level
        AND entry.context_id = context.id AND entry.search @@ query::tsquery
)
"""


def words(text: str) -> list[str]:
    """Those of a text, as they are indexed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT word FROM contexts_words(%s) ORDER BY word", [text])
        return [word for (word,) in cursor.fetchall()]


class PostgresqlSearch(Search):
    """See `Search`. What is best is told by `ts_rank`."""

    keys_as_json = "json_agg(row_id)"

    def queries(self) -> list[str]:
        # A word has neither quotes nor backslashes: between quotes it is a tsquery of its own.
        return [f"'{word}':*" if word == self.begun else f"'{word}'" for word in self.words]

    def all_of_them(self) -> str:
        return " & ".join(self.queries())

    def own(self, asked: Sequence[tuple[int, str]]) -> Part:
        data = self._data()
        sql = IN_WINDOWS.format(
            results="word, unnest(keys), CAST(NULL AS real)",
            key="row_id", table=self.table, tenant="here.organization", sizes=SIZES,
            enough=self.enough, found=OWN.format(matching=data.sql, enough=self.enough),
        )  # fmt: skip
        return Part(sql, data.parameters)

    def noted(self, asked: Sequence[tuple[int, str]]) -> Part:
        entries = self._entries()
        sql = IN_WINDOWS.format(
            results="word, unnest(keys), unnest(scores)",
            key="id", table=ENTRIES, tenant="here.level || '/' || here.organization", sizes=SIZES,
            enough=self.enough, found=NOTED.format(matching=entries.sql, enough=self.enough),
        )  # fmt: skip
        return Part(f"{sql} WHERE word > 0", entries.parameters)

    def anywhere(self) -> Part:
        data, entries = self._data(), self._entries()
        sql = ANYWHERE.format(data=data.sql, entries=entries.sql)
        return Part(sql, [*data.parameters, *entries.parameters])

    def in_data(self) -> SQL:
        return (
            "CASE WHEN context.search @@ query::tsquery"
            f" THEN {10 * self.weight} * ts_rank(context.search, query::tsquery) END"
        )

    def in_older_entries(self) -> SQL:
        return IN_OLDER_ENTRIES

    def _data(self) -> Part:
        """The keys of those rows in whose own text the query is, in a part of the table."""
        return self.narrowed(
            f"({self.table}.search || contexts_windows({self.table}.row_id,"
            f" '/' || {self.table}.organization_id)) @@ {IN_PART}"
        )

    def _entries(self) -> Part:
        """Those entries in which the query is, in a part of their table, and their contexts."""
        context = self.narrowed(
            f"{self.table}.organization_id = entry.organization_id"
            f" AND {self.table}.id = entry.context_id"
        )
        return Part(
            f"SELECT entry.id, entry.search, context.row_id FROM {ENTRIES} entry"
            f" CROSS JOIN LATERAL ({context.sql}) context (row_id)"
            " WHERE entry.organization_id = here.organization AND entry.level = here.level"
            " AND (entry.search || contexts_windows(entry.id,"
            f" '/' || entry.level || '/' || entry.organization_id)) @@ {IN_PART}",
            context.parameters,
        )
