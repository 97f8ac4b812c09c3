"""Full-text search over contexts and their entries: all words, best first, on both databases.

What a word is, and how the index is kept, stands in the migration `0002_full_text_search`. A
word counts `f(n) = (1 + 1/4 + … + 1/n²) · 6/π²` where it occurs `n` times, which is what
PostgreSQL's `ts_rank` gives: more is better, ever less so. In the context's own text it counts
four times that of an entry. No other tenant's rows and no length of a text come into it, so
the order is the same on both databases, except where SQLite and PostgreSQL round otherwise.
"""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from math import pi
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet

from contexts.errors import Invalid
from contexts.levels import Level
from contexts.models import Context, Entry

MOST_WORDS = 32
LONGEST_WORD = 255
LONGEST_QUERY = 10_000
DATA_WEIGHT = 4
MOST_COUNTED = 8

SQL = str
Parameters = list[Any]


@dataclass(frozen=True)
class Matches:
    """The rows that match, best first, ties newest first. Nothing is read before it is sliced."""

    rows: QuerySet[Context]
    level: Level
    organization_id: str
    words: Sequence[str]
    begun: str = ""

    def __getitem__(self, part: slice) -> list[Context]:
        """The matches from `part.start` to `part.stop` (both optional, no steps)."""
        keys = self._keys(part.start or 0, part.stop)
        # select_related and the like of the caller's queryset stay.
        found = {row.pk: row for row in self.rows.filter(pk__in=keys)}
        return [found[key] for key in keys if key in found]

    def _keys(self, start: int, stop: int | None) -> list[int]:
        if not self.words or (stop is not None and stop <= start):
            return []
        try:
            allowed, of_rows = self.rows.order_by().values("pk").query.sql_with_params()
        except EmptyResultSet:
            return []
        hits, of_hits = BACKENDS[connection.vendor].hits(self)
        limit = 2**31 - 1 if stop is None else stop - start
        with connection.cursor() as cursor:
            cursor.execute(
                f"WITH hits (word, row_id, score) AS ({hits})"  # noqa: S608
                f" SELECT hits.row_id FROM hits WHERE hits.row_id IN ({allowed})"
                " GROUP BY hits.row_id HAVING count(DISTINCT hits.word) = %s"
                # Sums of the same numbers in another order differ in their last digits.
                " ORDER BY round(CAST(sum(hits.score) AS numeric), 4) DESC, hits.row_id DESC"
                " LIMIT %s OFFSET %s",
                [*of_hits, *of_rows, len(self.words), limit, start],
            )
            return [key for (key,) in cursor.fetchall()]


def matching(
    rows: QuerySet[Context], level: Level, organization_id: str, text: str, *, begun: bool = False
) -> Matches:
    """Those of `rows` in which every word of `text` occurs, best first.

    A word may stand in the row's name or data (keys and values at any depth) or in the content
    or details of an entry of it, each word somewhere else. `rows` are contexts of `level`;
    only those of the organization are found. Text without a word, and a word longer than 255
    characters, match nothing. `begun`: the last word may be one that is still being typed, and
    is found in longer ones that begin so. Raises `Invalid` for more than 32 words.
    """
    # NUL separates like any other ASCII that is no letter; no database takes it.
    text = text.encode("utf-8", "replace").decode().replace("\0", " ")
    words = BACKENDS[connection.vendor].words(text) if len(text) <= LONGEST_QUERY else None
    if words is None or len(words) > MOST_WORDS:
        raise Invalid({"q": [f"A search takes up to {MOST_WORDS} words."]})
    if any(len(word) > LONGEST_WORD for word in words):
        words = []
    own = rows.filter(organization__context_id=organization_id)
    return Matches(own, level, organization_id, words, _last_of(words, text) if begun else "")


def _last_of(words: Sequence[str], text: str) -> str:
    """The word that `text` ends with; "" when that is a single letter, which begins too many."""
    ending = [word for word in words if len(word) > 1 and text.casefold().endswith(word)]
    return max(ending, key=len, default="")


