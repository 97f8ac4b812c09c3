"""What searching is on both databases: statements that the two compose, and who runs them."""

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from math import pi
from typing import Any, ClassVar

from django.db import connection
from django.db.models import BooleanField, QuerySet
from django.db.models.expressions import RawSQL

from contexts.models import Context, Entry

SQL = str
Parameters = list[Any]

ENTRIES = Entry._meta.db_table

# own: where each word stands in a context's own text, and (as word 0) where all of them do.
# noted: where it stands in entries. Both of the newest, as many as are enough.
# rarest: a word all of whose places are known by that, so that all that match are among them.
RANKED: SQL = """
WITH here AS MATERIALIZED (
    SELECT CAST(%s AS text) AS organization, CAST(%s AS text) AS level
),
asked (word, query) AS MATERIALIZED (VALUES {asked}),
own (word, row_id, score) AS MATERIALIZED ({own}),
noted (word, row_id, score) AS MATERIALIZED ({noted}),
often AS MATERIALIZED (
    SELECT word, (SELECT count(*) FROM own WHERE own.word = asked.word) AS owns,
        (SELECT count(*) FROM noted WHERE noted.word = asked.word) AS notes
    FROM asked WHERE word > 0
),
rarest AS MATERIALIZED (
    SELECT word FROM often WHERE owns < {enough} AND notes < {enough}
    ORDER BY owns + notes LIMIT 1
),
candidate AS MATERIALIZED (
    SELECT row_id FROM own WHERE word = {together} OR word = (SELECT word FROM rarest)
    UNION SELECT row_id FROM noted
    WHERE word = (SELECT word FROM rarest) OR NOT EXISTS (SELECT 1 FROM rarest)
),
place (row_id, word, score) AS MATERIALIZED (
    SELECT candidate.row_id, asked.word, {in_data}
    FROM candidate CROSS JOIN asked CROSS JOIN often
    JOIN {table} context ON context.row_id = candidate.row_id {joined}
    WHERE often.word = asked.word
    UNION ALL SELECT row_id, word, score FROM noted WHERE row_id IN (SELECT row_id FROM candidate)
),
older (row_id, word, score) AS MATERIALIZED (
    SELECT candidate.row_id, asked.word, {once}
    FROM candidate CROSS JOIN here CROSS JOIN asked CROSS JOIN often
    JOIN {table} context ON context.row_id = candidate.row_id
    WHERE often.word = asked.word AND notes = {enough} AND EXISTS (SELECT 1 FROM rarest)
        AND (candidate.row_id, asked.word) NOT IN (
            SELECT row_id, word FROM place WHERE score IS NOT NULL
        ) AND {in_older_entries}
),
ranked AS MATERIALIZED (
    -- Sums of the same numbers in another order differ in their last digits.
    SELECT row_id, round(CAST(sum(score) AS numeric), 4) AS score
    FROM (SELECT * FROM place UNION ALL SELECT * FROM older) found WHERE score IS NOT NULL
    GROUP BY row_id HAVING count(DISTINCT word) = {words}
)
"""

BEST: SQL = """
SELECT (SELECT {keys_as_json} FROM (
    SELECT row_id FROM ranked ORDER BY score DESC, row_id DESC LIMIT %s OFFSET %s
) best), (SELECT count(*) FROM ranked), EXISTS (SELECT 1 FROM rarest)
"""

OTHERS: SQL = """
, hit (word, row_id) AS ({anywhere})
SELECT row_id FROM hit WHERE row_id NOT IN (SELECT row_id FROM ranked)
GROUP BY row_id HAVING count(DISTINCT word) = {words} ORDER BY row_id DESC LIMIT %s OFFSET %s
"""


def worth(occurrences: int) -> float:
    """What `ts_rank` makes of a word that occurs so often, ten times that."""
    return round(sum(6 / pi**2 / place**2 for place in range(1, occurrences + 1)), 7)


@dataclass(frozen=True)
class Part:
    """A piece of a statement, and the parameters in it."""

    sql: SQL
    parameters: Parameters


