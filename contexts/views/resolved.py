"""What agents ask most: a context with all that it inherits."""

from collections.abc import Collection
from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.decorators import action
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request

from contexts import agents, queries, requests, resolving, upstream
from contexts.authentication import bearer_key, caller_with
from contexts.documents import to_json
from contexts.errors import Invalid, NotFound
from contexts.identifiers import is_context_id
from contexts.levels import Document
from contexts.models import Entry
from contexts.presentation import as_markdown
from contexts.resolving import Resolved
from contexts.views.base import conditional, etag_of
from contexts.views.contexts import ContextViews

MOST_TOKENS = 10_000_000
# What clients say that take JSON before all else.
_TAKE_JSON = ("*/*", requests.JSON)


class Markdown(BaseRenderer):
    """Stands for `Accept: text/markdown`; the views answer in bytes themselves."""

    media_type = "text/markdown"
    format = "markdown"
    charset = "utf-8"

    def render(self, data: Any, *args: Any, **kwargs: Any) -> Any:
        return data


class ResolvedViews(ContextViews):
    """`GET resolved/`, in JSON or Markdown."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if self.action_map.get("get") == "resolved":
            answer = self._at_once(request, **kwargs)
            if answer is not None:
                return answer
        return super().dispatch(request, *args, **kwargs)

    def _at_once(self, request: HttpRequest, context_id: str) -> HttpResponse | None:
        """The answer to the plain question, without DRF's part, which takes longer than ours.

        None for any other question and where anything is wrong: then all goes DRF's way.
        """
        key = bearer_key(request.headers.get("Authorization", ""))
        plain = request.method == "GET" and not request.META.get("QUERY_STRING")
        if not (plain and key and request.META.get("HTTP_ACCEPT", "*/*") in _TAKE_JSON):
            return None
        if not is_context_id(context_id, self.level.longest_id):
            return None
        # One query tells who asks and what the chain is.
        found = agents.with_key_at(key, self.level, context_id)
        if found is None:
            return None
        agent, seen = found
        request.contextsys_caller = caller_with(agent)  # type: ignore[attr-defined]
        news = upstream.refresh(agent.organization_id)
        try:
            resolved = resolving.resolve(
                self.level, agent.organization_id, context_id, None if news else seen
            )
        except NotFound:
            return None
        answer = _as_json(request, resolved)
        for name, value in self.default_response_headers.items():
            answer.headers[name] = value
        return answer

    @action(detail=True, renderer_classes=[JSONRenderer, Markdown])
    def resolved(self, request: Request, context_id: str) -> HttpResponse:
        organization_id = self.caller.organization_id
        include = _included(request)
        at = requests.time(request, "as_of")
        budget = requests.whole_number(request, "max_tokens", None, 1, MOST_TOKENS)
        upstream.refresh(organization_id)
        if at is None:
            resolved = resolving.resolve(self.level, organization_id, context_id)
        else:
            resolved = resolving.resolve_as_of(self.level, organization_id, context_id, at)
        wants_markdown = getattr(request.accepted_renderer, "format", "") == "markdown"
        newest: list[Entry] = []
        if wants_markdown or "entries" in include:
            newest = resolving.newest_entries(organization_id, resolved.chain, at)
        if wants_markdown:
            text = as_markdown(resolved, newest, budget).encode()
            return conditional(request, etag_of(text), text, "text/markdown; charset=utf-8")
        more: dict[str, Any] = {}
        if "entries" in include:
            more["entries"] = [queries.present_entry(entry) for entry in newest]
        return _as_json(request, resolved, include, more)


def _as_json(
    request: Request | HttpRequest,
    resolved: Resolved,
    include: Collection[str] = (),
    more: Document | None = None,
) -> HttpResponse:
    # The revisions name the documents: nothing has to be made to tell that it is the same.
    chain = [[link.context_id, link.revision] for link in resolved.chain]
    etag = etag_of(to_json([chain, sorted(include), more or {}]))
    answer = partial(resolved.answer, with_sources="sources" in include, **(more or {}))
    return conditional(request, etag, answer, requests.JSON)


def _included(request: Request) -> set[str]:
    asked = request.query_params.getlist("include")
    names = {name for names in asked for name in names.split(",") if name}
    if unknown := names - {"sources", "entries"}:
        raise Invalid({"include": [f"There is nothing called {min(unknown)} to include."]})
    return names
