"""Adding progress or an insight to a context by hand."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import URLPattern, path

from contexts import entries
from contexts.admin import addresses
from contexts.admin.editing import EditingAdmin
from contexts.errors import ContextError
from contexts.models import Context, Entry

KINDS = [(kind.value, kind.label) for kind in (Entry.Kind.PROGRESS, Entry.Kind.INSIGHT)]


def _optional(words: tuple[str, ...]) -> list[tuple[str, str]]:
    return [("", "none"), *((word, word) for word in words)]


class NoteForm(forms.Form):
    """Progress, or an insight with its category and importance."""

    kind = forms.ChoiceField(choices=KINDS)
    content = forms.CharField(widget=forms.Textarea({"rows": 3}), label="Text")
    category = forms.ChoiceField(choices=_optional(entries.CATEGORIES), required=False)
    importance = forms.ChoiceField(choices=_optional(entries.IMPORTANCES), required=False)

    def __init__(self, data: QueryDict | None = None) -> None:
        super().__init__(data, prefix="note", label_suffix="")

    def clean(self) -> None:
        chosen = self.cleaned_data
        if chosen.get("kind") != Entry.Kind.INSIGHT and (
            chosen.get("category") or chosen.get("importance")
        ):
            self.add_error("kind", "Only insights have a category and an importance.")


class NotingAdmin(EditingAdmin):
    """The form beside a context's entries."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.note_view)
        name = f"contexts_{self.opts.model_name}_note"
        return [path("<int:key>/note/", view, name=name), *super().get_urls()]

    def beside(self, request: HttpRequest, row: Context) -> dict[str, Any]:
        return {
            **super().beside(request, row),
            "note": NoteForm(),
            "note_url": addresses.page(self.level, "note", row.pk),
        }

    def note_view(self, request: HttpRequest, key: int) -> HttpResponse:
        """A POST adds the entry."""
        row = self.find(request, **self.at_key(str(key)))
        if row is None:
            raise Http404
        if request.method != "POST" or not self.has_change_permission(request, row):
            raise PermissionDenied
        form = NoteForm(request.POST)
        if not form.is_valid():
            return self._page(request, row, self.form_for(row), note=form)
        chosen = form.cleaned_data
        try:
            entries.add(
                self.caller(request, row.organization_id),
                self.level,
                row.context_id,
                Entry.Kind(chosen["kind"]),
                chosen["content"],
                category=chosen["category"],
                importance=chosen["importance"],
            )
        except ContextError as error:
            form.add_error(None, error.sentence)
            return self._page(request, row, self.form_for(row), note=form)
        messages.success(request, f"Added {chosen['kind']} to {row.context_id}.")
        return HttpResponseRedirect(f"{addresses.page(self.level, 'change', row.pk)}#entries")
