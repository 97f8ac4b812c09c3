"""Pages: `{"next", "previous", "results"}` with cursors (CONTRACT §2)."""

import base64
from collections.abc import Callable, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import DataError
from django.db.models import QuerySet
from django.http import HttpResponse
from rest_framework.exceptions import NotFound
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request

from contexts.errors import Invalid
from contexts.requests import whole_number
from contexts.views.errors import json_answer

PAGE = 50
LARGEST_PAGE = 500

Present = Callable[[Sequence[Any]], list[dict[str, Any]]]


def page_size(request: Request) -> int:
    """The query's `page_size`. Raises `Invalid`."""
    size = whole_number(request, "page_size", PAGE, 1, LARGEST_PAGE)
    return PAGE if size is None else size


class Cursor(CursorPagination):
    """Cursors over a stable ordering: rows made meanwhile neither shift nor double a page."""

    # More entries than can have come at one moment: cut off, `next` would lead in a circle.
    offset_cutoff = 10**9

    def __init__(self, ordering: tuple[str, ...]) -> None:
        self.ordering = ordering

    def get_page_size(self, request: Request) -> int:
        return page_size(request)

    def get_ordering(self, request: Request, queryset: Any, view: Any) -> tuple[str, ...]:
        return tuple(self.ordering or ())


def page(
    request: Request, rows: QuerySet[Any], ordering: tuple[str, ...], present: Present
) -> HttpResponse:
    """One page of `rows` in `ordering` (whose fields together are unique)."""
    paginator = Cursor(ordering)
    try:
        found = paginator.paginate_queryset(rows, request) or []
    except (NotFound, ValueError, ValidationError, OverflowError, DataError):
        raise Invalid({"cursor": ["This is no cursor of this list."]}) from None
    return json_answer(
        {
            "next": paginator.get_next_link(),
            "previous": paginator.get_previous_link(),
            "results": present(found),
        }
    )


def ranked_page(request: Request, rows: Any, present: Present) -> HttpResponse:
    """One page of search results, best first; the cursor is a place in the ranking."""
    size, start = page_size(request), _place(request)
    found = list(rows[start : start + size + 1])
    return json_answer(
        {
            "next": _link(request, start + size) if len(found) > size else None,
            "previous": _link(request, max(0, start - size)) if start else None,
            "results": present(found[:size]),
        }
    )


def _place(request: Request) -> int:
    cursor = request.query_params.get("cursor")
    if cursor is None:
        return 0
    try:
        place = base64.urlsafe_b64decode(cursor.encode("ascii")).decode("ascii")
        if not place.isdigit() or len(place) > 6:
            raise ValueError(place)
        return int(place)
    except ValueError:
        raise Invalid({"cursor": ["This is no cursor of this list."]}) from None


def _link(request: Request, place: int) -> str:
    query = request.query_params.copy()
    query["cursor"] = base64.urlsafe_b64encode(str(place).encode()).decode()
    return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")
