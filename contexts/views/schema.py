"""The OpenAPI schema: what drf-spectacular cannot see by itself."""

from typing import Any

from drf_spectacular.extensions import (
    OpenApiAuthenticationExtension,
    OpenApiSerializerExtension,
)
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
    extend_schema_view,
)

from contexts import requests, serializers
from contexts.entries import CATEGORIES, IMPORTANCES
from contexts.filters import ancestor_fields
from contexts.levels import Level
from contexts.models import Entry
from contexts.search import ENOUGH
from contexts.views import capture, feed, resolved, shapes
from contexts.views.pages import LARGEST_PAGE

REFUSALS = {
    400: "Bad input: `validation_errors` names fields.",
    401: "No valid key or session.",
    403: "The caller's role may not do this.",
    404: "Missing, or another organization's: both look alike.",
    406: "No such representation.",
    409: "The id is taken, there are children, or this is decided already.",
    410: "Compacted, or from another epoch.",
    412: "`If-Match` names another revision.",
    413: "The body or the document would be too large.",
    415: "Another media type than JSON.",
    422: "The `Idempotency-Key` came with another request before.",
    503: "The database does not answer.",
}
SEARCH = (
    "Full text over data and entries: all words, best first. When each word stands in"
    f" {ENOUGH} contexts or entries or more, the newest of these are ranked, and what else"
    " matches comes after them, newest first."
)
READ = (400, 401, 403, 404, 406, 503)
WRITE = (*READ, 409, 412, 413, 415, 422)


class Schema(AutoSchema):
    """Groups operations by level, and names them after the views' methods."""

    def get_tags(self) -> list[str]:
        parts = self.path.removeprefix("/api/v1/").split("/")
        return [parts[1] if parts[0] == "contexts" else parts[0]]

    def get_operation_id(self) -> str:
        action = getattr(self.view, "action", None)
        if action is None:
            return str(super().get_operation_id())
        return f"{self.get_tags()[0]}_{action}"


class StrictBody(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    target_class = "contexts.serializers.Strict"
    match_subclasses = True

    def map_serializer(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        known = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        return {**known, "additionalProperties": False}


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "contexts.authentication.AgentKeyAuthentication"
    name = "agentKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "contexts.authentication.HumanSessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}


def answers(good: dict[Any, Any], refusals: tuple[int, ...]) -> dict[Any, Any]:
    """The responses of an operation: what it answers, and how it refuses."""
    refused = {
        (status, requests.JSON): OpenApiResponse(serializers.ErrorAnswer, REFUSALS[status])
        for status in refusals
    }
    return {**good, **refused}


def query(name: str, kind: Any = str, **options: Any) -> OpenApiParameter:
    return OpenApiParameter(name, kind, OpenApiParameter.QUERY, **options)


def header(name: str, description: str) -> OpenApiParameter:
    return OpenApiParameter(name, str, OpenApiParameter.HEADER, description=description)


IF_MATCH = header("If-Match", "Write only when the context is at this revision.")
IF_NONE_MATCH = header("If-None-Match", "304 when this is still current.")
IDEMPOTENCY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "pattern": "^[!-~]+$", "minLength": 1, "maxLength": 255},
    OpenApiParameter.HEADER,
    description="Sent again within 24 h, the first answer comes again.",
)
CURSOR = query("cursor", description="A place in the list, from `next` or `previous`.")
PAGE_SIZE = query(
    "page_size",
    {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE},
)
WRITES = [IF_MATCH, IDEMPOTENCY]
PAGES = [CURSOR, PAGE_SIZE]
EMPTY = OpenApiResponse(None, "Not modified.")
BOOLEAN = {"type": "string", "enum": ["true", "false"]}


def writes(body: Any, answer: Any, status: int = 200) -> Any:
    """The documentation of a writing operation with a JSON body."""
    return extend_schema(
        request={requests.JSON: body} if body is not None else None,
        responses=answers({status: answer}, WRITE),
        parameters=WRITES,
    )


