"""The OpenAPI schema of sync and conflicts."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers

from contexts import requests
from contexts import serializers as shapes
from contexts.views.feed import LARGEST_SEQ, LONGEST_WAIT
from contexts.views.schema import PAGES, READ, WRITE, WRITES, answers, query
from syncing import views, wire
from syncing.conflicts import Strategy
from syncing.models import Conflict

NODE = query("node", description="The name of the node that asks.")
NUMBER = {"type": "integer", "minimum": 0, "maximum": LARGEST_SEQ}


class StatusAnswer(serializers.Serializer[Any]):
    protocol = serializers.IntegerField()
    node = serializers.CharField()
    organization = serializers.CharField()
    epoch = serializers.CharField()
    floor = serializers.IntegerField()
    head = serializers.IntegerField()
    digest = serializers.CharField()


class SyncFeedAnswer(serializers.Serializer[Any]):
    epoch = serializers.CharField()
    floor = serializers.IntegerField()
    head = serializers.IntegerField()
    next = serializers.IntegerField()
    last = serializers.UUIDField(allow_null=True)
    more = serializers.BooleanField()
    changes = serializers.ListField(child=serializers.DictField())


class SnapshotAnswer(serializers.Serializer[Any]):
    epoch = serializers.CharField()
    floor = serializers.IntegerField()
    head = serializers.IntegerField()
    last = serializers.UUIDField(allow_null=True)
    next = serializers.CharField(allow_null=True)
    changes = serializers.ListField(child=serializers.DictField())


class PushBody(serializers.Serializer[Any]):
    protocol = serializers.IntegerField(required=False)
    node = serializers.CharField(max_length=64)
    incarnation = serializers.CharField(required=False)
    previous = serializers.ListField(child=serializers.CharField(), required=False)
    organization = serializers.CharField(required=False)
    epoch = serializers.CharField(required=False)
    since = serializers.IntegerField(required=False, min_value=0, max_value=LARGEST_SEQ)
    last = serializers.UUIDField(required=False, allow_null=True)
    entries = serializers.ListField(child=serializers.DictField(), max_length=wire.MOST_ENTRIES)


class VerdictAnswer(serializers.Serializer[Any]):
    mutation_id = serializers.JSONField(allow_null=True)
    verdict = serializers.ChoiceField(choices=[each.value for each in wire.Verdict])
    seq = serializers.IntegerField(allow_null=True)
    revision = serializers.CharField(allow_null=True)
    conflict_id = serializers.CharField(allow_null=True)
    code = serializers.CharField(allow_null=True)


class PushAnswer(serializers.Serializer[Any]):
    epoch = serializers.CharField()
    head = serializers.IntegerField()
    results = VerdictAnswer(many=True)


class ConflictAnswer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    level = serializers.CharField()
    context_id = serializers.CharField()
    base = serializers.DictField(allow_null=True)
    ours = serializers.DictField(allow_null=True)
    theirs = serializers.DictField(allow_null=True)
    paths = serializers.ListField(child=serializers.CharField())
    status = serializers.ChoiceField(choices=Conflict.Status.values)
    at = serializers.DateTimeField()
    actor = serializers.CharField()
    strategy = serializers.ChoiceField(
        choices=[*(each.value for each in Strategy), "data"], allow_null=True
    )
    resolved_by = serializers.CharField(allow_null=True)
    resolved_at = serializers.DateTimeField(allow_null=True)


def document() -> None:
    """Documents the views."""
    _get(views.StatusView, {200: StatusAnswer}, READ, [])
    _get(
        views.ChangesView,
        {200: SyncFeedAnswer},
        (*READ, 403, 410),
        [
            query("since", NUMBER, description="The number of the last change known."),
            query("epoch"),
            query(
                "last", OpenApiTypes.UUID, description="The `last` of the page that ended there."
            ),
            query(
                "stored",
                NUMBER,
                description="How far the node has stored, when it asks ahead of that.",
            ),
            query("limit", {"type": "integer", "minimum": 1, "maximum": views.MOST_CHANGES}),
            query("wait", {"type": "integer", "minimum": 0, "maximum": LONGEST_WAIT}),
            NODE,
        ],
    )
    _get(
        views.SnapshotView,
        {200: SnapshotAnswer},
        (*READ, 403),
        [
            query("after", description="The `next` of the page before."),
            query("limit", {"type": "integer", "minimum": 1, "maximum": views.MOST_CHANGES}),
            NODE,
        ],
    )
    extend_schema_view(
        post=extend_schema(
            request={requests.JSON: PushBody},
            responses=answers({200: PushAnswer}, (*WRITE, 410)),
        )
    )(views.PushView)
    _get(
        views.ConflictsView,
        {200: shapes.page_answer(ConflictAnswer)},
        READ,
        [query("status", enum=Conflict.Status.values), *PAGES],
    )
    extend_schema_view(
        post=extend_schema(
            request={requests.JSON: views.ResolutionBody},
            responses=answers({200: OpenApiTypes.OBJECT}, WRITE),
            parameters=WRITES,
        )
    )(views.ResolveView)


def _get(view: Any, told: dict[int, Any], refusals: tuple[int, ...], parameters: Any) -> None:
    documented = extend_schema(responses=answers(told, refusals), parameters=parameters)
    extend_schema_view(get=documented)(view)
