"""Search on SQLite: FTS5 goes through the rows of a word from the newest on.

How often a word stands in a text is told by `highlight`, which reads that text and no other; a
table of all its places (`fts5vocab`) can be read from its beginning only. So what is not among
the newest with a word counts as having it once.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import closing

from django.db import connection

from contexts.search.statements import ENTRIES, SQL, Parameters, Part, Search, worth

MOST_COUNTED = 8

DATA: SQL = """
SELECT {number} AS word, rowid AS row_id, {score} FROM search_{table}
WHERE search_{table} MATCH %s AND EXISTS ({allowed})
"""

# CROSS: in this order.
NOTED: SQL = f"""
SELECT {{number}} AS word, context.row_id AS row_id, {{score}} FROM search_{ENTRIES}
CROSS JOIN {ENTRIES} entry ON entry.id = search_{ENTRIES}.rowid
CROSS JOIN {{table}} context
    ON context.organization_id = entry.organization_id AND context.id = entry.context_id
CROSS JOIN here
WHERE search_{ENTRIES} MATCH %s AND entry.organization_id = here.organization
    AND entry.level = here.level AND EXISTS ({{allowed}})
"""

# A context's entries came within some time, so few of others' are between them.
IN_OLDER_ENTRIES: SQL = f"""
EXISTS (
    SELECT 1 FROM search_{ENTRIES} CROSS JOIN {ENTRIES} entry
        ON entry.id = search_{ENTRIES}.rowid
    WHERE search_{ENTRIES} MATCH query AND search_{ENTRIES}.rowid BETWEEN {{first}} AND {{last}}
        AND entry.organization_id = here.organization AND entry.level = here.level
        AND entry.context_id = context.id
)
"""
EDGE: SQL = f"""(
    SELECT {{edge}}(id) FROM {ENTRIES} entry WHERE entry.organization_id = here.organization
    AND entry.level = here.level AND entry.context_id = context.id
)"""


def words(text: str) -> list[str]:
    """Those of a text, as they are indexed."""
    # A table in memory made like the index splits and folds as the index does.
    with connection.cursor() as cursor:
        cursor.execute("SELECT sql FROM sqlite_master WHERE name = 'search_task_contexts'")
        definition = cursor.fetchone()[0]
    with closing(sqlite3.connect(":memory:")) as memory:
        memory.execute(definition)
        memory.execute("CREATE VIRTUAL TABLE words USING fts5vocab (search_task_contexts, row)")
        memory.execute("INSERT INTO search_task_contexts (words) VALUES (?)", [text])
        return [word for (word,) in memory.execute("SELECT term FROM words ORDER BY term")]


class SqliteSearch(Search):
    """See `Search`. What is best is told by what PostgreSQL's `ts_rank` would say."""

    keys_as_json = "json_group_array(row_id)"
    joined = (
        "LEFT JOIN own ON own.word = asked.word AND own.row_id = candidate.row_id"
        " LEFT JOIN own whole ON whole.word = 0 AND whole.row_id = candidate.row_id"
    )

    def queries(self) -> list[str]:
        return [f'"{word}" *' if word == self.begun else f'"{word}"' for word in self.words]

    def all_of_them(self) -> str:
        return " AND ".join(self.queries())

    def own(self, asked: Sequence[tuple[int, str]]) -> Part:
        # How often all the words are there together is nothing that anyone asks.
        rank = f"{self.weight} * {rank_in(self.table)}"
        parts = [self._data(number, rank if number else "NULL") for number, _ in asked]
        return self._newest(self.table, asked, parts)

    def noted(self, asked: Sequence[tuple[int, str]]) -> Part:
        parts = [self._entries(number, rank_in(ENTRIES)) for number, _ in asked]
        return self._newest(ENTRIES, asked, parts)

    def anywhere(self) -> Part:
        parts = [
            Part(part.sql, [query, *part.parameters])
            for number, query in self.asked()
            for part in (self._data(number), self._entries(number))
        ]
        sql = " UNION ALL ".join(f"SELECT word, row_id FROM ({part.sql})" for part in parts)
        return Part(sql, [each for part in parts for each in part.parameters])

    def in_data(self) -> SQL:
        once = self.weight * worth(1)
        return (
            "CASE WHEN own.row_id IS NOT NULL THEN own.score"
            f" WHEN whole.row_id IS NOT NULL THEN {once}"
            f" WHEN owns = {self.enough} AND EXISTS (SELECT 1 FROM rarest)"
            f" AND EXISTS (SELECT 1 FROM search_{self.table} WHERE search_{self.table} MATCH query"
            f" AND rowid = candidate.row_id) THEN {once} END"
        )

    def in_older_entries(self) -> SQL:
        return IN_OLDER_ENTRIES.format(first=EDGE.format(edge="min"), last=EDGE.format(edge="max"))

    def _data(self, number: int, score: SQL = "NULL") -> Part:
        allowed = self.narrowed(f"{self.table}.row_id = search_{self.table}.rowid")
        sql = DATA.format(number=number, score=score, table=self.table, allowed=allowed.sql)
        return Part(sql, allowed.parameters)

    def _entries(self, number: int, score: SQL = "NULL") -> Part:
        allowed = self.narrowed(f"{self.table}.row_id = context.row_id")
        sql = NOTED.format(number=number, score=score, table=self.table, allowed=allowed.sql)
        return Part(sql, allowed.parameters)

    def _newest(self, table: str, asked: Sequence[tuple[int, str]], parts: Sequence[Part]) -> Part:
        newest = f"ORDER BY search_{table}.rowid DESC LIMIT {self.enough}"
        sql = " UNION ALL ".join(f"SELECT * FROM ({part.sql} {newest})" for part in parts)
        parameters: Parameters = []
        for (_, query), part in zip(asked, parts, strict=True):
            parameters += [query, *part.parameters]
        return Part(sql, parameters)


def rank_in(table: str) -> SQL:
    """The worth of what is found in a row of the table's index."""
    cases = " ".join(f"WHEN {times} THEN {worth(times)}" for times in range(1, MOST_COUNTED + 1))
    marked = f"highlight(search_{table}, 0, char(1), '')"
    return f"(CASE length({marked}) - length(words) {cases} ELSE {worth(MOST_COUNTED)} END)"
