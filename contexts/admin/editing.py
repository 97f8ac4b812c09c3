"""A context's page: read, edited and made. What is written goes through the services."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import PermissionDenied
from django.forms import CharField, ModelChoiceField
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse

from contexts import services
from contexts.admin import additions, addresses, members, panels
from contexts.admin.forms import ContextForm
from contexts.admin.levels import LevelAdmin
from contexts.admin.lists import every
from contexts.admin.meanwhile import Meanwhile, since
from contexts.admin.tenancy import tenancy
from contexts.changes import Author
from contexts.errors import ContextError, NotFound, RevisionMismatch
from contexts.models import Context, Role


class ParentSelect(AutocompleteSelect):
    """Django's, which takes what an address or a form names for a row's number, unseen."""

    def optgroups(
        self, name: str, value: Sequence[str], attr: dict[str, Any] | None = None
    ) -> list[Any]:
        keys = [each for each in value if addresses.row_key(each) is not None]
        groups: list[Any] = super().optgroups(name, keys, attr)
        return groups


class EditingAdmin(LevelAdmin):
    """The pages to add and to change a context."""

    def form_for(self, row: Context, data: QueryDict | None = None) -> ContextForm:
        """The form of a row, bound when there is `data`."""
        return ContextForm(self.level, self.level.values(row), row.revision, data)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Shows a context; a POST saves its writable fields."""
        row = self.find(request, **self.at_key(object_id))
        if row is None:
            return self._gone(request)
        if request.method != "POST":
            return self._page(request, row, self.form_for(row))
        if not self.has_change_permission(request, row):
            raise PermissionDenied
        form = self.form_for(row, request.POST)
        if not form.is_valid():
            # What others changed stays in sight while a mistake is put right.
            seen = request.POST.get("seen")
            more: dict[str, Any] = {}
            if seen:
                more = {"meanwhile": since(self.level, row, seen), "seen": seen}
            return self._page(request, row, form, **more)
        if "_merge" in request.POST:
            return self._merge(request, row, form)
        return self._save(request, row, form)

    def _save(self, request: HttpRequest, row: Context, form: ContextForm) -> HttpResponse:
        seen, values = form.cleaned_data["revision"], form.values
        try:
            saved = services.update(
                self.caller(request, row.organization_id),
                self.level,
                row.context_id,
                lambda _: values,
                precondition=lambda revision: revision == seen,
            )
        except RevisionMismatch:
            newest = self.find(request, row_id=row.pk)
            if newest is None:
                return self._gone(request)
            return self._conflict(request, newest, form, since(self.level, newest, seen))
        except NotFound:
            return self._gone(request)
        except ContextError as error:
            form.refuse(error)
            return self._page(request, row, form)
        if saved.revision == seen:
            messages.info(request, "Nothing was changed, so there is no new version.")
        else:
            messages.success(
                request,
                f"Saved {self.level.name} {saved.context_id} as version {saved.version}.",
            )
        if "_continue" in request.POST:
            return HttpResponseRedirect(addresses.page(self.level, "change", row.pk))
        return HttpResponseRedirect(addresses.page(self.level, "changelist"))

    def _conflict(
        self, request: HttpRequest, row: Context, form: ContextForm, meanwhile: Meanwhile
    ) -> HttpResponse:
        # `seen` stays what the human saw, to merge from; `revision` is what they now know of.
        seen = form.seen
        form.acknowledge(row.revision)
        return self._page(request, row, form, meanwhile=meanwhile, seen=seen, status=409)

    def _merge(self, request: HttpRequest, row: Context, form: ContextForm) -> HttpResponse:
        meanwhile = since(self.level, row, request.POST.get("seen", ""))
        form.replace(meanwhile.merged(form.values), row.revision)
        messages.info(request, "Both edits are in the text below. Look at it, then save.")
        return self._page(request, row, form)

    def _page(
        self, request: HttpRequest, row: Context, form: ContextForm, status: int = 200, **more: Any
    ) -> HttpResponse:
        may_change = self.has_change_permission(request, row)
        context = {
            **self.admin_site.each_context(request),
            **panels.around(self.level, row),
            "opts": self.opts,
            "title": f"{self.level.name.capitalize()} {row.context_id}",
            "form": form,
            "errors": form.errors,
            "may_change": may_change,
            "shown_values": [] if may_change else panels.shown_values(self.level, row),
            "may_delete": self.has_delete_permission(request, row),
            "may_add_child": may_change,
            "notices": additions.notices_of(self.level.name, row.organization_id, row.context_id),
            "members": members.panel(request, row) if self.level.parent is None else None,
            **self.beside(request, row),
            **more,
        }
        return TemplateResponse(request, "admin/contexts/context.html", context, status=status)

    def beside(self, request: HttpRequest, row: Context) -> dict[str, Any]:
        """What else a context's page shows, for those who add to it."""
        return {}

    def _gone(self, request: HttpRequest) -> HttpResponse:
        """The context is not there (any more): whatever the human typed is shown to be kept."""
        kept = [
            (field.attribute.replace("_", " "), request.POST.get(field.name, ""))
            for field in self.level.fields
            if request.method == "POST" and request.POST.get(field.name)
        ]
        if not kept:
            raise Http404(f"There is no such {self.level.name}.")
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"This {self.level.name} was deleted meanwhile",
            "kept": kept,
        }
        return TemplateResponse(request, "admin/contexts/gone.html", context, status=404)

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The form for a new context; a POST makes it."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = self._new_form(request)
        if request.method == "POST" and form.is_valid():
            try:
                row = self._create(request, form)
            except ContextError as error:
                form.refuse(error)
            else:
                messages.success(request, f"Made {self.level.name} {row.context_id}.")
                return HttpResponseRedirect(addresses.page(self.level, "change", row.pk))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"Add {self.level.model._meta.verbose_name}",
            "level": self.level,
            "form": form,
            "errors": form.errors,
            "media": form.media,
        }
        return TemplateResponse(request, "admin/contexts/add.html", context)

    def _new_form(self, request: HttpRequest) -> ContextForm:
        defaults = self.level.checked({})
        data = request.POST if request.method == "POST" else None
        form = ContextForm(self.level, defaults, data=data)
        fields = form.fields
        form.fields = {}
        if self.level.parent is not None:
            parents = tenancy(request).limited(every(self.level.parent), Role.WRITER)
            form.fields["parent"] = ModelChoiceField(
                parents,
                widget=ParentSelect(self.opts.get_field("parent"), self.admin_site),
                label=self.level.parent.name.capitalize(),
            )
            form.initial["parent"] = request.GET.get("parent")
        form.fields["id"] = CharField(
            required=False,
            max_length=self.level.longest_id,
            help_text="Leave it empty for an id of its own. It cannot be changed later.",
        )
        form.fields.update(fields)
        return form

    def _create(self, request: HttpRequest, form: ContextForm) -> Context:
        context_id = form.cleaned_data["id"] or None
        if self.level.parent is None:
            author = Author("", tenancy(request).name)
            return services.create(author, self.level, form.values, context_id=context_id)
        parent: Context = form.cleaned_data["parent"]
        return services.create(
            self.caller(request, parent.organization_id),
            self.level,
            form.values,
            context_id=context_id,
            parent_ids={self.level.parent_field: parent.context_id},
        )
