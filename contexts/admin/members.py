"""Who belongs to an organization and in which role, and the instance's users."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.contrib.auth import get_user_model
from django.contrib.auth.admin import UserAdmin as StockUserAdmin
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from contexts.admin import addresses
from contexts.admin.filters import OrganizationFilter
from contexts.admin.tenancy import TenantAdmin, tenancy
from contexts.levels import GLOBAL
from contexts.models import GlobalContext, Membership, Role

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    ModelForm = forms.ModelForm[Membership]
    FormSet = forms.BaseInlineFormSet[Membership, GlobalContext, "MembershipForm"]
    Inline = admin.TabularInline[Any, Any]
    UserAdminBase = StockUserAdmin[User]
else:
    ModelForm, FormSet = forms.ModelForm, forms.BaseInlineFormSet
    Inline, UserAdminBase = admin.TabularInline, StockUserAdmin


class MembershipForm(ModelForm):
    """A member by user name: whoever manages one organization need not see all users."""

    username = forms.CharField(max_length=150, label="User")

    class Meta:
        model = Membership
        fields = ["role"]

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        if self.instance.pk:
            self.fields["username"].disabled = True
            self.fields["username"].initial = self.instance.user.get_username()
        self.fields["username"].widget.attrs["placeholder"] = "user name"

    def clean_username(self) -> str:
        username: str = self.cleaned_data["username"]
        if self.instance.pk:
            return username
        user = get_user_model()._default_manager.filter(username=username).first()
        if user is None:
            raise forms.ValidationError("There is no user of that name.")
        if (
            self.instance.organization.pk
            and Membership.objects.filter(
                user=user, organization=self.instance.organization
            ).exists()
        ):
            raise forms.ValidationError("A member already: change the role in its row.")
        self.instance.user = user
        return username


class MembershipFormSet(FormSet):
    def clean(self) -> None:
        super().clean()
        names = [form.cleaned_data.get("username") for form in self.forms if form.has_changed()]
        if len(names) != len(set(names)):
            raise forms.ValidationError("The same user stands here twice.")


Members = forms.inlineformset_factory(
    GlobalContext,
    Membership,
    form=MembershipForm,
    formset=MembershipFormSet,
    fk_name="organization",
    extra=1,
)


def panel(request: HttpRequest, row: Any) -> dict[str, Any] | None:
    """The members of an organization as a form; None unless the human is admin of it."""
    if not tenancy(request).may(Role.ADMIN, row.organization_id):
        return None
    members = Membership.objects.select_related("user").order_by("user__username")
    posted = request.POST if "memberships-TOTAL_FORMS" in request.POST else None
    return {
        "formset": Members(posted, instance=row, queryset=members, prefix="memberships"),
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
        found = panel(request, row) if row is not None else None
        if row is None or found is None:
            raise Http404
        if request.method == "POST" and found["formset"].is_valid():
            with transaction.atomic():
                found["formset"].save()
            messages.success(request, f"The members of {organization_id} are saved.")
            return HttpResponseRedirect(addresses.page(GLOBAL, "change", row.pk) + "#members")
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"Members of {organization_id}",
            "members": found,
        }
        return TemplateResponse(request, "admin/contexts/members.html", context)

    @admin.display(description="organization", ordering="organization_id")
    def organization_shown(self, row: Membership) -> str:
        return row.organization_id

    @admin.display(description="signs in here", boolean=True)
    def signs_in(self, row: Membership) -> bool:
        return bool(row.user.is_active and row.user.is_staff)


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


class UserAdmin(SuperuserOnly, UserAdminBase):
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
