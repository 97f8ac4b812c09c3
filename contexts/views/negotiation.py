"""Which representation a caller gets: DRF's choice, made once for each `Accept` header."""

from typing import Any

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request

# Few are sent ever; what hostile callers make up is chosen anew each time.
MOST_KEPT = 200
LONGEST_KEPT = 200


class RememberedNegotiation(DefaultContentNegotiation):
    """Takes as many microseconds to look up as DRF takes tens to choose."""

    _chosen: dict[tuple[Any, ...], tuple[int, str]] = {}

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[Any, str]:
        accept = request.META.get("HTTP_ACCEPT", "")
        key = accept, format_suffix, *map(type, renderers)
        if found := self._chosen.get(key):
            return renderers[found[0]], found[1]
        renderer, media_type = super().select_renderer(request, renderers, format_suffix)
        if len(self._chosen) < MOST_KEPT and len(accept) <= LONGEST_KEPT:
            self._chosen[key] = renderers.index(renderer), media_type
        return renderer, media_type
