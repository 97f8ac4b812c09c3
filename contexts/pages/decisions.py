"""What waits for a decision: delegations to the organization, each beside what it would change.

Conflicts are shown beside them by a script, from the API: they are another app's.
"""

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import SafeString

from contexts import merging
from contexts.admin import diffs, rendering
from contexts.levels import LEVELS
from contexts.models import Context, Delegation, owned
from contexts.pages import addresses
from contexts.pages.happening import readable
from contexts.pages.visiting import Visitor, frame, page

MOST = 50
DECIDED = 10


@dataclass(frozen=True)
class Case:
    """A delegation, the target it would change (None when that is gone), and what it would."""

    delegation: Delegation
    target: Context | None
    lines: list[diffs.DiffLine]
    more: int

    @property
    def source_url(self) -> str:
        return addresses.context(self.delegation.level, self.delegation.context_id)

    @property
    def target_url(self) -> str:
        return addresses.context(self.delegation.target_level, self.delegation.target_id)

    @property
    def when(self) -> SafeString:
        return rendering.when(self.delegation.created_at)

    @property
    def decided(self) -> SafeString:
        return rendering.when(self.delegation.decided_at)

    @property
    def data(self) -> SafeString:
        return rendering.document(self.delegation.data)


@page
def decisions(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """Everything that waits, oldest first, and what was decided last."""
    around = frame(request, visitor)
    rows = owned(visitor.organization_id, Delegation)
    pending = rows.filter(status=Delegation.Status.PENDING).order_by("id")[:MOST]
    decided = rows.exclude(status=Delegation.Status.PENDING).order_by("-decided_at", "-id")
    return render(
        request,
        "pages/decisions.html",
        {
            **around,
            "cases": [_case(delegation) for delegation in pending],
            "decided": [Case(each, None, [], 0) for each in decided[:DECIDED]],
        },
    )


def _case(delegation: Delegation) -> Case:
    level = LEVELS[delegation.target_level]
    rows = level.rows(delegation.organization_id, context_id=delegation.target_id)
    target = rows.first()
    if target is None:
        return Case(delegation, None, [], 0)
    after = merging.deep_merge(target.data, delegation.data)
    found = diffs.between({"data": target.data}, {"data": after})
    return Case(delegation, target, [readable(line) for line in found.lines], found.more)
