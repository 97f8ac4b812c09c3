"""The journal: what waits for the hub, and what it refused, to be tried again."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Case, QuerySet, Value, When
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.timesince import timeuntil

from contexts.admin import addresses, diffs, rendering
from contexts.admin.filters import ChoiceFilter, LevelFilter, OrganizationFilter, TimeFilter
from contexts.admin.lists import ReadOnlyAdmin
from contexts.admin.log import NOTHING, context_link
from contexts.admin.tenancy import tenancy
from contexts.models import Role
from syncing import journal, tasks
from syncing.models import JournalEntry

State = JournalEntry.State
# The words for humans, and the colour of each.
WORDS = {
    State.DEAD: ("refused", "rejected"),
    State.PENDING: ("waits", "pending"),
    State.SENT: ("sent", "progress"),
    State.SETTLED: ("settled", "approved"),
}
# What there is to say of the hub's codes, and what can be done.
ADVICE = {
    "context_missing": "The hub does not have the context yet: this waits for what makes it.",
    "parent_missing": "The hub does not have its parent yet: this waits for what makes that.",
    "forbidden": "The agent whose key this node uses may not do that on the hub: an admin there "
    "can give it the role admin. Then try again.",
    "too_large": "The hub, or a proxy before it, takes no request of that size.",
    "document_too_large": "Its document is larger than the hub takes: raise "
    "CONTEXTSYS_MAX_DOCUMENT_BYTES there, then try again. A later, smaller version goes through "
    "by itself.",
    "mutation_reused": "The hub has another change under this id: a copy of this node's database "
    "may be in use elsewhere.",
    "id_taken": "Another organization of the hub has this id.",
}


class StateFilter(ChoiceFilter):
    title = parameter_name = "state"
    words = tuple(State.values)

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(state.value, word.capitalize()) for state, (word, _) in WORDS.items()]


class LaneLevelFilter(LevelFilter):
    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(lane__level=self.value()) if self.value() else queryset


class JournalAdmin(ReadOnlyAdmin):
    """Refused changes first, then those that wait, and one entry with what it changed."""

    linked_by = ("lane__context_id",)
    heavy = ["change__document", "change__record"]
    list_title = "Journal"
    list_select_related = ["lane", "change"]
    list_display = [
        "seq_shown",
        "state_shown",
        "context_shown",
        "why_shown",
        "next_shown",
        "made_shown",
        "organization_shown",
    ]
    list_filter = [StateFilter, OrganizationFilter, LaneLevelFilter, ("created_at", TimeFilter)]
    search_fields = ["lane__context_id", "code", "last_error"]
    search_help_text = "By context, code or error."
    ordering = [
        Case(
            *(When(state=state, then=Value(rank)) for rank, state in enumerate(WORDS)),
            default=Value(len(WORDS)),
        ).asc(),
        "seq",
        "pk",
    ]
    actions = ["retry_chosen"]

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """Whether the human is an admin anywhere; each retry asks for its organization."""
        return tenancy(request).may(Role.ADMIN)

    def get_urls(self) -> list[URLPattern]:
        retry = self.admin_site.admin_view(self.retry_view)
        own = path("<int:key>/retry/", retry, name="syncing_journalentry_retry")
        return [own, *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """One entry."""
        row = self.get_object(request, object_id)
        if row is None:
            return self._gone(request)
        change = row.change
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"Change {row.seq} of {row.lane.level} {row.lane.context_id}",
            "row": row,
            "state": self.state_shown(row),
            "dead": row.state == State.DEAD,
            "waits": row.state == State.PENDING,
            "advice": ADVICE.get(row.code or row.last_error, ""),
            "change": change,
            "made": rendering.when(change.at),
            "next": _next(row),
            "diff": diffs.of(change) if change.makes_version else None,
            "record": rendering.document(change.record) if change.record is not None else None,
            "change_url": reverse("admin:contexts_change_change", args=[change.pk]),
            "context_url": addresses.context(
                row.lane.level, row.organization_id, row.lane.context_id
            ),
            "may_retry": tenancy(request).may(Role.ADMIN, row.organization_id),
        }
        return TemplateResponse(request, "admin/syncing/journalentry.html", context)

    def _gone(self, request: HttpRequest) -> HttpResponse:
        """An entry leaves the journal as soon as the hub has it: that is no mistake."""
        messages.info(request, "It is not in the journal: what the hub has is taken out of it.")
        return HttpResponseRedirect(reverse("admin:syncing_journalentry_changelist"))

    def retry_view(self, request: HttpRequest, key: int) -> HttpResponse:
        """A POST makes a refused entry pending again."""
        if request.method != "POST":
            raise Http404
        rows = list(self.get_queryset(request).filter(pk=key).select_related("lane"))
        if not rows:
            return self._gone(request)
        self._retry(request, rows)
        return HttpResponseRedirect(reverse("admin:syncing_journalentry_change", args=[key]))

    @admin.action(description="Try the refused ones again", permissions=["retry"])
    def retry_chosen(self, request: HttpRequest, queryset: QuerySet[JournalEntry]) -> None:
        self._retry(request, list(queryset))

    @transaction.atomic
    def _retry(self, request: HttpRequest, rows: list[JournalEntry]) -> None:
        if not all(tenancy(request).may(Role.ADMIN, row.organization_id) for row in rows):
            raise PermissionDenied
        dead = [row for row in rows if row.state == State.DEAD]
        revived = 0
        for organization_id in {row.organization_id for row in dead}:
            mine = [row for row in dead if row.organization_id == organization_id]
            revived += journal.retry_dead(organization_id, [row.pk for row in mine])
            transaction.on_commit(_nudge(organization_id), robust=True)
        for row in dead:
            told = f"Tried change {row.seq} again, which the hub had refused ({row.code})."
            self.log_change(request, row, told)
        if revived:
            nouns = "1 change is" if revived == 1 else f"{revived} changes are"
            messages.success(request, f"{nouns} on the way to the hub again.")
        if left := len(rows) - revived:
            verb = "was" if left == 1 else "were"
            messages.warning(request, f"{left} {verb} not refused, or not any more.")

    @admin.display(description="change", ordering="seq")
    def seq_shown(self, row: JournalEntry) -> SafeString:
        url = reverse("admin:syncing_journalentry_change", args=[row.pk])
        change = row.change
        badge = rendering.badge(change.get_operation_display().lower(), change.operation)
        return format_html('<span class="when"><a href="{}">{}</a> {}</span>', url, row.seq, badge)

    @admin.display(description="state", ordering="state")
    def state_shown(self, row: JournalEntry) -> SafeString:
        return rendering.badge(*WORDS[State(row.state)])

    @admin.display(description="context", ordering="lane__context_id")
    def context_shown(self, row: JournalEntry) -> SafeString:
        return context_link(row.lane.level, row.organization_id, row.lane.context_id)

    @admin.display(description="why")
    def why_shown(self, row: JournalEntry) -> SafeString | str:
        error = Truncator(row.last_error).chars(90)
        if not row.code:
            return error or NOTHING
        return format_html("<code>{}</code> {}", row.code, error)

    @admin.display(description="next attempt", ordering="lane__next_attempt_at")
    def next_shown(self, row: JournalEntry) -> SafeString | str:
        if row.state != State.PENDING:
            return NOTHING
        if not row.attempts:
            return _next(row)
        return format_html('{} <span class="quiet">{} failed</span>', _next(row), row.attempts)

    @admin.display(description="made", ordering="created_at")
    def made_shown(self, row: JournalEntry) -> SafeString:
        return rendering.when(row.created_at)

    @admin.display(description="organization", ordering="organization_id")
    def organization_shown(self, row: JournalEntry) -> str:
        return row.organization_id


def _next(row: JournalEntry) -> str:
    """When a pending entry is sent."""
    if row.lane.waits_for_network:
        return "when the hub answers"
    at = row.lane.next_attempt_at
    seconds = (at - timezone.now()).total_seconds()
    if seconds <= 0:
        return "now"
    return f"in {seconds:.0f} s" if seconds < 100 else f"in {timeuntil(at, depth=1)}"


def _nudge(organization_id: str) -> Callable[[], None]:
    # No partial: Django 5.2 asks a robust callback that raised for its name, which it has none.
    return lambda: tasks.nudge(organization_id)