def _words_as_postgresql_indexes_them(text: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT word FROM contexts_words(%s) ORDER BY word", [text])
        return [word for (word,) in cursor.fetchall()]


def _words_as_sqlite_indexes_them(text: str) -> list[str]:
    # A table in memory made like the index splits and folds as the index does.
    with connection.cursor() as cursor:
        cursor.execute("SELECT sql FROM sqlite_master WHERE name = 'search_task_contexts'")
        definition = cursor.fetchone()[0]
    with closing(sqlite3.connect(":memory:")) as memory:
        memory.execute(definition)
        memory.execute("CREATE VIRTUAL TABLE words USING fts5vocab (search_task_contexts, row)")
        memory.execute("INSERT INTO search_task_contexts (words) VALUES (?)", [text])
        return [word for (word,) in memory.execute("SELECT term FROM words ORDER BY term")]


def _hits_on_postgresql(matches: Matches) -> tuple[SQL, Parameters]:
    table, organization = matches.level.model._meta.db_table, matches.organization_id
    entries = Entry._meta.db_table
    # A word has neither quotes nor backslashes: between quotes it is a tsquery of its own.
    in_data = (
        f"SELECT %s, row_id, {DATA_WEIGHT * 10} * ts_rank(search, %s::tsquery) FROM {table}"  # noqa: S608
        " WHERE search @@ %s::tsquery AND organization_id = %s"
    )
    in_entries = (
        "SELECT %s, context.row_id, 10 * ts_rank(entry.search, %s::tsquery)"  # noqa: S608
        f" FROM {entries} entry JOIN {table} context"
        " ON context.organization_id = entry.organization_id AND context.id = entry.context_id"
        " WHERE entry.search @@ %s::tsquery AND entry.organization_id = %s AND entry.level = %s"
    )
    parts, parameters = [], []
    level = matches.level.name
    for number, word in enumerate(matches.words):
        query = f"'{word}':*" if word == matches.begun else f"'{word}'"
        parts += [in_data, in_entries]
        parameters += [number, query, f"'/{organization}' & {query}", organization]
        parameters += [number, query, f"'/{level}/{organization}' & {query}"]
        parameters += [organization, level]
    return " UNION ALL ".join(parts), parameters


def _hits_on_sqlite(matches: Matches) -> tuple[SQL, Parameters]:
    table, organization = matches.level.model._meta.db_table, matches.organization_id
    entries = Entry._meta.db_table
    in_data = (
        f"SELECT %s, doc, {DATA_WEIGHT} * {_RANK} FROM search_{table}_words"  # noqa: S608
        " WHERE term BETWEEN %s AND %s GROUP BY doc"
    )
    in_entries = (
        f"SELECT %s, context.row_id, {_RANK} FROM search_{entries}_words"  # noqa: S608
        f" CROSS JOIN {entries} entry ON entry.id = doc"
        f" CROSS JOIN {table} context ON context.organization_id = entry.organization_id"
        " AND context.id = entry.context_id"
        " WHERE term BETWEEN %s AND %s AND entry.organization_id = %s AND entry.level = %s"
        " GROUP BY doc"
    )
    parts, parameters = [], []
    for number, word in enumerate(matches.words):
        last = f"{word}\U0010ffff" if word == matches.begun else word
        parts += [in_data, in_entries]
        parameters += [number, word, last, number, word, last, organization, matches.level.name]
    return " UNION ALL ".join(parts), parameters


def _rank() -> SQL:
    """What `ts_rank` makes of a number of positions, ten times that, as SQL over `count(*)`."""
    value, cases = 0.0, ""
    for occurrences in range(1, MOST_COUNTED + 1):
        value += 6 / pi**2 / occurrences**2
        cases += f" WHEN {occurrences} THEN {value:.7f}"
    return f"CASE count(*){cases} ELSE {value:.7f} END"


_RANK = _rank()


@dataclass(frozen=True)
class Backend:
    """How one database splits a text into words, and finds where they occur."""

    words: Callable[[str], list[str]]
    hits: Callable[[Matches], tuple[SQL, Parameters]]


BACKENDS: dict[str, Backend] = {
    "postgresql": Backend(_words_as_postgresql_indexes_them, _hits_on_postgresql),
    "sqlite": Backend(_words_as_sqlite_indexes_them, _hits_on_sqlite),
}
