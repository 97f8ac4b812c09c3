"""Deleting contexts: what goes with them is shown first and has to be agreed to."""

from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString

from contexts import services
from contexts.admin import addresses
from contexts.admin.levels import LevelAdmin
from contexts.admin.lists import every, without_documents
from contexts.admin.rendering import when
from contexts.errors import ContextError, HasChildren, NotFound, RevisionMismatch
from contexts.levels import CHILD, Level
from contexts.models import Context

MOST_NAMED = 20
MOST_AT_ONCE = 500


@dataclass(frozen=True)
class Below:
    """What lies below on one level: the first few, and how many there are."""

    level: Level
    named: list[tuple[Context, SafeString]]
    count: int


def below(level: Level, keys: list[int]) -> list[Below]:
    """What a deletion of the rows with these keys takes with it, level by level."""
    found = []
    each = CHILD.get(level.name)
    while each is not None:
        rows = every(each).filter(**{f"{each.path_to(level)}__in": keys})
        count = rows.count()
        if not count:
            break
        newest = without_documents(rows)[:MOST_NAMED]
        found.append(Below(each, [(row, when(row.updated_at)) for row in newest], count))
        each = CHILD.get(each.name)
    return found


class DeletingAdmin(LevelAdmin):
    """The confirmation pages, for one context and for the chosen ones of a list."""

    actions = ["delete_chosen"]

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Shows what would go; a POST deletes, with all below only when that was agreed to."""
        row = self.find(request, **self.at_key(object_id))
        if row is None:
            raise Http404
        if not self.has_delete_permission(request, row):
            raise PermissionDenied
        refusal = ""
        if request.method == "POST":
            refusal = self._delete(request, row, request.POST.get("revision", ""))
            if not refusal:
                messages.success(request, f"Deleted {self.level.name} {row.context_id}.")
                return HttpResponseRedirect(addresses.page(self.level, "changelist"))
            row = self.find(request, row_id=row.pk) or row
        return self._confirmation(request, [row], refusal)

    def _delete(self, request: HttpRequest, row: Context, seen: str) -> str:
        """Deletes a row at the revision `seen` ("" for any); returns why not, or ""."""
        try:
            services.delete(
                self.caller(request, row.organization_id),
                self.level,
                row.context_id,
                cascade="cascade" in request.POST,
                precondition=(lambda revision: revision == seen) if seen else None,
            )
        except HasChildren:
            return f"{row.context_id} has contexts below it: agree to delete them too."
        except RevisionMismatch:
            return f"{row.context_id} was changed meanwhile: look again before deleting it."
        except NotFound:
            return f"{row.context_id} is gone already."
        except ContextError as error:
            return error.sentence
        return ""

    @admin.action(description="Delete the chosen ones…", permissions=["delete"])
    def delete_chosen(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Asks first; then deletes what it can and says what it could not."""
        if queryset.count() > MOST_AT_ONCE:
            messages.error(request, f"Choose up to {MOST_AT_ONCE} at once.")
            return None
        rows: list[Context] = list(without_documents(queryset))
        if not all(self.has_delete_permission(request, row) for row in rows):
            raise PermissionDenied
        if "confirmed" not in request.POST:
            return self._confirmation(request, rows, "")
        refusals = [refusal for row in rows if (refusal := self._delete(request, row, ""))]
        for refusal in refusals[:5]:
            messages.error(request, refusal)
        if deleted := len(rows) - len(refusals):
            messages.success(request, f"Deleted {deleted} of {len(rows)}.")
        return None

    def _confirmation(
        self, request: HttpRequest, rows: list[Context], refusal: str
    ) -> HttpResponse:
        doomed = f"{len(rows)} {self.opts.verbose_name_plural}"
        if len(rows) == 1:
            doomed = f"{self.level.name} {rows[0].context_id}"
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"Delete {doomed}?",
            "level": self.level,
            "rows": rows,
            "single": rows[0] if len(rows) == 1 else None,
            "is_action": request.POST.get("action") == "delete_chosen",
            "below": below(self.level, [row.pk for row in rows]),
            "refusal": refusal,
        }
        status = 409 if refusal else 200
        return TemplateResponse(request, "admin/contexts/delete.html", context, status=status)
