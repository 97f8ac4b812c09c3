"""The shapes of requests and answers: small bodies are parsed by them, all are documented.

Contexts themselves are checked by `Level.checked`, which sockets, admin and imports share;
their serializers here are made from the same table, for the OpenAPI schema.
"""

from collections.abc import Callable, Mapping
from functools import cache
from itertools import pairwise
from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request

from contexts import documents
from contexts.entries import CATEGORIES, IMPORTANCES, LONGEST_AGENT
from contexts.levels import LEVELS, LONGEST_NAME, Level
from contexts.models import Change, Delegation, Entry
from contexts.requests import object_body, raw_body


class Text(serializers.CharField):
    """A text as it came: nothing is coerced or trimmed."""

    def __init__(self, **options: Any) -> None:
        super().__init__(trim_whitespace=False, **options)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return str(super().to_internal_value(data))


class Choice(serializers.ChoiceField):
    """One of a few texts; a refusal does not repeat what came."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str) or data not in self.choices:
            allowed = ", ".join(str(choice) for choice in self.choices)
            raise serializers.ValidationError(f"This must be one of {allowed}.")
        return data


class WholeNumber(serializers.IntegerField):
    """A JSON number without a fraction."""

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, int) or isinstance(data, bool):
            self.fail("invalid")
        return int(super().to_internal_value(data))


class JSONObject(serializers.DictField):
    """Any JSON object that a context's field could hold."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, dict):
            raise serializers.ValidationError("This must be an object.")
        if documents.depth(data) > documents.MAX_DEPTH:
            raise serializers.ValidationError(f"Nested deeper than {documents.MAX_DEPTH}.")
        return data


class Strict(serializers.Serializer[Any]):
    """A body in which every field is known."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = [str(name) for name in data if name not in self.fields]
            if unknown:
                raise serializers.ValidationError({name: ["Unknown field."] for name in unknown})
        return super().to_internal_value(data)


def parsed(serializer: type[Strict], request: Request) -> dict[str, Any]:
    """The request's JSON object, checked. Raises what `object_body` does and ValidationError."""
    checked = serializer(data=object_body(request))
    checked.is_valid(raise_exception=True)
    values: dict[str, Any] = checked.validated_data
    return values


def refuse_fields(request: Request) -> None:
    """For what takes no body: an empty one and `{}` are none. Raises what `parsed` does."""
    if raw_body(request).strip():
        parsed(Strict, request)


class ProgressBody(Strict):
    content = Text()
    agent = Text(required=False, max_length=LONGEST_AGENT)


class InsightBody(ProgressBody):
    category = Choice(choices=CATEGORIES, required=False)
    importance = Choice(choices=IMPORTANCES, required=False)


class CompletionBody(Strict):
    completion_summary = Text(allow_blank=True)


class RevertBody(Strict):
    version = WholeNumber(min_value=1, max_value=2**31 - 1)


class DelegationBody(Strict):
    delegate_to = Choice(choices=list(LEVELS))
    delegate_data = JSONObject()
    delegation_reason = Text(allow_blank=True)


class Sync(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=["disabled", "pending", "synced", "conflict"])


class ErrorAnswer(serializers.Serializer[Any]):
    success = serializers.BooleanField(default=False)
    code = serializers.CharField()
    error = serializers.CharField()
    validation_errors = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField()), required=False
    )
    revision = serializers.CharField(required=False, help_text="412: what the context is at.")
    epoch = serializers.CharField(required=False, help_text="410: what the feed is at.")
    floor = serializers.IntegerField(required=False)
    head = serializers.IntegerField(required=False)


class EntryAnswer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    level = serializers.ChoiceField(choices=list(LEVELS))
    context_id = serializers.CharField()
    kind = serializers.ChoiceField(choices=Entry.Kind.values)
    content = serializers.CharField()
    agent = serializers.CharField()
    created_at = serializers.DateTimeField()
    category = serializers.CharField(required=False)
    importance = serializers.CharField(required=False)
    details = serializers.DictField(required=False)
    sync = Sync(required=False)


class DelegationAnswer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    level = serializers.ChoiceField(choices=list(LEVELS))
    context_id = serializers.CharField()
    delegate_to = serializers.ChoiceField(choices=list(LEVELS))
    target_id = serializers.CharField()
    delegate_data = serializers.DictField()
    delegation_reason = serializers.CharField()
    status = serializers.ChoiceField(choices=Delegation.Status.values)
    requested_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    decided_by = serializers.CharField(allow_null=True)
    decided_at = serializers.DateTimeField(allow_null=True)
    sync = Sync(required=False)


class VersionAnswer(serializers.Serializer[Any]):
    version = serializers.IntegerField()
    revision = serializers.CharField()
    actor = serializers.CharField()
    operation = serializers.ChoiceField(choices=Change.Operation.values)
    at = serializers.DateTimeField()
    diff = serializers.ListField(child=serializers.DictField(), allow_null=True)