@dataclass(frozen=True)
class Search(ABC):
    """Where `words` stand in `rows`, contexts of one level of an organization, or their entries.

    Ranked are, when one of the words is rare, all that match; else those of the newest `enough`
    whose own text has all words, and those in the newest `enough` entries with each word. The
    last word may be `begun` only.
    """

    rows: QuerySet[Context]
    level: str
    organization_id: str
    words: Sequence[str]
    begun: str
    weight: int
    enough: int

    keys_as_json: ClassVar[SQL]
    # What `in_data` needs of `own`.
    joined: ClassVar[SQL] = ""

    def best(self, start: int, limit: int) -> tuple[list[int], int, bool]:
        """The keys of the ranked from `start` on, how many are ranked, whether more match."""
        parts, parameters = self._ranked()
        with connection.cursor() as cursor:
            cursor.execute((RANKED + BEST).format_map(parts), [*parameters, limit, start])
            keys, ranked, complete = cursor.fetchone()
        return keys if isinstance(keys, list) else json.loads(keys or "[]"), ranked, not complete

    def others(self, start: int, limit: int) -> list[int]:
        """The keys of those that match and are not ranked, newest first.

        Looks at everything that any of the words is in.
        """
        parts, parameters = self._ranked()
        anywhere = self.anywhere()
        statement = (RANKED + OTHERS).format_map({**parts, "anywhere": anywhere.sql})
        with connection.cursor() as cursor:
            cursor.execute(statement, [*parameters, *anywhere.parameters, limit, start])
            return [key for (key,) in cursor.fetchall()]

    @abstractmethod
    def queries(self) -> list[str]:
        """What the database's full text takes, for each word."""

    @abstractmethod
    def own(self, asked: Sequence[tuple[int, str]]) -> Part:
        """Number, key and (or NULL) score of the newest with a query in their own text."""

    @abstractmethod
    def noted(self, asked: Sequence[tuple[int, str]]) -> Part:
        """Number, key and score for the newest entries with a query in them."""

    @abstractmethod
    def anywhere(self) -> Part:
        """Number and key of all that have the query of a word in their text or an entry."""

    @abstractmethod
    def in_data(self) -> SQL:
        """The score of `query` in a candidate's own text; NULL when it is not there."""

    @abstractmethod
    def in_older_entries(self) -> SQL:
        """Whether `query` is in any entry of the context `id`."""

    def asked(self) -> list[tuple[int, str]]:
        return list(enumerate(self.queries(), start=1))

    @property
    def table(self) -> str:
        return self.rows.model._meta.db_table

    def narrowed(self, condition: SQL) -> Part:
        """The keys of those of the rows for which `condition` holds, too."""
        # Inside of the caller's query, and not joined to it: one look at each row.
        told = RawSQL(condition, (), output_field=BooleanField())
        sql, parameters = self.rows.filter(told).order_by().values("pk").query.sql_with_params()
        return Part(sql, list(parameters))

    def _ranked(self) -> tuple[dict[str, Any], Parameters]:
        words = self.asked()
        together = [(0, self.all_of_them())] if len(words) > 1 else []
        own, noted = self.own([*together, *words]), self.noted(words)
        parts = {
            "asked": ", ".join(["(CAST(%s AS int), CAST(%s AS text))"] * len([*together, *words])),
            "own": own.sql,
            "noted": noted.sql,
            "together": 0 if together else 1,
            "enough": self.enough,
            "table": self.table,
            "words": len(words),
            "once": worth(1),
            "joined": self.joined,
            "in_data": self.in_data(),
            "in_older_entries": self.in_older_entries(),
            "keys_as_json": self.keys_as_json,
        }
        given = chain.from_iterable([*together, *words])
        return parts, [
            self.organization_id, self.level, *given, *own.parameters, *noted.parameters
        ]  # fmt: skip

    @abstractmethod
    def all_of_them(self) -> str:
        """The query of what has all words."""
