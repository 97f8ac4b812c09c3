"""Which representation a caller would rather have."""

from collections.abc import Iterable, Sequence
from typing import Any

from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.utils.mediatypes import _MediaType, media_type_matches

# Few headers are sent ever; what hostile callers make up is weighed anew each time.
MOST_KEPT = 200
LONGEST_KEPT = 200


class ByQuality(DefaultContentNegotiation):
    """By the weights in `Accept` (RFC 9110 §12.5.1), which DRF's own does not look at.

    Of equals the view's first. What a header chooses among some renderers is remembered: weighing
    it takes tens of microseconds, which the smallest requests would notice.
    """

    _chosen: dict[tuple[Any, ...], int] = {}

    def select_renderer(
        self, request: Request, renderers: Iterable[Any], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        offered: list[BaseRenderer] = list(renderers)
        accept = request.META.get("HTTP_ACCEPT", "*/*")
        key = accept, *map(type, offered)
        place = self._chosen.get(key)
        if place is None:
            place = _best(offered, self.get_accept_list(request))
            if len(self._chosen) < MOST_KEPT and len(accept) <= LONGEST_KEPT:
                self._chosen[key] = place
        return offered[place], offered[place].media_type


def _best(offered: Sequence[BaseRenderer], accepted: Sequence[str]) -> int:
    weights = [_quality(each.media_type, accepted) for each in offered]
    if not any(weights):
        raise NotAcceptable(available_renderers=offered)
    return weights.index(max(weights))


def _quality(media_type: str, accepted: Iterable[str]) -> float:
    """The weight of the most specific range that `media_type` is in; 0 without one."""
    ranges = [_MediaType(each) for each in accepted if media_type_matches(media_type, each)]
    if not ranges:
        return 0.0
    try:
        return float(max(ranges, key=lambda each: each.precedence).params.get("q", "1"))
    except ValueError:
        return 1.0