class ChangeAnswer(serializers.Serializer[Any]):
    type = serializers.CharField()
    level = serializers.ChoiceField(choices=list(LEVELS))
    context_id = serializers.CharField()
    change_type = serializers.ChoiceField(choices=Change.Operation.values)
    changed_by = serializers.CharField()
    timestamp = serializers.DateTimeField()
    version = serializers.IntegerField()
    revision = serializers.CharField()
    seq = serializers.IntegerField()
    previous_seq = serializers.IntegerField()


class FeedAnswer(serializers.Serializer[Any]):
    epoch = serializers.CharField()
    floor = serializers.IntegerField()
    head = serializers.IntegerField()
    next = serializers.IntegerField()
    more = serializers.BooleanField()
    changes = ChangeAnswer(many=True)


class SourceAnswer(serializers.Serializer[Any]):
    level = serializers.ChoiceField(choices=list(LEVELS))
    context_id = serializers.CharField()


# Not as a class: `data` is an attribute of every serializer.
ResolvedAnswer = type(
    "ResolvedAnswer",
    (serializers.Serializer,),
    {
        "context_id": serializers.CharField(),
        "level": serializers.ChoiceField(choices=list(LEVELS)),
        "data": serializers.DictField(),
        "inheritance_chain": serializers.ListField(child=serializers.CharField()),
        "revisions": serializers.DictField(child=serializers.CharField()),
        "sources": serializers.DictField(child=SourceAnswer(), required=False),
        "entries": EntryAnswer(many=True, required=False),
    },
)


def _fields_of(
    level: Level, required: bool, **options: Any
) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
    options["required"] = required
    made: dict[str, Callable[[], Any]] = {
        "object": lambda: serializers.DictField(**options),
        "list": lambda: serializers.ListField(**options),
        "text": lambda: serializers.CharField(allow_blank=True, max_length=LONGEST_NAME, **options),
        "percent": lambda: serializers.IntegerField(min_value=0, max_value=100, **options),
    }
    return {field.name: made[field.kind]() for field in level.fields}


@cache
def context_answer(level: Level, completed: bool = False) -> type[serializers.Serializer[Any]]:
    """The serializer of a level's contexts in answers, or of a completed one."""
    fields = {
        "level": serializers.ChoiceField(choices=[level.name]),
        "id": serializers.CharField(),
        "organization_id": serializers.CharField(),
        **({level.parent_field: serializers.CharField()} if level.parent_field else {}),
        **_fields_of(level, required=True),
        "version": serializers.IntegerField(),
        "revision": serializers.CharField(),
        "created_at": serializers.DateTimeField(),
        "updated_at": serializers.DateTimeField(),
        "updated_by": serializers.CharField(),
        "sync": Sync(required=False),
        **({"delegated": DelegationAnswer(many=True)} if completed else {}),
    }
    name = f"{'Completed' if completed else ''}{level.name.title()}Context"
    return type(name, (serializers.Serializer,), fields)


@cache
def context_body(level: Level, creates: bool) -> type[serializers.Serializer[Any]]:
    """The serializer of a level's contexts in requests that create or change one."""
    fields = _fields_of(level, required=False)
    if creates:
        fields["id"] = serializers.RegexField(
            r"^[A-Za-z0-9][A-Za-z0-9._:@-]*$", required=False, max_length=level.longest_id
        )
    if creates:
        for below, above in pairwise(level.chain()):
            fields[below.parent_field] = serializers.CharField(
                required=below is level and level.names_its_parent,
                max_length=above.longest_id,
                help_text="" if below is level else "With `create_parents=true`.",
            )
    name = f"{level.name.title()}{'Creation' if creates else 'Change'}"
    # What was read may be put back whole: a replacement takes the fields of answers, too.
    return type(name, (Strict if creates else serializers.Serializer,), dict(fields))


@cache
def merge_patch_body(level: Level) -> type[serializers.Serializer[Any]]:
    """The serializer of a merge patch: `null` takes a field back to its default."""
    fields = _fields_of(level, required=False, allow_null=True)
    return type(f"{level.name.title()}MergePatch", (serializers.Serializer,), dict(fields))


class JSONPatchOperation(serializers.Serializer[Any]):
    op = serializers.ChoiceField(choices=["add", "remove", "replace", "move", "copy", "test"])
    path = serializers.CharField(allow_blank=True)
    value = serializers.JSONField(required=False)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        # `from` is no Python name.
        fields = super().get_fields()
        fields["from"] = serializers.CharField(required=False, allow_blank=True)
        return fields


@cache
def page_answer(item: type[serializers.Serializer[Any]]) -> type[serializers.Serializer[Any]]:
    """The serializer of a page of `item`."""
    name = item.__name__.removesuffix("Answer") + "Page"
    made = type(
        name,
        (serializers.Serializer,),
        {
            "next": serializers.CharField(allow_null=True),
            "previous": serializers.CharField(allow_null=True),
            "results": item(many=True),
        },
    )
    # A page is an object, though the operation is called a list.
    return extend_schema_serializer(many=False)(made)
