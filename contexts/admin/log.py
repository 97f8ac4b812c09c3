"""The change log and the entries: to read, filter and search, never to alter."""

from django.contrib import admin
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from contexts.admin import addresses, diffs, rendering
from contexts.admin.filters import (
    CategoryFilter,
    ImportanceFilter,
    LevelFilter,
    OrganizationFilter,
    TimeFilter,
)
from contexts.admin.lists import ReadOnlyAdmin
from contexts.models import Change, Entry

# Where a row has no such thing.
NOTHING = "\N{EN DASH}"


def context_link(level: str, organization_id: str, context_id: str) -> SafeString:
    """The level and id of a context, leading to it (or to its history)."""
    url = addresses.context(level, organization_id, context_id)
    badge = rendering.level_badge(level)
    return format_html('{} <a class="context-id" href="{}">{}</a>', badge, url, context_id)


class ChangeAdmin(ReadOnlyAdmin):
    """The change log, newest first."""

    linked_by = ("context_id",)
    heavy = ["document", "record"]
    list_title = "Change log"
    list_display = [
        "seq_shown",
        "at_shown",
        "operation_shown",
        "context_shown",
        "version_shown",
        "actor",
        "organization_shown",
    ]
    list_filter = [OrganizationFilter, LevelFilter, "operation", ("at", TimeFilter)]
    search_fields = ["actor", "context_id"]
    search_help_text = "By actor or context."
    ordering = ["-pk"]
    readonly_fields = [
        "context_shown",
        "organization_shown",
        "seq",
        "operation_shown",
        "actor",
        "at",
        "version",
        "revision",
        "diff_shown",
        "entry_shown",
        "record_shown",
        "document_shown",
        "origin_node",
        "mutation_id",
    ]

    @admin.display(description="no.", ordering="seq")
    def seq_shown(self, row: Change) -> SafeString:
        url = reverse("admin:contexts_change_change", args=[row.pk])
        return format_html('<a href="{}">{}</a>', url, row.seq)

    @admin.display(description="at", ordering="at")
    def at_shown(self, row: Change) -> SafeString:
        return rendering.when(row.at)

    @admin.display(description="operation", ordering="operation")
    def operation_shown(self, row: Change) -> SafeString:
        return rendering.badge(row.get_operation_display().lower(), row.operation)

    @admin.display(description="context", ordering="context_id")
    def context_shown(self, row: Change) -> SafeString:
        return context_link(row.level, row.organization_id, row.context_id)

    @admin.display(description="version", ordering="version")
    def version_shown(self, row: Change) -> str:
        return str(row.version) if row.makes_version else NOTHING

    @admin.display(description="organization", ordering="organization_id")
    def organization_shown(self, row: Change) -> str:
        return row.organization_id

    @admin.display(description="what changed")
    def diff_shown(self, row: Change) -> SafeString | str:
        if not row.makes_version:
            return "No new version."
        return render_to_string("admin/contexts/diff.html", {"diff": diffs.of(row)})

    @admin.display(description="entry")
    def entry_shown(self, row: Change) -> SafeString | str:
        if row.entry is None:
            return NOTHING
        url = reverse("admin:contexts_entry_change", args=[row.entry.pk])
        text = Truncator(row.entry.content).chars(200)
        return format_html('{} <a href="{}">{}</a>', rendering.badge(row.entry.kind), url, text)

    @admin.display(description="record")
    def record_shown(self, row: Change) -> SafeString | str:
        return NOTHING if row.record is None else rendering.document(row.record)

    @admin.display(description="document")
    def document_shown(self, row: Change) -> SafeString | str:
        return NOTHING if row.document is None else rendering.document(row.document)


class EntryAdmin(ReadOnlyAdmin):
    """Progress, insights and actions of all contexts, newest first."""

    linked_by = ("context_id",)
    heavy = ["details"]
    list_display = [
        "created_shown",
        "kind_shown",
        "content_shown",
        "importance_shown",
        "context_shown",
        "agent",
    ]
    list_filter = [
        OrganizationFilter,
        LevelFilter,
        "kind",
        ImportanceFilter,
        CategoryFilter,
        ("created_at", TimeFilter),
    ]
    search_fields = ["agent", "content", "context_id"]
    search_help_text = "By agent, content or context."
    ordering = ["-created_at", "-pk"]
    readonly_fields = [
        "context_shown",
        "organization_shown",
        "kind_shown",
        "importance_shown",
        "agent",
        "created_at",
        "whole_content",
        "details_shown",
        "entry_id",
    ]

    @admin.display(description="at", ordering="created_at")
    def created_shown(self, row: Entry) -> SafeString:
        url = reverse("admin:contexts_entry_change", args=[row.pk])
        return format_html('<a class="when" href="{}">{}</a>', url, rendering.when(row.created_at))

    @admin.display(description="kind", ordering="kind")
    def kind_shown(self, row: Entry) -> SafeString:
        return rendering.badge(row.kind)

    @admin.display(description="content")
    def content_shown(self, row: Entry) -> str:
        return Truncator(row.content).chars(140)

    @admin.display(description="importance", ordering="importance")
    def importance_shown(self, row: Entry) -> SafeString | str:
        if not (row.importance or row.category):
            return NOTHING
        return format_html("{} {}", rendering.badge(row.importance), row.category)

    @admin.display(description="context", ordering="context_id")
    def context_shown(self, row: Entry) -> SafeString:
        return context_link(row.level, row.organization_id, row.context_id)

    @admin.display(description="organization", ordering="organization_id")
    def organization_shown(self, row: Entry) -> str:
        return row.organization_id

    @admin.display(description="content")
    def whole_content(self, row: Entry) -> SafeString:
        return format_html('<div class="prose">{}</div>', row.content)

    @admin.display(description="details")
    def details_shown(self, row: Entry) -> SafeString | str:
        return rendering.document(row.details) if row.details else NOTHING
