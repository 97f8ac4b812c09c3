"""What agents hand upwards, and the decision about it."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Case, QuerySet, Value, When
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from contexts import delegations, merging
from contexts.admin import addresses, diffs, rendering
from contexts.admin.filters import (
    DelegationStatusFilter,
    LevelFilter,
    OrganizationFilter,
    TimeFilter,
)
from contexts.admin.lists import ReadOnlyAdmin
from contexts.admin.tenancy import tenancy
from contexts.errors import AlreadyDecided, ContextError, NotFound
from contexts.levels import LEVELS
from contexts.models import Delegation, Role

Status = Delegation.Status


class DelegationAdmin(ReadOnlyAdmin):
    """The list, pending first, and one delegation beside what it would change."""

    heavy = ["data"]
    list_display = [
        "created_shown",
        "status_shown",
        "source_shown",
        "target_shown",
        "reason_shown",
        "requested_by",
        "organization_shown",
    ]
    list_filter = [
        DelegationStatusFilter,
        OrganizationFilter,
        LevelFilter,
        ("created_at", TimeFilter),
    ]
    search_fields = ["requested_by", "context_id", "target_id", "reason"]
    search_help_text = "By agent, context or reason."
    ordering = [Case(When(status=Status.PENDING, then=Value(0)), default=Value(1)).asc(), "-pk"]
    actions = ["approve_chosen", "reject_chosen"]

    def has_decide_permission(self, request: HttpRequest) -> bool:
        """Whether the human is an admin anywhere; each decision asks for its organization."""
        return tenancy(request).may(Role.ADMIN)

    def get_urls(self) -> list[URLPattern]:
        decide = self.admin_site.admin_view(self.decide_view)
        own = path("<int:key>/decide/", decide, name="contexts_delegation_decide")
        return [own, *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """One delegation; what it would change while it is pending."""
        row = self.get_object(request, object_id)
        if row is None:
            raise Http404
        level = LEVELS[row.target_level]
        found = level.rows(row.organization_id, context_id=row.target_id)
        target: Any = found.first()
        pending = row.status == Status.PENDING
        diff = None
        if pending and target is not None:
            diff = diffs.between(target.data, merging.deep_merge(target.data, row.data))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"Delegation to {row.target_level} {row.target_id}",
            "row": row,
            "pending": pending,
            "asked": rendering.when(row.created_at),
            "decided": rendering.when(row.decided_at),
            "may_decide": tenancy(request).may(Role.ADMIN, row.organization_id),
            "diff": diff,
            "delegated": rendering.document(row.data),
            "target": rendering.document(target.data) if target is not None else None,
            "source_url": addresses.context(row.level, row.organization_id, row.context_id),
            "target_url": addresses.context(row.target_level, row.organization_id, row.target_id),
        }
        return TemplateResponse(request, "admin/contexts/delegation.html", context)

    def decide_view(self, request: HttpRequest, key: int) -> HttpResponse:
        """A POST with `decision` approved or rejected."""
        row = self.get_queryset(request).filter(pk=key).first()
        decision = request.POST.get("decision")
        if row is None or decision not in (Status.APPROVED, Status.REJECTED):
            raise Http404
        if refusal := self._decide(request, row, Status(decision)):
            messages.error(request, refusal)
        else:
            messages.success(request, f"The delegation is {decision}.")
        return HttpResponseRedirect(reverse("admin:contexts_delegation_change", args=[key]))

    def _decide(self, request: HttpRequest, row: Delegation, status: Delegation.Status) -> str:
        """Decides; returns why not, or ""."""
        if not tenancy(request).may(Role.ADMIN, row.organization_id):
            raise PermissionDenied
        caller = tenancy(request).caller(row.organization_id)
        try:
            delegations.decide(caller, row.delegation_id, status)
        except AlreadyDecided:
            row.refresh_from_db()
            return f"It was decided before: {row.decided_by} {row.status} it."
        except NotFound:
            return f"The {row.target_level} {row.target_id} is not there any more."
        except ContextError as error:
            return error.sentence
        return ""

    @admin.action(description="Approve the chosen ones", permissions=["decide"])
    def approve_chosen(self, request: HttpRequest, queryset: QuerySet[Delegation]) -> None:
        self._decide_chosen(request, queryset, Status.APPROVED)

    @admin.action(description="Reject the chosen ones", permissions=["decide"])
    def reject_chosen(self, request: HttpRequest, queryset: QuerySet[Delegation]) -> None:
        self._decide_chosen(request, queryset, Status.REJECTED)

    def _decide_chosen(
        self, request: HttpRequest, queryset: QuerySet[Delegation], status: Delegation.Status
    ) -> None:
        rows = list(queryset.order_by("pk"))
        if not all(tenancy(request).may(Role.ADMIN, row.organization_id) for row in rows):
            raise PermissionDenied
        refusals = [refusal for row in rows if (refusal := self._decide(request, row, status))]
        for refusal in refusals[:5]:
            messages.error(request, refusal)
        if decided := len(rows) - len(refusals):
            messages.success(request, f"{status.label}: {decided} of {len(rows)}.")

    @admin.display(description="at", ordering="created_at")
    def created_shown(self, row: Delegation) -> SafeString:
        url = reverse("admin:contexts_delegation_change", args=[row.pk])
        return format_html('<a class="when" href="{}">{}</a>', url, rendering.when(row.created_at))

    @admin.display(description="status", ordering="status")
    def status_shown(self, row: Delegation) -> SafeString:
        if not row.decided_by:
            return rendering.badge(row.status)
        return format_html("{} by {}", rendering.badge(row.status), row.decided_by)

    @admin.display(description="from")
    def source_shown(self, row: Delegation) -> SafeString:
        return format_html("{} {}", rendering.level_badge(row.level), row.context_id)

    @admin.display(description="to")
    def target_shown(self, row: Delegation) -> SafeString:
        return format_html("{} {}", rendering.level_badge(row.target_level), row.target_id)

    @admin.display(description="reason")
    def reason_shown(self, row: Delegation) -> str:
        return Truncator(row.reason).chars(90)

    @admin.display(description="organization", ordering="organization_id")
    def organization_shown(self, row: Delegation) -> str:
        return row.organization_id
