"""Who belongs to an organization and in which role."""

from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from contexts.admin import addresses, membership
from contexts.admin.filters import OrganizationFilter
from contexts.admin.tenancy import TenantAdmin, tenancy
from contexts.levels import GLOBAL
from contexts.models import GlobalContext, Membership, Role, owned


def panel(request: HttpRequest, row: Any) -> dict[str, Any] | None:
    """The members of an organization as a form; None unless the human is admin of it."""
    roles = tenancy(request)
    if not roles.may(Role.ADMIN, row.organization_id):
        return None
    members = Membership.objects.select_related("user").order_by("user__username")
    posted = request.POST if "memberships-TOTAL_FORMS" in request.POST else None
    formset = membership.Members(
        posted, instance=row, queryset=members, prefix="memberships", form_kwargs={"roles": roles}
    )
    others = membership.addable(roles).exclude(memberships__organization=row)
    may_add = roles.everywhere or others.exists()
    # No row to fill in where nobody can be added.
    formset.extra = int(may_add)
    return {
        "formset": formset,
        "may_add": may_add,
        "may_add_all": roles.everywhere,
        "url": reverse("admin:contexts_membership_of", args=[row.organization_id]),
    }


class MembershipAdmin(TenantAdmin):
    """All memberships to look at; they are edited on their organization's page."""

    view_role = Role.ADMIN
    list_title = "Members"
    list_display = ["user", "organization_shown", "role", "signs_in"]
    list_display_links = None
    list_filter = [OrganizationFilter, "role"]
    list_select_related = ["user"]
    search_fields = ["user__username"]
    ordering = ["organization_id", "user__username"]

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.members_view)
        own = path("of/<context_id:organization_id>/", view, name="contexts_membership_of")
        return [own, *super().get_urls()]

    def members_view(self, request: HttpRequest, organization_id: str) -> HttpResponse:
        """The members of an organization; a POST saves them."""
        rows = tenancy(request).limited(GlobalContext.objects.all(), Role.ADMIN)
        row = rows.filter(context_id=organization_id).first()
        if row is None:
            raise Http404
        if request.method == "POST":
            with transaction.atomic():
                # Of two admins who leave at once neither may count on the other.
                list(owned(organization_id, Membership).select_for_update().order_by("pk"))
                found = panel(request, row)
                saved = found is not None and found["formset"].is_valid()
                if found is not None and saved:
                    membership.save(request, found["formset"])
            if saved:
                messages.success(request, f"The members of {organization_id} are saved.")
                return HttpResponseRedirect(self._afterwards(request, row))
        else:
            found = panel(request, row)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"Members of {organization_id}",
            "members": found,
        }
        return TemplateResponse(request, "admin/contexts/members.html", context)

    def _afterwards(self, request: HttpRequest, row: GlobalContext) -> str:
        """The organization's page, or for those who have left it the first page."""
        stays = owned(row.context_id, Membership, user=request.user.pk).exists()
        if not (stays or tenancy(request).everywhere):
            return reverse("admin:index")
        return addresses.page(GLOBAL, "change", row.pk) + "#members"

    @admin.display(description="organization", ordering="organization_id")
    def organization_shown(self, row: Membership) -> str:
        return row.organization_id

    @admin.display(description="signs in here", boolean=True)
    def signs_in(self, row: Membership) -> bool:
        return bool(row.user.is_active and row.user.is_staff)
