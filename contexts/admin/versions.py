"""A context's history, also of a deleted one, and the way back to a version."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from contexts import services
from contexts.admin import additions, addresses, diffs, rendering
from contexts.admin.levels import LevelAdmin
from contexts.admin.tenancy import tenancy
from contexts.errors import ContextError, NotFound, RevisionMismatch
from contexts.history import versions_of
from contexts.models import Change, Context, Role
from contexts.services import version_of

PAGE_SIZE = 25


class VersionsAdmin(LevelAdmin):
    """The pages about a context's versions. They name it by id: a deleted one has no row."""

    def get_urls(self) -> list[URLPattern]:
        name = f"contexts_{self.opts.model_name}"
        named = "<context_id:organization_id>/<context_id:context_id>/"
        pages: list[tuple[str, Callable[..., HttpResponse], str]] = [
            (f"at/{named}", self.at_view, "at"),
            (f"versions/{named}", self.versions_view, "versions"),
            (f"versions/{named}<int:version>/revert/", self.revert_view, "revert"),
        ]
        own = [
            path(route, self.admin_site.admin_view(view), name=f"{name}_{suffix}")
            for route, view, suffix in pages
        ]
        return [*own, *super().get_urls()]

    def at_view(self, request: HttpRequest, organization_id: str, context_id: str) -> HttpResponse:
        """On to the context's page, or to the history of a deleted one."""
        row = self.find(request, organization_id=organization_id, context_id=context_id)
        if row is not None:
            return HttpResponseRedirect(addresses.page(self.level, "change", row.pk))
        return HttpResponseRedirect(
            addresses.page(self.level, "versions", organization_id, context_id)
        )

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Django's own address for a history leads to ours."""
        row = self.find(request, **self.at_key(object_id))
        if row is None:
            raise Http404
        return HttpResponseRedirect(
            addresses.page(self.level, "versions", row.organization_id, row.context_id)
        )

    def versions_view(
        self, request: HttpRequest, organization_id: str, context_id: str
    ) -> HttpResponse:
        """All versions, in pages."""
        self.caller(request, organization_id)
        all_versions = versions_of(self.level, organization_id, context_id)
        paginator = Paginator(all_versions, PAGE_SIZE)
        if not paginator.count:
            raise Http404(f"There never was such a {self.level.name}.")
        page = paginator.get_page(request.GET.get("p"))
        start = (page.number - 1) * PAGE_SIZE
        row = self.find(request, organization_id=organization_id, context_id=context_id)
        context = {
            **self._context(request, organization_id, context_id, row),
            "title": f"History of {self.level.name} {context_id}",
            "page": page,
            "pages": paginator.get_elided_page_range(page.number),
            "versions": diffs.versions(self.level, organization_id, context_id, start, PAGE_SIZE),
            "notices": additions.notices_of(self.level.name, organization_id, context_id),
        }
        return TemplateResponse(request, "admin/contexts/versions.html", context)

    def revert_view(
        self, request: HttpRequest, organization_id: str, context_id: str, version: int
    ) -> HttpResponse:
        """Shows what going back would change; a POST goes back."""
        caller = self.caller(request, organization_id)
        if not tenancy(request).may(Role.WRITER, organization_id):
            raise PermissionDenied
        row = self.find(request, organization_id=organization_id, context_id=context_id)
        try:
            old = version_of(self.level, organization_id, context_id, version)
        except NotFound:
            raise Http404 from None
        seen = request.POST.get("revision", "")
        refusal = ""
        if request.method == "POST":
            try:
                reverted = services.revert(
                    caller,
                    self.level,
                    context_id,
                    version,
                    precondition=(lambda revision: revision == seen) if seen else None,
                )
            except RevisionMismatch:
                refusal = "It was changed meanwhile: this is what going back would change now."
                row = self.find(request, organization_id=organization_id, context_id=context_id)
            except ContextError as error:
                refusal = error.sentence
            else:
                messages.success(
                    request,
                    f"{self.level.name.capitalize()} {context_id} is back at version {version}, "
                    f"as version {reverted.version}.",
                )
                return HttpResponseRedirect(addresses.page(self.level, "change", reverted.pk))
        return self._revert_page(request, organization_id, context_id, row, old, refusal)

    def _revert_page(
        self,
        request: HttpRequest,
        organization_id: str,
        context_id: str,
        row: Context | None,
        old: Change,
        refusal: str,
    ) -> HttpResponse:
        now = self.level.document(row) if row is not None else {}
        document = old.document
        context = {
            **self._context(request, organization_id, context_id, row),
            "title": f"Back to version {old.version} of {self.level.name} {context_id}?",
            "old": old,
            "refusal": refusal,
            "diff": diffs.between(now, document) if document is not None else None,
            "document": rendering.document(document),
            "deletion": diffs.is_deletion(old),
        }
        status = 409 if refusal else 200
        return TemplateResponse(request, "admin/contexts/revert.html", context, status=status)

    def _context(
        self, request: HttpRequest, organization_id: str, context_id: str, row: Context | None
    ) -> dict[str, Any]:
        return {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "level": self.level,
            "row": row,
            "organization_id": organization_id,
            "context_id": context_id,
            "may_change": tenancy(request).may(Role.WRITER, organization_id),
            "versions_url": addresses.page(self.level, "versions", organization_id, context_id),
        }
