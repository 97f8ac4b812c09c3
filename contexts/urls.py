"""The addresses of the API, below `/api/v1/`."""

from typing import Any

from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.routers import SimpleRouter

from contexts.levels import BRANCH, GLOBAL, PROJECT, TASK, Level
from contexts.models import Delegation
from contexts.views.about import ContextWithParts, TaskViews
from contexts.views.asyncapi import AsyncApiView
from contexts.views.capture import ActionsView, HooksView
from contexts.views.feed import DecisionView, DelegationsView, FeedView, NothingHere
from contexts.views.schema import document_the_rest, documented

VIEWS: dict[Level, type[ContextWithParts]] = {
    GLOBAL: ContextWithParts,
    PROJECT: ContextWithParts,
    BRANCH: ContextWithParts,
    TASK: TaskViews,
}

document_the_rest()


def _addresses(level: Level) -> list[Any]:
    views = type(f"{level.name.title()}Views", (VIEWS[level],), {"level": level})
    router = SimpleRouter()
    router.register("", documented(level, views), basename=level.name)
    return list(router.urls)


urlpatterns = [
    # Below a prefix each, tasks first: Django tries one address after the other.
    *(path(f"contexts/{each.name}/", include(_addresses(each))) for each in TASK.chain()),
    path("actions/", ActionsView.as_view(), name="actions"),
    path("hooks/claude-code/", HooksView.as_view(), name="hooks-claude-code"),
    path("changes/", FeedView.as_view(), name="changes"),
    path("delegations/", DelegationsView.as_view(), name="delegations"),
    path(
        "delegations/<uuid:delegation_id>/approve/",
        DecisionView.as_view(status=Delegation.Status.APPROVED),
        name="delegation-approve",
    ),
    path(
        "delegations/<uuid:delegation_id>/reject/",
        DecisionView.as_view(status=Delegation.Status.REJECTED),
        name="delegation-reject",
    ),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("schema/asyncapi/", AsyncApiView.as_view(), name="asyncapi"),
    path(
        "docs/",
        SpectacularSwaggerSplitView.as_view(url_name="schema", http_method_names=["get", "head"]),
        name="docs",
    ),
    # Whatever it is, a line feed too.
    re_path(r"^(?P<rest>(?s:.*))$", NothingHere.as_view()),
]
