"""Search that answers while someone types: ids and names that begin so, then full text."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.html import format_html
from django.utils.safestring import SafeString

from contexts import merging, search
from contexts.authentication import ORGANIZATION_HEADER
from contexts.levels import LEVELS, Level
from contexts.models import Context
from contexts.pages import addresses
from contexts.pages.visiting import Visitor, frame, page

EACH = 6
LONGEST = 200
# Characters in sight before and after a word that was found.
AROUND = 36


@dataclass(frozen=True)
class Found:
    """A context that was found, and the words of it that say why."""

    level: Level
    row: Context
    why: SafeString

    @property
    def url(self) -> str:
        return addresses.context(self.level.name, self.row.context_id)

    @property
    def name(self) -> str:
        name = getattr(self.row, "name", "")
        return "" if name == self.row.context_id else name

    @property
    def path(self) -> str:
        """Where it stands: the ids above it."""
        return self.level.path(self.row).rpartition("/")[0].replace("/", " / ")


@page
def find(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """What was found for `q`, most specific levels last: choices of a list for a script that asks
    while someone types, a page of its own for a browser without scripts.
    """
    text = " ".join(request.GET.get("q", "").replace("\0", " ").split())[:LONGEST]
    found = [each for level in LEVELS.values() for each in _of(visitor, level, text)]
    told = {"found": found, "text": text}
    if ORGANIZATION_HEADER in request.headers:
        return render(request, "pages/found.html", told)
    return render(request, "pages/finding.html", {**frame(request, visitor), **told})


def _of(visitor: Visitor, level: Level, text: str) -> Iterator[Found]:
    if not text:
        return
    organization_id = visitor.organization_id
    named = Q(context_id__istartswith=text)
    if any(field.attribute == "name" for field in level.fields):
        named |= Q(name__icontains=text)
    rows = level.rows(organization_id)
    seen = set()
    for row in rows.filter(named).order_by("-updated_at", "-row_id")[:EACH]:
        seen.add(row.pk)
        yield Found(level, row, SafeString(""))
    matches = search.matching(rows, level, organization_id, text, begun=True)
    for row in matches[: EACH - len(seen)] if len(seen) < EACH else []:
        if row.pk not in seen:
            yield Found(level, row, why(row, text))


def why(row: Context, text: str) -> SafeString:
    """A value of the row in which a word of `text` stands, the word marked; "" for none."""
    words = [word.casefold() for word in text.split()]
    for path, value in merging.leaves(row.data):
        told = value if isinstance(value, str) else merging.pointer(path)
        shown = f"{'.'.join(path)}: {told}"
        for word in words:
            place = shown.casefold().find(word)
            if place >= 0:
                return _marked(shown, place, len(word))
    return SafeString("")


def _marked(text: str, place: int, length: int) -> SafeString:
    start, end = max(0, place - AROUND), place + length + AROUND
    before, after = "…" if start else "", "…" if end < len(text) else ""
    return format_html(
        "{}{}<mark>{}</mark>{}{}",
        before,
        text[start:place],
        text[place : place + length],
        text[place + length : end],
        after,
    )
