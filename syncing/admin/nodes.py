"""The nodes that sync with this instance as their hub, and how far each has read."""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from contexts.admin import rendering
from contexts.admin.filters import OrganizationFilter, TimeFilter
from contexts.admin.lists import ReadOnlyAdmin
from contexts.admin.log import NOTHING
from contexts.models import Feed
from syncing.models import Peer

# A node's standing pull comes back every few seconds.
NEAR = timedelta(seconds=30)


class PeerAdmin(ReadOnlyAdmin):
    """To look only: nodes come by themselves."""

    list_title = "Nodes"
    list_display = [
        "node_shown",
        "state_shown",
        "seen_shown",
        "read_shown",
        "agent",
        "organization_shown",
    ]
    list_filter = [OrganizationFilter, ("seen_at", TimeFilter)]
    search_fields = ["node", "agent"]
    search_help_text = "By node or the agent whose key it uses."
    ordering = ["-seen_at", "-pk"]
    readonly_fields = [
        "state_shown",
        "organization_shown",
        "agent",
        "seen_at",
        "read_shown",
        "incarnation_shown",
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        feed = Feed.objects.filter(organization=OuterRef("organization_id"))
        peers = super().get_queryset(request)
        found: QuerySet[Any] = peers.annotate(head=Subquery(feed.values("head")))
        return found

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        title = {"title": f"Node {row.node}"} if row is not None else {}
        return super().change_view(request, object_id, form_url, {**title, **(extra_context or {})})

    @admin.display(description="node", ordering="node")
    def node_shown(self, row: Peer) -> SafeString:
        url = reverse("admin:syncing_peer_change", args=[row.pk])
        return format_html('<a class="context-id" href="{}">{}</a>', url, row.node)

    @admin.display(description="state")
    def state_shown(self, row: Peer) -> SafeString:
        near = abs(timezone.now() - row.seen_at) < NEAR
        return rendering.badge("connected", "active") if near else rendering.badge("away")

    @admin.display(description="last seen", ordering="seen_at")
    def seen_shown(self, row: Peer) -> SafeString:
        return rendering.when(row.seen_at)

    @admin.display(description="has read", ordering="cursor")
    def read_shown(self, row: Any) -> str:
        behind = (row.head or 0) - row.cursor
        told = f"{behind} behind" if behind > 0 else "all"
        return f"{row.cursor} of {row.head or 0} changes ({told})"

    @admin.display(description="started as")
    def incarnation_shown(self, row: Peer) -> str:
        return row.incarnation or NOTHING

    @admin.display(description="organization", ordering="organization_id")
    def organization_shown(self, row: Peer) -> str:
        return row.organization_id
