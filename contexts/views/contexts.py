"""The four levels: create, list, read, patch, replace, delete. One set of views over LEVELS."""

from typing import Any, ClassVar

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.viewsets import ViewSetMixin

from contexts import access, filters, merging, queries, requests, search, services
from contexts.documents import to_json
from contexts.errors import Forbidden, Invalid, PatchFailed, RevisionMismatch
from contexts.levels import Document, Level
from contexts.models import Context, Role
from contexts.views.base import ApiView, conditional, write
from contexts.views.pages import page, ranked_page

PATCHES = (requests.JSON, requests.MERGE_PATCH, requests.JSON_PATCH)


class ContextViews(ViewSetMixin, ApiView):
    """CRUD of one level; the subclasses in `contexts.urls` name it."""

    level: ClassVar[Level]
    lookup_field = "context_id"
    lookup_value_regex = "[^/]+"

    def found(self, context_id: str) -> Context:
        return access.visible(self.caller, self.level, context_id)

    def answer(self, row: Context, status: int = 200, **more: Any) -> HttpResponse:
        """A write's answer: the context, its ETag and, when it was made, its address."""
        headers = {"ETag": f'"{row.revision}"'}
        if status == 201:
            headers["Location"] = f"{self.request.path}{row.context_id}/"
        body = {**queries.present(self.level, row), **more}
        return self.written(body, status, **headers)

    @write
    def create(self, request: Request) -> HttpResponse:
        if self.level.parent is None and not self.caller.is_instance_admin:
            raise Forbidden("Only instance administrators make organizations.")
        access.require(self.caller, Role.WRITER)
        expected = requests.precondition(request)
        create_parents = requests.flag(request, "create_parents")
        values = requests.object_body(request)
        if "id" in values and values["id"] is None:
            raise Invalid({"id": ["This must be a text."]})
        if expected is not None and not expected(""):
            raise RevisionMismatch("There is no context yet that could have this revision.")
        fields = list(filters.ancestor_fields(self.level))[: None if create_parents else 1]
        # What says where the context goes, apart from what it holds.
        context_id = values.pop("id", None)
        parent_ids = {name: values.pop(name) for name in fields if name in values}
        row = services.create(
            self.caller,
            self.level,
            values,
            context_id=context_id,
            parent_ids=parent_ids,
            create_parents=create_parents,
        )
        return self.answer(row, 201)

    def list(self, request: Request) -> HttpResponse:
        rows = self.level.rows(self.caller.organization_id)
        rows = self.narrowed(rows, request)

        def present(found: Any) -> list[Document]:
            return [queries.present(self.level, row) for row in found]

        if words := request.query_params.get("q"):
            matching = search.matching(rows, self.level, self.caller.organization_id, words)
            return ranked_page(request, matching, present)
        return page(request, rows, ("-row_id",), present)

    def narrowed(self, rows: Any, request: Request) -> Any:
        """`rows` under the query's filters. Raises `Invalid` for one that does not exist."""
        parents = filters.ancestor_fields(self.level)
        values: dict[str, str] = {}
        for name in request.query_params:
            text = request.query_params[name]
            if name in parents:
                rows = filters.by_ancestors(
                    rows, self.level, self.caller.organization_id, {name: text}
                )
            elif name == "updated_since" and (at := requests.time(request, name)):
                rows = filters.updated_since(rows, at)
            elif name.startswith("data."):
                values[name.removeprefix("data.")] = text
            elif name not in ("q", "cursor", "page_size"):
                raise Invalid({name: ["There is no such filter."]})
        return filters.by_values(rows, values) if values else rows

    def retrieve(self, request: Request, context_id: str) -> HttpResponse:
        row = self.found(context_id)
        body = to_json(queries.present(self.level, row))
        return conditional(request, f'"{row.revision}"', body, requests.JSON)

    @write
    def partial_update(self, request: Request, context_id: str) -> HttpResponse:
        row = self.found(context_id)
        access.require(self.caller, Role.WRITER)
        kind = requests.media_type(request, PATCHES)
        body = requests.json_body(request, PATCHES)

        def edit(values: Document) -> Any:
            return patched(kind, values, body)

        row = services.update(
            self.caller,
            self.level,
            row.context_id,
            edit,
            precondition=requests.precondition(request),
        )
        return self.answer(row)

    @write
    def update(self, request: Request, context_id: str) -> HttpResponse:
        row = self.found(context_id)
        access.require(self.caller, Role.WRITER)
        expected = requests.precondition(request)
        # Before the body: one that was read in time names the version of that time.
        services.check_revision(row, expected)
        values = requests.object_body(request)
        # What was read may come back whole, as long as only writable fields were edited.
        # Of a write's answer, too, which has the hub's standing beside the context.
        values.pop("sync", None)
        writable = {field.name for field in self.level.fields}
        for name, value in queries.present(self.level, row).items():
            if name not in writable and not merging.same(values.pop(name, value), value):
                raise Invalid({name: ["This cannot be changed."]})
        row = services.update(
            self.caller, self.level, row.context_id, lambda _: values, precondition=expected
        )
        return self.answer(row)

    @write
    def destroy(self, request: Request, context_id: str) -> HttpResponse:
        row = self.found(context_id)
        access.require_deletion(self.caller, self.level)
        services.delete(
            self.caller,
            self.level,
            row.context_id,
            cascade=requests.flag(request, "cascade"),
            precondition=requests.precondition(request),
        )
        response = HttpResponse(status=204)
        del response.headers["Content-Type"]
        return response


def patched(kind: str, values: Document, body: Any) -> Any:
    """`values` after a patch of that media type (CONTRACT §2, PATCH). Raises `PatchFailed`."""
    if kind == requests.MERGE_PATCH:
        if not isinstance(body, dict):
            raise PatchFailed("A context is an object: a merge patch of it must be one too.")
        return merging.merge_patch(values, body)
    if kind == requests.JSON_PATCH:
        return merging.json_patch(values, body, services.document_limit())
    if not isinstance(body, dict):
        raise PatchFailed("The body must be a JSON object.")
    merged = {
        name: merging.deep_merge(values[name], body[name])
        for name in ("data", "metadata")
        if isinstance(body.get(name), dict)
    }
    return {**values, **body, **merged}
