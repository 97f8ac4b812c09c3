"""What a signed-in human may see and do in the admin: roles decide, not Django's permissions.

A superuser is admin of every organization; other staff have the roles of their memberships.
"""

from functools import cached_property
from typing import Any, TypeVar

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse

from contexts.access import Caller
from contexts.admin.guarding import GuardedAdmin
from contexts.errors import NotFound
from contexts.models import GlobalContext, Membership, Role

Row = TypeVar("Row", bound=Model)


class Tenancy:
    """The roles of one human, read once a request."""

    def __init__(self, request: HttpRequest) -> None:
        user = request.user
        staff = user.is_active and user.is_staff
        self.name: str = user.get_username()
        self.everywhere = staff and user.is_superuser
        self.roles: dict[str, Role] = {}
        if staff and not self.everywhere:
            rows = Membership.objects.filter(user=user.pk)
            self.roles = {row.organization_id: Role(row.role) for row in rows}

    def may(self, role: Role, organization_id: str | None = None) -> bool:
        """Whether this human has at least `role` there, or for None anywhere."""
        if self.everywhere:
            return True
        if organization_id is None:
            return any(self.caller(each).may(role) for each in self.roles)
        return organization_id in self.roles and self.caller(organization_id).may(role)

    @cached_property
    def several(self) -> bool:
        """Whether this human sees more than one organization."""
        if not self.everywhere:
            return len(self.roles) > 1
        return len(GlobalContext.objects.order_by().values_list("pk")[:2]) > 1

    def caller(self, organization_id: str) -> Caller:
        """The author of what this human does there. Raises `NotFound` for a stranger."""
        role = Role.ADMIN if self.everywhere else self.roles.get(organization_id)
        if role is None:
            raise NotFound
        return Caller(
            organization_id, self.name, role, is_agent=False, is_instance_admin=self.everywhere
        )

    def limited(
        self, rows: QuerySet[Row], role: Role = Role.READER, path: str = "organization_id"
    ) -> QuerySet[Row]:
        """The rows of organizations where this human has at least `role`."""
        if self.everywhere:
            return rows
        allowed = [each for each in self.roles if self.may(role, each)]
        return rows.filter(**{f"{path}__in": allowed})


def tenancy(request: HttpRequest) -> Tenancy:
    """The roles of the request's user; a page asks for them dozens of times."""
    found = vars(request).get("contextsys_tenancy")
    if not isinstance(found, Tenancy):
        found = vars(request)["contextsys_tenancy"] = Tenancy(request)
    return found


class TenantAdmin(GuardedAdmin):
    """An admin whose rows belong to an organization (`organization_id`).

    The four roles say who may do what there; None is nobody.
    """

    view_role: Role | None = Role.READER
    add_role: Role | None = None
    change_role: Role | None = None
    delete_role: Role | None = None
    show_full_result_count = False
    # Facets count every choice of every filter on each page.
    show_facets = admin.ShowFacets.NEVER
    list_title = ""
    list_per_page = 50

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        return tenancy(request).limited(rows, self.view_role) if self.view_role else rows.none()

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        columns = list(super().get_list_display(request))
        if "organization_shown" in columns and not tenancy(request).several:
            columns.remove("organization_shown")
        return columns

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        # Django's "Select … to change" says nothing that the page does not show.
        title = self.list_title or str(self.opts.verbose_name_plural).capitalize()
        return super().changelist_view(request, {"title": title, **(extra_context or {})})

    def _may(self, request: HttpRequest, role: Role | None, row: Any) -> bool:
        if role is None:
            return False
        return tenancy(request).may(role, None if row is None else row.organization_id)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self._may(request, self.view_role, None)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, self.view_role, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self._may(request, self.add_role, None)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, self.change_role, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, self.delete_role, obj)
