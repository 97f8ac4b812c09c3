"""The shapes of what is captured, and of how a task is told from it."""

from typing import Any

from rest_framework import serializers

from contexts.entries import LONGEST_AGENT
from contexts.serializers import EntryAnswer, JSONObject, Strict, Sync, Text
from contexts.tracking import LONGEST_TYPE


class ActionBody(Strict):
    action_type = Text(max_length=LONGEST_TYPE)
    action_data = JSONObject()
    agent = Text(required=False, max_length=LONGEST_AGENT)


class ActionAnswer(serializers.Serializer[Any]):
    extracted = serializers.DictField()
    entry = EntryAnswer()
    sync = Sync()


class HookOutput(serializers.Serializer[Any]):
    hookEventName = serializers.CharField()  # noqa: N815
    additionalContext = serializers.CharField()  # noqa: N815


class HookAnswer(serializers.Serializer[Any]):
    hookSpecificOutput = HookOutput(required=False)  # noqa: N815


class ActivityFile(serializers.Serializer[Any]):
    path = serializers.CharField()
    added = serializers.IntegerField()
    removed = serializers.IntegerField()
    edits = serializers.IntegerField()


class ActivityTests(serializers.Serializer[Any]):
    test_results = serializers.DictField()
    failures = serializers.ListField(child=serializers.DictField())
    at = serializers.DateTimeField()


class ActivityCommand(serializers.Serializer[Any]):
    command = serializers.CharField()
    exit_code = serializers.IntegerField()
    at = serializers.DateTimeField()


class ActivitySearch(serializers.Serializer[Any]):
    query = serializers.CharField()
    count = serializers.IntegerField(allow_null=True)
    at = serializers.DateTimeField()


class ActivityAnswer(serializers.Serializer[Any]):
    files = ActivityFile(many=True)
    tests = ActivityTests(allow_null=True)
    failed_commands = ActivityCommand(many=True)
    searches = ActivitySearch(many=True)