def documented(level: Level, views: type) -> Any:
    """A level's views with their documentation, made from the level's row in LEVELS."""
    context = serializers.context_answer(level)
    entry, pages = serializers.EntryAnswer, serializers.page_answer
    change = serializers.context_body(level, creates=False)
    parents = [query(name) for name in ancestor_fields(level)]
    operations = {
        "create": extend_schema(
            request={requests.JSON: serializers.context_body(level, creates=True)},
            responses=answers({201: context}, WRITE),
            parameters=[
                *WRITES,
                query("create_parents", BOOLEAN, description="Make missing parents too."),
            ],
        ),
        "list": extend_schema(
            responses=answers({200: pages(context)}, READ),
            filters=False,
            parameters=[
                *parents,
                query("updated_since", OpenApiTypes.DATETIME),
                query("q", description=SEARCH),
                *PAGES,
            ],
            description="Newest first. `data.PATH=VALUE` narrows to documents with that value.",
        ),
        "retrieve": extend_schema(
            responses=answers({200: context, 304: EMPTY}, READ), parameters=[IF_NONE_MATCH]
        ),
        "partial_update": extend_schema(
            request={
                requests.JSON: change,
                requests.MERGE_PATCH: serializers.merge_patch_body(level),
                requests.JSON_PATCH: serializers.JSONPatchOperation(many=True),
            },
            responses=answers({200: context}, WRITE),
            parameters=WRITES,
        ),
        "update": writes(change, context),
        "destroy": extend_schema(
            responses=answers({204: OpenApiResponse(None, "Deleted.")}, WRITE),
            parameters=[*WRITES, query("cascade", BOOLEAN, description="All below it too.")],
        ),
        "resolved": extend_schema(
            responses=answers(
                {
                    (200, requests.JSON): serializers.ResolvedAnswer,
                    (200, "text/markdown"): OpenApiTypes.STR,
                    304: EMPTY,
                },
                (*READ, 410),
            ),
            parameters=[
                query(
                    "include",
                    enum=["sources", "entries", "sources,entries"],
                    description="What to add to the answer.",
                ),
                query("as_of", OpenApiTypes.DATETIME),
                query(
                    "max_tokens", {"type": "integer", "minimum": 1, "maximum": resolved.MOST_TOKENS}
                ),
                IF_NONE_MATCH,
            ],
        ),
        "progress": writes(serializers.ProgressBody, entry, 201),
        "insights": writes(serializers.InsightBody, entry, 201),
        "entries": extend_schema(
            responses=answers({200: pages(entry)}, READ),
            parameters=[
                query("kind", enum=Entry.Kind.values),
                query("category", enum=CATEGORIES),
                query("importance", enum=IMPORTANCES),
                query("agent"),
                *PAGES,
            ],
        ),
        "history": extend_schema(
            responses=answers({200: pages(serializers.VersionAnswer)}, READ), parameters=PAGES
        ),
        "version": extend_schema(
            responses=answers({200: context, 304: EMPTY}, (*READ, 410)),
            parameters=[
                OpenApiParameter("version", int, OpenApiParameter.PATH),
                IF_NONE_MATCH,
            ],
        ),
        "revert": extend_schema(
            request={requests.JSON: serializers.RevertBody},
            responses=answers({200: context}, (*WRITE, 410)),
            parameters=WRITES,
        ),
        "delegations": writes(serializers.DelegationBody, serializers.DelegationAnswer, 201),
    }
    if hasattr(views, "complete"):
        completed = serializers.context_answer(level, completed=True)
        operations["complete"] = writes(serializers.CompletionBody, completed)
    if hasattr(views, "activity"):
        operations["activity"] = extend_schema(
            responses=answers({200: shapes.ActivityAnswer, 304: EMPTY}, READ),
            parameters=[IF_NONE_MATCH],
            description="The task at a glance, from its entries; the newest come first.",
        )
    return extend_schema_view(**operations)(views)


def document_the_rest() -> None:
    """Documents the views that are not of a level."""
    _document_capture()
    number = {"type": "integer", "minimum": 0, "maximum": feed.LARGEST_SEQ}
    extend_schema_view(
        get=extend_schema(
            responses=answers({200: serializers.FeedAnswer}, (*READ, 410)),
            parameters=[
                query("since", number, description="The number of the last change known."),
                query("limit", {"type": "integer", "minimum": 1, "maximum": feed.MOST_CHANGES}),
                query(
                    "wait",
                    {"type": "integer", "minimum": 0, "maximum": feed.LONGEST_WAIT},
                    description="Seconds to hold an empty answer until something comes.",
                ),
            ],
        )
    )(feed.FeedView)
    extend_schema_view(
        get=extend_schema(
            responses=answers({200: serializers.page_answer(serializers.DelegationAnswer)}, READ),
            parameters=[query("status", enum=["pending", "approved", "rejected"]), *PAGES],
        )
    )(feed.DelegationsView)
    extend_schema_view(
        post=extend_schema(
            request=None,
            responses=answers({200: serializers.DelegationAnswer}, WRITE),
            parameters=WRITES,
        )
    )(feed.DecisionView)


def _document_capture() -> None:
    extend_schema_view(
        post=extend_schema(
            request={requests.JSON: shapes.ActionBody},
            responses=answers({201: shapes.ActionAnswer}, WRITE),
            parameters=WRITES,
            description="`action_data` names the task (`task_id`). A body may have 8 MiB.",
        )
    )(capture.ActionsView)
    extend_schema_view(
        post=extend_schema(
            request={requests.JSON: OpenApiTypes.OBJECT},
            responses=answers({200: shapes.HookAnswer}, (400, 401, 403, 404, 406, 413, 503)),
            parameters=[
                query("project", description="An id, or a name to make one from; else the cwd's."),
                query("branch", description="An id, or a git branch; else `PROJECT:main`."),
            ],
            description="A hook event of a coding agent, as it comes; any JSON object will do.",
        )
    )(capture.HooksView)
