"""What the first page of the admin shows: how many, what waits, what happened last."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from contexts.admin import additions, addresses, rendering
from contexts.admin.additions import Figure
from contexts.admin.tenancy import tenancy
from contexts.levels import LEVELS
from contexts.models import Agent, Change, Delegation, Role

NEWEST = 12


def overview(request: HttpRequest) -> dict[str, Any]:
    """The figures and the newest changes of the organizations that the human may see."""
    roles = tenancy(request)
    figures = []
    for level in LEVELS.values():
        count = roles.limited(level.model._default_manager.all()).count()
        meta = level.model._meta
        noun = meta.verbose_name if count == 1 else meta.verbose_name_plural
        url = addresses.page(level, "changelist")
        figures.append(Figure(f"level-{level.name}", str(noun), count, url))
    pending = roles.limited(Delegation.objects.filter(status=Delegation.Status.PENDING)).count()
    figures.append(
        Figure(
            "waiting" if pending else "plain",
            "pending delegations",
            pending,
            addresses.listed("delegation", status=Delegation.Status.PENDING.value),
        )
    )
    for added in additions.figures:
        figures += added(request)
    if roles.may(Role.ADMIN):
        active = roles.limited(Agent.objects.filter(revoked_at=None), Role.ADMIN).count()
        url = addresses.listed("agent", key="active")
        figures.append(Figure("plain", "active agents", active, url))
    newest = roles.limited(Change.objects.order_by("-pk")).defer("document", "record")[:NEWEST]
    return {
        "figures": figures,
        "panels": [panel for each in additions.panels for panel in each(request)],
        "newest_changes": [
            (
                change,
                addresses.context(change.level, change.organization_id, change.context_id),
                rendering.when(change.at),
            )
            for change in newest
        ],
        "change_log_url": reverse("admin:contexts_change_changelist"),
    }
