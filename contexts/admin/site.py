"""The admin as one site: its name, its sections, its first page."""

from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.db.models import Model
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse

from contexts.admin import additions
from contexts.admin.additions import Section
from contexts.admin.overview import overview
from contexts.models import Context

# In the order of work.
SECTIONS: dict[str, Section] = {
    "Contexts": dict.fromkeys(("GlobalContext", "ProjectContext", "BranchContext", "TaskContext")),
    "Activity": {"Change": "Change log", "Entry": None, "Delegation": None},
    "Access": {"Agent": None, "Membership": "Members", "User": None},
}


class ParentChoices(AutocompleteJsonView):
    """Suggests contexts with their name and organization: ids repeat across organizations."""

    def serialize_result(self, obj: Model, to_field_name: str) -> dict[str, str]:
        result: dict[str, str] = super().serialize_result(obj, to_field_name)
        if isinstance(obj, Context):
            name = getattr(obj, "name", "")
            named = f"{obj.context_id} · {name}" if name else obj.context_id
            result["text"] = f"{named} ({obj.organization_id})"
        return result


class Site(AdminSite):
    """The one admin site. Other apps register their models with `site`."""

    site_title = site_header = "contextsys"
    index_title = "Overview"
    site_url = "/"
    index_template = "admin/overview.html"

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        return super().index(request, {**overview(request), **(extra_context or {})})

    def autocomplete_view(self, request: HttpRequest) -> HttpResponseBase:  # type: ignore[override]
        return ParentChoices.as_view(admin_site=self)(request)

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """Sections first, ours and others', then whatever else was registered."""
        apps = super().get_app_list(request, app_label)
        if app_label is not None:
            return apps
        known = {model["object_name"]: model for app in apps for model in app["models"]}
        pages = {model["object_name"]: app["app_url"] for app in apps for model in app["models"]}
        sections = []
        for title, names in {**SECTIONS, **additions.sections}.items():
            models = [
                {**known.pop(name), **({"name": better} if better else {})}
                for name, better in names.items()
                if name in known
            ]
            if models:
                sections.append(
                    {
                        "name": title,
                        "app_label": title.lower(),
                        "app_url": pages[models[0]["object_name"]],
                        "has_module_perms": True,
                        "models": models,
                    }
                )
        others = [
            {**app, "models": [m for m in app["models"] if m["object_name"] in known]}
            for app in apps
        ]
        return [*sections, *(app for app in others if app["models"])]


site = Site(name="admin")
# It deletes rows behind the back of the services; `deleting` has its own.
site.disable_action("delete_selected")
