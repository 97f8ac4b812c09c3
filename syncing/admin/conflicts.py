"""Conflicts: both edits beside what they began from, and one click to settle."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Case, Value, When
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from contexts.admin import addresses, rendering
from contexts.admin.filters import ChoiceFilter, LevelFilter, OrganizationFilter, TimeFilter
from contexts.admin.forms import JSONText
from contexts.admin.lists import ReadOnlyAdmin
from contexts.admin.log import context_link
from contexts.admin.tenancy import tenancy
from contexts.errors import AlreadyDecided, ContextError, RevisionMismatch
from contexts.levels import DATA, LEVELS, Document
from contexts.models import Context, Role, owned
from syncing import settling
from syncing.admin import choices, sides
from syncing.conflicts import Strategy
from syncing.models import Conflict

Status = Conflict.Status
STRATEGIES = {each.value: each for each in Strategy}
MOST_PATHS = 100
MOST_PATHS_LISTED = 2


class StatusFilter(ChoiceFilter):
    title = parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(Status.OPEN.value, "Open"), (Status.RESOLVED.value, "Settled")]


class DataForm(forms.Form):
    """Data of the human's own; `shown` is what they begin from."""

    def __init__(self, shown: Document, posted: QueryDict | None = None) -> None:
        super().__init__(posted, initial={"data": rendering.pretty(shown)}, label_suffix="")
        # `data` is an attribute of every form.
        self.fields["data"] = JSONText(DATA, label="Data")

    def clean(self) -> None:
        if not self.data.get("data", "").strip():
            self.add_error("data", "Write what the data is to be; {} for none.")


