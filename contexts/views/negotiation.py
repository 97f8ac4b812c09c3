"""Which representation a caller would rather have."""

from collections.abc import Iterable
from typing import Any

from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.utils.mediatypes import _MediaType, media_type_matches


class ByQuality(DefaultContentNegotiation):
    """By the weights in `Accept` (RFC 9110 §12.5.1), which DRF's own does not look at.

    Of equals the view's first.
    """

    def select_renderer(
        self, request: Request, renderers: Iterable[Any], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        accepted = self.get_accept_list(request)
        offered: list[BaseRenderer] = list(renderers)
        best = max(offered, key=lambda each: _quality(each.media_type, accepted))
        if not _quality(best.media_type, accepted):
            raise NotAcceptable(available_renderers=offered)
        return best, best.media_type


def _quality(media_type: str, accepted: Iterable[str]) -> float:
    """The weight of the most specific range that `media_type` is in; 0 without one."""
    ranges = [_MediaType(each) for each in accepted if media_type_matches(media_type, each)]
    if not ranges:
        return 0.0
    try:
        return float(max(ranges, key=lambda each: each.precedence).params.get("q", "1"))
    except ValueError:
        return 1.0
