"""What belongs to a context: its entries, history, delegations, completion."""

from django.http import HttpResponse
from rest_framework.decorators import action
from rest_framework.request import Request

from contexts import (
    access,
    activity,
    completion,
    delegations,
    entries,
    history,
    queries,
    requests,
    services,
)
from contexts.documents import to_json
from contexts.entries import CATEGORIES, IMPORTANCES
from contexts.errors import Invalid, NotFound
from contexts.models import NEWEST_VERSION, Entry, Role
from contexts.serializers import (
    CompletionBody,
    DelegationBody,
    InsightBody,
    ProgressBody,
    RevertBody,
    Strict,
    parsed,
)
from contexts.views.base import conditional, etag_of, write
from contexts.views.pages import page
from contexts.views.resolved import ResolvedViews

ENTRY_FILTERS = {
    "kind": Entry.Kind.values,
    "category": CATEGORIES,
    "importance": IMPORTANCES,
    "agent": None,
}


class ContextWithParts(ResolvedViews):
    """A context and what hangs on it."""

    @action(detail=True, methods=["post"])
    @write
    def progress(self, request: Request, context_id: str) -> HttpResponse:
        return self._add(request, context_id, Entry.Kind.PROGRESS, ProgressBody)

    @action(detail=True, methods=["post"])
    @write
    def insights(self, request: Request, context_id: str) -> HttpResponse:
        defaults = {"category": "technical", "importance": "medium"}
        return self._add(request, context_id, Entry.Kind.INSIGHT, InsightBody, **defaults)

    def _add(
        self,
        request: Request,
        context_id: str,
        kind: Entry.Kind,
        body: type[Strict],
        **defaults: str,
    ) -> HttpResponse:
        row = self.found(context_id)
        access.require(self.caller, Role.WRITER)
        entry = entries.add(
            self.caller,
            self.level,
            row.context_id,
            kind,
            precondition=requests.precondition(request),
            **{**defaults, **parsed(body, request)},
        )
        return self.written(queries.present_entry(entry), 201)

    @action(detail=True, url_path="entries")
    def entries(self, request: Request, context_id: str) -> HttpResponse:
        row = self.found(context_id)
        rows = queries.entries_of(self.caller.organization_id, self.level, row.context_id)
        for name, choices in ENTRY_FILTERS.items():
            text = request.query_params.get(name)
            if text is None:
                continue
            if choices is not None and text not in choices:
                raise Invalid({name: [f"This must be one of {', '.join(choices)}."]})
            rows = rows.filter(**{name: text})
        return page(
            request,
            rows,
            ("-created_at", "-id"),
            lambda found: [queries.present_entry(entry) for entry in found],
        )

    @action(detail=True)
    def history(self, request: Request, context_id: str) -> HttpResponse:
        versions = history.versions_of(self.level, self.caller.organization_id, context_id)
        if not versions.exists():
            raise NotFound
        return page(request, versions, NEWEST_VERSION, history.present_versions)

    @action(detail=True, url_path="history/(?P<version>[0-9]{1,9})", url_name="version")
    def version(self, request: Request, context_id: str, version: str) -> HttpResponse:
        organization_id = self.caller.organization_id
        change = services.version_of(self.level, organization_id, context_id, int(version))
        body = to_json(history.present_version(self.level, change))
        return conditional(request, f'"{change.revision}"', body, requests.JSON)

    @action(detail=True, methods=["post"])
    @write
    def revert(self, request: Request, context_id: str) -> HttpResponse:
        organization_id = self.caller.organization_id
        if not history.versions_of(self.level, organization_id, context_id).exists():
            raise NotFound
        access.require(self.caller, Role.WRITER)
        row = services.revert(
            self.caller,
            self.level,
            context_id,
            parsed(RevertBody, request)["version"],
            precondition=requests.precondition(request),
        )
        return self.answer(row)

    @action(detail=True, methods=["post"])
    @write
    def delegations(self, request: Request, context_id: str) -> HttpResponse:
        row = self.found(context_id)
        access.require(self.caller, Role.WRITER)
        values = parsed(DelegationBody, request)
        delegation = delegations.delegate(
            self.caller,
            self.level,
            row.context_id,
            to=values["delegate_to"],
            data=values["delegate_data"],
            reason=values["delegation_reason"],
            precondition=requests.precondition(request),
        )
        return self.written(queries.present_delegation(delegation), 201)


class TaskViews(ContextWithParts):
    """Tasks end, and are looked at while they do not."""

    @action(detail=True)
    def activity(self, request: Request, context_id: str) -> HttpResponse:
        row = self.found(context_id)
        answer = to_json(activity.of(self.caller.organization_id, row.context_id))
        return conditional(request, etag_of(answer), answer, requests.JSON)

    @action(detail=True, methods=["post"])
    @write
    def complete(self, request: Request, context_id: str) -> HttpResponse:
        row = self.found(context_id)
        access.require(self.caller, Role.WRITER)
        summary = parsed(CompletionBody, request)["completion_summary"]
        task, made = completion.complete(
            self.caller, row.context_id, summary, requests.precondition(request)
        )
        return self.answer(task, delegated=[queries.present_delegation(each) for each in made])
