"""Full-text search over contexts and their entries: all words, best first, on both databases.

What a word is, and how the index is kept, stands in the migration `0002_full_text_search`. A
word counts `f(n) = (1 + 1/4 + … + 1/n²) · 6/π²` where it occurs `n` times, which is what
PostgreSQL's `ts_rank` gives: more is better, ever less so. In the context's own text it counts
four times that of an entry. No other tenant's rows and no length of a text come into it, so
the order is the same on both databases, except where SQLite and PostgreSQL round otherwise.

What is ranked is bounded. When every word of a search stands in `ENOUGH` contexts or entries,
only those that the newest of these make are put in order, and the others that match come after
them, newest first. A word that is in so many entries counts in the newest of them, and once for
a context that has it only in older ones; on SQLite one in so many contexts counts once, too, in
those that are not the newest of them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet

from contexts.errors import Invalid
from contexts.levels import Level
from contexts.models import Context
from contexts.search import postgresql, sqlite
from contexts.search.statements import Search

MOST_WORDS = 32
LONGEST_WORD = 255
LONGEST_QUERY = 10_000
DATA_WEIGHT = 4
# More than are on the largest page, so that a first page is ranked whole.
ENOUGH = 512


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
        limit = 2**31 - 1 if stop is None else stop - start
        search = self._search()
        try:
            keys, ranked, more = search.best(start, limit)
        except EmptyResultSet:
            return []
        if more and len(keys) < limit:
            keys += search.others(max(0, start - ranked), limit - len(keys))
        return keys

    def _search(self) -> Search:
        return BACKENDS[connection.vendor].search(
            rows=self.rows,
            level=self.level.name,
            organization_id=self.organization_id,
            words=self.words,
            begun=self.begun,
            weight=DATA_WEIGHT,
            enough=ENOUGH,
        )


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


@dataclass(frozen=True)
class Backend:
    """How one database splits a text into words, and finds where they occur."""

    words: Callable[[str], list[str]]
    search: type[Search]


BACKENDS: dict[str, Backend] = {
    "postgresql": Backend(postgresql.words, postgresql.PostgresqlSearch),
    "sqlite": Backend(sqlite.words, sqlite.SqliteSearch),
}
