"""This node's hub: whether it answers, how far it was read, what to do when it refuses."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from contexts.admin import rendering
from contexts.admin.lists import ReadOnlyAdmin
from contexts.admin.tenancy import Tenancy, tenancy
from contexts.models import Role, owned
from syncing import journal
from syncing.identity import identity
from syncing.models import Conflict, JournalEntry, Link

State = JournalEntry.State
# The standing pull hears from the hub every few seconds while both are up.
SILENCE = timedelta(minutes=1)


@dataclass(frozen=True)
class Standing:
    """How it is with the hub: a badge's kind and word, and a sentence."""

    kind: str
    word: str
    text: str


def standing(link: Link | None) -> Standing:
    """How an organization stands with its hub; None before the first contact."""
    if link is not None and not journal.has_hub(link.organization_id):
        return Standing("", "none", "This organization had a hub and has none now.")
    if link is not None and link.parked:
        return Standing(
            "revoked",
            "refuses",
            "The hub refuses this node: nothing is sent or read until that is put right.",
        )
    if link is not None and not link.reachable:
        return Standing(
            "pending",
            "away",
            "The hub does not answer. Work goes on without it: what is written here is kept and "
            "sent when it is back.",
        )
    if link is None or link.synced_at is None:
        return Standing("pending", "not reached", "The hub has not been reached yet.")
    if abs(timezone.now() - link.synced_at) > SILENCE:
        return Standing(
            "pending",
            "silent",
            "Nobody has asked the hub for more than a minute: do the worker and beat run?",
        )
    return Standing(
        "active", "answers", "What is written on either side reaches the other within moments."
    )


def counts(organization_id: str) -> dict[str, int]:
    """How many entries the organization's journal has, by their state."""
    rows = owned(organization_id, JournalEntry).order_by().values("state").annotate(n=Count("pk"))
    return {row["state"]: row["n"] for row in rows}


def listed(model_name: str, **filters: str) -> str:
    """A list of a model of this app, filtered."""
    return f"{reverse(f'admin:syncing_{model_name}_changelist')}?{urlencode(filters)}"


def about(organization_id: str, link: Link | None) -> dict[str, Any]:
    """What a panel tells of an organization's hub."""
    by_state = counts(organization_id)
    conflicts = owned(organization_id, Conflict, status=Conflict.Status.OPEN).count()
    of = {"organization": organization_id}
    return {
        "organization_id": organization_id,
        "link": link,
        "standing": standing(link),
        "address": settings.CONTEXTSYS_CLOUD_URL if journal.has_hub(organization_id) else "",
        "synced": rendering.when(link.synced_at if link is not None else None),
        "parked": rendering.when(link.parked_at if link is not None else None),
        "checked": rendering.when(link.checked_at if link is not None else None),
        "node": identity().node,
        "figures": [
            (
                by_state.get(State.PENDING, 0),
                "waiting",
                listed("journalentry", state="pending", **of),
            ),
            (by_state.get(State.SENT, 0), "sent", listed("journalentry", state="sent", **of)),
            (by_state.get(State.DEAD, 0), "refused", listed("journalentry", state="dead", **of)),
            (conflicts, "open conflicts", listed("conflict", status="open", **of)),
        ],
    }


def links_of(roles: Tenancy) -> list[tuple[str, Link | None]]:
    """The organizations with a hub that a human may see, each with its link if there is one."""
    links = roles.limited(Link.objects.order_by("organization_id"))
    found: dict[str, Link | None] = {link.organization_id: link for link in links}
    mine: str = settings.CONTEXTSYS_ORGANIZATION
    if journal.has_hub(mine) and roles.may(Role.READER, mine):
        found.setdefault(mine, None)
    return list(found.items())


def panels(request: HttpRequest) -> list[SafeString]:
    """For the admin's first page."""
    return [
        render_to_string("admin/syncing/hub_panel.html", about(organization_id, link))
        for organization_id, link in links_of(tenancy(request))
        if journal.has_hub(organization_id)
    ]


class LinkAdmin(ReadOnlyAdmin):
    """One page instead of a list: an instance has one hub."""

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The hub's panel, with all that is known of it."""
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Hub",
            "hubs": [about(*each) for each in links_of(tenancy(request))],
        }
        return TemplateResponse(request, "admin/syncing/hub.html", context)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:syncing_link_changelist"))
