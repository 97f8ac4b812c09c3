"""Lists that take from addresses and forms only what they themselves link to and send.

Django's lists look for any value in any column, and not every value can be looked for.
"""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from contexts.admin.addresses import row_key

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin

# What Django's own filters of a column add to its name.
SUFFIXES = ("exact", "gte", "lt")


class GuardedAdmin(ModelAdmin):
    """An admin whose list answers odd addresses with itself or a 400, and never fails."""

    # Columns that our links name without there being a filter of them.
    linked_by: tuple[str, ...] = ()

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Whether one of the list's filters, or a link to it, asks for that."""
        if lookup in self.linked_by:
            return True
        for each in self.get_list_filter(request):
            column = each[0] if isinstance(each, tuple | list) else each
            if isinstance(column, str):
                if lookup in [f"{column}__{suffix}" for suffix in SUFFIXES]:
                    return True
            elif lookup == getattr(column, "parameter_name", None):
                return True
        return False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        # No database looks for NUL.
        is_odd = any("\0" in value for values in request.GET.lists() for value in values[1])
        chosen = request.POST.getlist("_selected_action")
        if is_odd or any(row_key(each) is None for each in chosen):
            return HttpResponseRedirect(request.path)
        return super().changelist_view(request, extra_context)
