"""Lists that leave large columns in the database."""

from typing import Any

from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from contexts.admin.tenancy import TenantAdmin
from contexts.levels import Level


def every(level: Level) -> QuerySet[Any]:
    """All contexts of a level; whoever asks limits them."""
    return level.model._default_manager.all()


def without_documents(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Contexts, newest first, to be named and not read."""
    return rows.defer("data", "metadata").order_by("-updated_at", "-row_id")


class LightList(ChangeList):
    """A page of rows without the columns that its admin calls `heavy`."""

    def get_queryset(self, request: HttpRequest, *arguments: Any, **options: Any) -> QuerySet[Any]:
        rows = super().get_queryset(request, *arguments, **options)
        heavy: list[str] = self.model_admin.heavy  # type: ignore[attr-defined]
        return rows.defer(*heavy)


class ReadOnlyAdmin(TenantAdmin):
    """An admin to look only."""

    heavy: list[str] = []
    list_display_links = None
    change_form_template = "admin/contexts/look.html"

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[ChangeList]:
        return LightList

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        title = f"{str(self.opts.verbose_name).capitalize()} {object_id}"
        return super().change_view(
            request,
            object_id,
            form_url,
            {"title": title, "subtitle": None, **(extra_context or {})},
        )

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return list(self.readonly_fields)
