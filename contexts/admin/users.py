"""The instance's users with their memberships, for its own administrators."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.contrib.auth.admin import UserAdmin as StockUserAdmin
from django.http import HttpRequest

from contexts.admin import membership
from contexts.admin.guarding import GuardedAdmin
from contexts.admin.tenancy import tenancy
from contexts.models import Membership

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    Inline = admin.TabularInline[Any, Any]
    UserAdminBase = StockUserAdmin[User]
else:
    Inline, UserAdminBase = admin.TabularInline, StockUserAdmin


class SuperuserOnly:
    """For the instance's own administrators."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return tenancy(request).everywhere

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return tenancy(request).everywhere

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return tenancy(request).everywhere

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return tenancy(request).everywhere

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return tenancy(request).everywhere


class MembershipInline(SuperuserOnly, Inline):
    model = Membership
    fields = ["organization", "role"]
    extra = 0

    def formfield_for_dbfield(self, *arguments: Any, **options: Any) -> Any:
        field: Any = super().formfield_for_dbfield(*arguments, **options)
        if isinstance(field.widget, RelatedFieldWidgetWrapper):
            # A plain choice: our own pages are no pop-ups.
            field.widget = field.widget.widget
        return field


class UserAdmin(SuperuserOnly, GuardedAdmin, UserAdminBase):
    """Users with their memberships. Permissions and groups have no say here, roles do."""

    list_display = ["username", "email", "is_active", "is_staff", "is_superuser", "last_login"]
    list_filter = ["is_staff", "is_superuser", "is_active"]
    filter_horizontal = []
    inlines = [MembershipInline]
    fieldsets = [
        (None, {"fields": ["username", "password"]}),
        ("Person", {"fields": ["first_name", "last_name", "email"]}),
        ("Sign-in", {"fields": ["is_active", "is_staff", "is_superuser"]}),
        ("Dates", {"fields": ["last_login", "date_joined"], "classes": ["collapse"]}),
    ]
    readonly_fields = ["last_login", "date_joined"]

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Saves the memberships, each change with its row in the log."""
        membership.save(request, formset)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What goes with a user. Memberships may, though nobody deletes one on its own."""
        found, counts, refused, protected = super().get_deleted_objects(objs, request)
        refused.discard(Membership._meta.verbose_name)
        return found, counts, refused, protected

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Deletes a user; the log tells of the memberships that go with it."""
        for member in obj.memberships.all():
            membership.log_removal(request, member, member.organization_id, member.role)
        super().delete_model(request, obj)
