"""The lists of the four levels. One admin for all: what differs is read from `LEVELS`."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from contexts import search
from contexts.admin import addresses, filters, rendering
from contexts.admin.deleting import DeletingAdmin
from contexts.admin.lists import every
from contexts.admin.noting import NotingAdmin
from contexts.admin.tenancy import tenancy
from contexts.admin.versions import VersionsAdmin
from contexts.errors import Invalid
from contexts.levels import CHILD, Level
from contexts.models import Context, GlobalContext

# Bounds of a search: organizations looked into, and hits taken from each.
MOST_SEARCHED = 20
MOST_FOUND = 500


class ContextList(ChangeList):
    """A page of contexts without their documents, which may be large."""

    def get_queryset(self, request: HttpRequest, *arguments: Any, **options: Any) -> QuerySet[Any]:
        rows = super().get_queryset(request, *arguments, **options)
        level: Level = self.model_admin.level  # type: ignore[attr-defined]
        heavy = ["data", "metadata"]
        if level.parent is not None:
            rows = rows.select_related("parent")
            heavy += [f"parent__{name}" for name in heavy]
        rows = rows.defer(*heavy)
        if (below := CHILD.get(level.name)) is not None:
            children = every(below).filter(parent=OuterRef("pk")).order_by()
            counted = children.values("parent").annotate(n=Count("pk")).values("n")
            rows = rows.annotate(children_count=Subquery(counted))
        return rows


class ContextAdmin(NotingAdmin, DeletingAdmin, VersionsAdmin):
    """One level's list, and through its bases the pages of one context."""

    search_fields = ["context_id"]
    search_help_text = "Part of an id or name, or words of the document and its entries."
    ordering = ["-updated_at", "-row_id"]
    list_display_links = ["id_shown"]

    def _has(self, attribute: str) -> bool:
        return any(field.attribute == attribute for field in self.level.fields)

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        columns = ["id_shown"]
        columns += ["name"] if self._has("name") else []
        columns += ["parent_link"] if self.level.parent is not None else []
        if self.level.names_its_parent and tenancy(request).several:
            columns += ["organization_shown"]
        columns += ["progress_shown"] if self._has("progress") else []
        columns += ["children_link"] if self.level.name in CHILD else []
        return [*columns, "version", "updated_shown", "updated_by"]

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        chosen: list[Any] = [filters.OrganizationFilter, *filters.ancestor_filters(self.level)]
        if self._has("progress"):
            chosen += [filters.StatusFilter, filters.ProgressFilter]
        return [*chosen, ("updated_at", filters.TimeFilter)]

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[ChangeList]:
        return ContextList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Part of the id or name, or by full text in the document and the entries."""
        text = search_term.replace("\0", " ").strip()
        if not text:
            return queryset, False
        found = Q(pk__in=self._full_text(request, text)) | Q(context_id__icontains=text)
        if self._has("name"):
            found |= Q(name__icontains=text)
        return queryset.filter(found), False

    def _full_text(self, request: HttpRequest, text: str) -> list[int]:
        organizations = tenancy(request).limited(GlobalContext.objects.order_by("-updated_at"))
        if chosen := request.GET.get("organization", "").replace("\0", ""):
            organizations = organizations.filter(context_id=chosen)
        rows = every(self.level).only("pk")
        keys: list[int] = []
        for organization_id in organizations.values_list("context_id", flat=True)[:MOST_SEARCHED]:
            try:
                best = search.matching(rows, self.level, organization_id, text)[:MOST_FOUND]
            except Invalid:
                return []
            keys += [row.pk for row in best]
        return keys

    @admin.display(description="id", ordering="context_id")
    def id_shown(self, row: Context) -> SafeString:
        return format_html('<span class="context-id">{}</span>', row.context_id)

    @admin.display(description="parent", ordering="parent__context_id")
    def parent_link(self, row: Any) -> SafeString:
        parent = self.level.parent
        assert parent is not None  # noqa: S101 (the column is shown only where there is one)
        url = addresses.page(parent, "change", row.parent_id)
        return format_html(
            '<a class="up" href="{}" title="{}">{}</a>', url, parent.name, row.parent.context_id
        )

    @admin.display(description="organization", ordering="organization_id")
    def organization_shown(self, row: Context) -> str:
        return row.organization_id

    @admin.display(description="updated", ordering="updated_at")
    def updated_shown(self, row: Context) -> SafeString:
        return rendering.when(row.updated_at)

    @admin.display(description="progress", ordering="progress")
    def progress_shown(self, row: Any) -> SafeString:
        return rendering.progress_bar(row.progress)

    @admin.display(description="children")
    def children_link(self, row: Any) -> SafeString:
        below = CHILD[self.level.name].model._meta
        count = row.children_count or 0
        noun = below.verbose_name if count == 1 else below.verbose_name_plural
        return format_html(
            '<a class="down" href="{}">{} {}</a>', addresses.children(self.level, row), count, noun
        )