class ConflictAdmin(ReadOnlyAdmin):
    """The list, open ones first, and one conflict with its three documents."""

    linked_by = ("context_id",)
    heavy = ["base", "ours", "theirs"]
    list_display = [
        "at_shown",
        "status_shown",
        "context_shown",
        "paths_shown",
        "theirs_shown",
        "organization_shown",
    ]
    list_filter = [StatusFilter, OrganizationFilter, LevelFilter, ("at", TimeFilter)]
    search_fields = ["conflict_id", "context_id", "actor", "resolved_by"]
    search_help_text = "By id, context, or who edited or settled."
    ordering = [Case(When(status=Status.OPEN, then=Value(0)), default=Value(1)).asc(), "-pk"]

    def get_urls(self) -> list[URLPattern]:
        settle = self.admin_site.admin_view(self.settle_view)
        own = path("<int:key>/settle/", settle, name="syncing_conflict_settle")
        return [own, *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """One conflict."""
        row = self.get_object(request, object_id)
        if row is None:
            raise Http404
        return self._page(request, row)

    def settle_view(self, request: HttpRequest, key: int) -> HttpResponse:
        """A POST with a `strategy`, or with `data` of the human's own, settles the conflict.

        `revision` is what they saw of the context.
        """
        row = self.get_queryset(request).filter(pk=key).first()
        if row is None:
            raise Http404
        here = reverse("admin:syncing_conflict_change", args=[key])
        if request.method != "POST":
            return HttpResponseRedirect(here)
        if not tenancy(request).may(Role.WRITER, row.organization_id):
            raise PermissionDenied
        form, strategy, data = None, STRATEGIES.get(request.POST.get("strategy", "")), None
        if "strategy" not in request.POST:
            form = DataForm({}, request.POST)
            if not form.is_valid():
                return self._page(request, row, form)
            data = form.cleaned_data["data"]
        elif strategy is None:
            raise Http404
        seen = request.POST.get("revision", "")
        try:
            settling.resolve(
                tenancy(request).caller(row.organization_id),
                row.conflict_id,
                strategy,
                data,
                lambda revision: revision == seen,
            )
        except ContextError as error:
            row.refresh_from_db()
            return self._page(request, row, form, refusal=_refusal(row, error), status=409)
        row.refresh_from_db()
        messages.success(request, f"Settled {row.level} {row.context_id}: {choices.title_of(row)}.")
        return HttpResponseRedirect(here)

    def _page(
        self,
        request: HttpRequest,
        row: Conflict,
        form: DataForm | None = None,
        refusal: str = "",
        status: int = 200,
    ) -> HttpResponse:
        level = LEVELS[row.level]
        found = level.rows(row.organization_id, context_id=row.context_id)
        now: Context | None = found.first()
        current = level.values(now) if now is not None else None
        open_ones = owned(row.organization_id, Conflict, status=Status.OPEN).exclude(pk=row.pk)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"Conflict over {row.level} {row.context_id}",
            "row": row,
            "open": row.status == Status.OPEN,
            "refusal": refusal,
            "told": choices.told(row),
            "arose": rendering.when(row.at),
            "settled": rendering.when(row.resolved_at),
            "settled_how": choices.title_of(row),
            "now": now,
            "context_url": addresses.context(row.level, row.organization_id, row.context_id),
            "paths": self._paths(row),
            "more_paths": max(0, len(row.paths) - MOST_PATHS),
            "documents": [(side, getattr(row, side)) for side in sides.SIDES],
            "beside": sides.beside(row.base, row.ours, row.theirs, row.paths),
            "may_settle": tenancy(request).may(Role.WRITER, row.organization_id),
            "form": form,
            "errors": form.errors if form is not None else {},
            "next_one": open_ones.order_by("-pk").values_list("pk", flat=True).first(),
            "open_count": open_ones.count(),
        }
        if context["open"]:
            begin = next((each for each in (current, row.ours, row.theirs) if each is not None), {})
            context["form"] = form or DataForm(begin.get("data", {}))
            context["choices"] = choices.choices(row, current)
        return TemplateResponse(request, "admin/syncing/conflict.html", context, status=status)

    def _paths(self, row: Conflict) -> list[tuple[str, str, str]]:
        """The paths in dispute, each with the anchor of its row, or with what is to be said."""
        level, shown = LEVELS[row.level], row.paths[:MOST_PATHS]
        anchors = sides.anchors(shown)
        parent = f"/{level.parent_field}"
        noted = {parent: "stays where the hub has it", "": "the whole context"}
        return [
            (each, "" if each == parent else anchors[each], noted.get(each, "")) for each in shown
        ]

    @admin.display(description="arose", ordering="at")
    def at_shown(self, row: Conflict) -> SafeString:
        url = reverse("admin:syncing_conflict_change", args=[row.pk])
        return format_html('<a class="when" href="{}">{}</a>', url, rendering.when(row.at))

    @admin.display(description="status", ordering="status")
    def status_shown(self, row: Conflict) -> SafeString:
        if row.status == Status.OPEN:
            return rendering.badge("open", "pending")
        badge = rendering.badge("settled", "approved")
        return format_html("{} by {}: {}", badge, row.resolved_by, choices.title_of(row))

    @admin.display(description="context", ordering="context_id")
    def context_shown(self, row: Conflict) -> SafeString:
        return context_link(row.level, row.organization_id, row.context_id)

    @admin.display(description="in dispute")
    def paths_shown(self, row: Conflict) -> SafeString:
        shown = [Truncator(each or "the whole context").chars(60) for each in row.paths]
        named = ((each,) for each in shown[:MOST_PATHS_LISTED])
        listed = format_html_join(" ", "<code>{}</code>", named)
        more = len(shown) - MOST_PATHS_LISTED
        return format_html("{} and {} more", listed, more) if more > 0 else listed

    @admin.display(description="theirs by", ordering="actor")
    def theirs_shown(self, row: Conflict) -> SafeString:
        return format_html('<span class="when">{}</span>', row.actor)

    @admin.display(description="organization", ordering="organization_id")
    def organization_shown(self, row: Conflict) -> str:
        return row.organization_id


def _refusal(row: Conflict, error: ContextError) -> str:
    """Why nothing was done, for the human who clicked."""
    if row.status != Status.OPEN:
        how = choices.title_of(row)
        return f"{row.resolved_by} settled it meanwhile ({how}): nothing was done."
    if isinstance(error, AlreadyDecided):
        return "It was settled meanwhile: nothing was done."
    if isinstance(error, RevisionMismatch):
        return (
            "The context was changed meanwhile, so nothing was done: below is what each choice "
            "would make of it now."
        )
    return f"Nothing was done. {error.sentence}"
