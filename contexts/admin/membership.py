"""The form of an organization's members, what it refuses, and the log of what it changed."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.http import HttpRequest

from contexts.admin.tenancy import Tenancy
from contexts.models import GlobalContext, Membership, Role, owned

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    ModelForm = forms.ModelForm[Membership]
    FormSet = forms.BaseInlineFormSet[Membership, GlobalContext, "MembershipForm"]
else:
    ModelForm, FormSet = forms.ModelForm, forms.BaseInlineFormSet

UNKNOWN = "There is no user of that name."
# The same words for a name that nobody has: who manages one organization learns of no other.
NOT_ADDABLE = (
    "You cannot add that name. You can add members of other organizations that you are admin of; "
    "an administrator of this instance adds everyone else."
)
LAST_ADMIN = (
    "An organization needs an admin who can sign in: make someone else admin before you leave, "
    "or ask an administrator of this instance."
)


def addable(roles: Tenancy) -> "QuerySet[User]":
    """The users whom a human may make members: for tenants those whom they see already."""
    users = get_user_model()._default_manager.all()
    if roles.everywhere:
        return users
    seen = roles.limited(Membership.objects.all(), Role.ADMIN)
    return users.filter(pk__in=seen.values("user"))


class MembershipForm(ModelForm):
    """A member by user name, chosen by the human with `roles`."""

    username = forms.CharField(max_length=150, label="User")

    class Meta:
        model = Membership
        fields = ["role"]

    def __init__(self, *arguments: Any, roles: Tenancy, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.roles = roles
        if self.instance.pk:
            self.fields["username"].disabled = True
            self.fields["username"].initial = self.instance.user.get_username()
        self.fields["username"].widget.attrs["placeholder"] = "user name"

    def clean_username(self) -> str:
        username: str = self.cleaned_data["username"]
        if self.instance.pk:
            return username
        user = addable(self.roles).filter(username=username).first()
        if user is None:
            raise forms.ValidationError(UNKNOWN if self.roles.everywhere else NOT_ADDABLE)
        if Membership.objects.filter(user=user, organization=self.instance.organization).exists():
            raise forms.ValidationError("A member already: change the role in its row.")
        self.instance.user = user
        return username


class MembershipFormSet(FormSet):
    def clean(self) -> None:
        super().clean()
        # Also beside mistakes: Django passes over those in the rows that are to be removed.
        names = [name for form in self.forms if (name := form.cleaned_data.get("username"))]
        if len(names) != len(set(names)):
            raise forms.ValidationError("The same user stands here twice.")
        if not (self.form_kwargs["roles"].everywhere or self._keeps_an_admin()):
            raise forms.ValidationError(LAST_ADMIN)

    def _keeps_an_admin(self) -> bool:
        """Whether someone who can sign in would be admin; not all members need be posted."""
        for form in self.forms:
            row = form.cleaned_data
            if row.get("username") and row.get("role") == Role.ADMIN and not row.get("DELETE"):
                user = form.instance.user
                if user.is_active and user.is_staff:
                    return True
        posted = [form.instance.pk for form in self.initial_forms]
        others = owned(self.instance.context_id, Membership, role=Role.ADMIN)
        able = others.filter(user__is_active=True, user__is_staff=True)
        return able.exclude(pk__in=posted).exists()


Members = forms.inlineformset_factory(
    GlobalContext,
    Membership,
    form=MembershipForm,
    formset=MembershipFormSet,
    fk_name="organization",
    extra=1,
)


def save(request: HttpRequest, formset: Any) -> None:
    """Saves a valid formset of memberships, with a row in Django's log for each change.

    Wants to be called in a transaction.
    """
    for form in formset.initial_forms:
        if form.instance.pk is None:
            continue
        was = form.initial
        if form in formset.deleted_forms:
            log_removal(request, form.instance, was["organization"], was["role"])
        elif form.has_changed():
            told = f"Changed {form.instance.user} from {was['role']} in {was['organization']} to"
            _log(request, form.instance, CHANGE, f"{told} {_role(form.instance)}.")
    formset.save()
    for member in formset.new_objects:
        _log(request, member, ADDITION, f"Made {member.user} {_role(member)}.")


def log_removal(request: HttpRequest, member: Membership, organization_id: str, role: str) -> None:
    """Logs, before it is done, that a member with that role is removed."""
    told = f"Removed {member.user}, who was {role} in {organization_id}."
    _log(request, member, DELETION, told)


def _role(member: Membership) -> str:
    return f"{member.role} in {member.organization_id}"


def _log(request: HttpRequest, member: Membership, action: int, message: str) -> None:
    user_id: Any = request.user.pk
    LogEntry.objects.log_actions(user_id, [member], action, message)
