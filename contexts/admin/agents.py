"""Agents and their keys: made and rotated (a key is shown once), revoked, given a role."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from contexts import agents
from contexts.admin import addresses, rendering
from contexts.admin.filters import AgentStateFilter, OrganizationFilter
from contexts.admin.tenancy import TenantAdmin, tenancy
from contexts.errors import ContextError
from contexts.models import Agent, GlobalContext, Role


class AgentForm(forms.Form):
    """A new agent; `request` limits its organization to those the human is admin of."""

    agent_id = forms.CharField(
        max_length=agents.LONGEST_AGENT_ID,
        label="Id",
        help_text="A name that tells who works: a letter or digit, then letters, digits and "
        ". _ : @ -",
    )
    organization = forms.ModelChoiceField(
        GlobalContext.objects.none(),
        to_field_name="context_id",
        help_text="It cannot be changed later.",
    )
    role = forms.ChoiceField(
        choices=Role.choices,
        initial=Role.WRITER,
        help_text="Reader: reads. Writer: also writes, delegates and syncs. "
        "Admin: also decides delegations, deletes projects and sees agents.",
    )

    def __init__(self, request: HttpRequest) -> None:
        data = request.POST if request.method == "POST" else None
        super().__init__(data, label_suffix="")
        rows = (
            tenancy(request)
            .limited(GlobalContext.objects.order_by("context_id"), Role.ADMIN)
            .only("row_id", "context_id")
        )
        field: Any = self.fields["organization"]
        field.queryset = rows
        if (chosen := rows[:2]) and len(chosen) == 1:
            field.initial = chosen[0].context_id


class AgentAdmin(TenantAdmin):
    """Keys are shown in the answer that makes them and stored nowhere but as a hash."""

    view_role = add_role = change_role = Role.ADMIN
    list_display = [
        "id_shown",
        "organization_shown",
        "role",
        "key_state",
        "created_shown",
        "issued",
    ]
    list_filter = [OrganizationFilter, "role", AgentStateFilter]
    search_fields = ["agent_id"]
    ordering = ["organization_id", "agent_id"]
    fields = ["role", "organization_shown", "key_state", "created_at", "rotated_at", "revoked_at"]
    readonly_fields = ["organization_shown", "key_state", "created_at", "rotated_at", "revoked_at"]

    def get_urls(self) -> list[URLPattern]:
        pages = [("rotate", self.rotate_view), ("revoke", self.revoke_view)]
        own = [
            path(
                f"<int:key>/{name}/",
                self.admin_site.admin_view(view),
                name=f"contexts_agent_{name}",
            )
            for name, view in pages
        ]
        return [*own, *super().get_urls()]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        # Only the role: a revocation meanwhile must not be undone.
        obj.save(update_fields=["role"])

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        more: dict[str, Any] = {}
        if row is not None:
            more = {
                "title": f"Agent {row.agent_id}",
                "subtitle": None,
                "show_save_and_add_another": False,
                "changes_url": addresses.listed("change", q=row.agent_id),
            }
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **more})

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The form for a new agent; a POST makes it and answers with its key."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = AgentForm(request)
        if request.method == "POST" and form.is_valid():
            chosen = form.cleaned_data
            organization_id = chosen["organization"].context_id
            try:
                key = agents.issue_key(
                    chosen["agent_id"], organization_id, Role(chosen["role"]), only_new=True
                )
            except ContextError as error:
                form.add_error("agent_id", error.sentence)
            else:
                row = Agent.objects.get(agent_id=chosen["agent_id"])
                self.log_addition(request, row, "Made the agent and its key.")
                return self._key_page(request, row, key)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Add agent",
            "form": form,
            "errors": form.errors,
        }
        return TemplateResponse(request, "admin/contexts/agent_add.html", context)

    def rotate_view(self, request: HttpRequest, key: int) -> HttpResponse:
        """Asks; a POST gives the agent a new key and answers with it."""
        if request.method == "POST":
            return self._rotate(request, key)
        row = self._row(request, key)
        seen = row.rotated_at.isoformat()
        return self._question(request, row, "Rotate the key of", "agent_rotate.html", seen)

    @transaction.atomic
    def _rotate(self, request: HttpRequest, key: int) -> HttpResponse:
        row = self._row(request, key, lock=True)
        # The page reloaded would send the form again: that must not end the key just shown.
        if request.POST.get("seen") != row.rotated_at.isoformat():
            messages.warning(request, "The key was rotated meanwhile, so nothing was done.")
            return self._to(row)
        new_key = agents.issue_key(row.agent_id, row.organization_id)
        row.refresh_from_db()
        self.log_change(request, row, "Rotated the key.")
        return self._key_page(request, row, new_key)

    def revoke_view(self, request: HttpRequest, key: int) -> HttpResponse:
        """Asks; a POST ends the agent's key."""
        row = self._row(request, key)
        if request.method == "POST":
            agents.revoke(row.agent_id)
            self.log_change(request, row, "Revoked the key.")
            messages.success(request, f"The key of {row.agent_id} is revoked.")
            return self._to(row)
        return self._question(request, row, "Revoke the key of", "agent_revoke.html")

    def _row(self, request: HttpRequest, key: int, *, lock: bool = False) -> Agent:
        rows = self.get_queryset(request).filter(pk=key)
        row: Agent | None = (rows.select_for_update() if lock else rows).first()
        if row is None:
            raise Http404
        return row

    def _to(self, row: Agent) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:contexts_agent_change", args=[row.pk]))

    def _question(
        self, request: HttpRequest, row: Agent, question: str, template: str, seen: str = ""
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"{question} {row.agent_id}?",
            "row": row,
            "seen": seen,
        }
        return TemplateResponse(request, f"admin/contexts/{template}", context)

    def _key_page(self, request: HttpRequest, row: Agent, key: str) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"The key of {row.agent_id}",
            "row": row,
            "key": key,
        }
        return TemplateResponse(request, "admin/contexts/agent_key.html", context)

    @admin.display(description="id", ordering="agent_id")
    def id_shown(self, row: Agent) -> SafeString:
        return format_html('<span class="context-id">{}</span>', row.agent_id)

    @admin.display(description="organization", ordering="organization_id")
    def organization_shown(self, row: Agent) -> str:
        return row.organization_id

    @admin.display(description="key")
    def key_state(self, row: Agent) -> SafeString:
        state = rendering.badge("revoked" if row.revoked_at else "active")
        return format_html(
            '<span class="key-state"><code class="key-hint">{}…</code> {}</span>',
            row.key_hint,
            state,
        )

    @admin.display(description="made", ordering="created_at")
    def created_shown(self, row: Agent) -> SafeString:
        return rendering.when(row.created_at)

    @admin.display(description="key issued", ordering="rotated_at")
    def issued(self, row: Agent) -> SafeString:
        return rendering.when(row.rotated_at)
