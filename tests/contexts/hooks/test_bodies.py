"""Which bodies are taken, and from whom: any object, of who may write."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from contexts.models import Entry, owned
from tests.contexts.hooks.events import CWD, entries, post, used


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'"text"',
        b"5",
        b"null",
        b"{",
        b'{"a": NaN}',
        b"\xff",
        b'{"a": 1} x',
        b"{'a': 1}",
    ],
)
def test_what_is_no_object_is_refused(teammate_client: APIClient, body: bytes) -> None:
    assert post(teammate_client, body).status_code == 400


@pytest.mark.parametrize(
    "text",
    [
        '"\\u0000"',
        '"\\ud800"',
        "123456789012345678901234567890",
        "1e999",
        "[" * 500 + "]" * 500,
        '{"a":' * 100 + "1" + "}" * 100,
        "[" * 100_000 + "]" * 100_000,
    ],
    ids=["nul", "surrogate", "integer", "infinite", "lists", "objects", "depth"],
)
@pytest.mark.parametrize("name", ["tool_input", "tool_response", "tool_use_id", "other"])
def test_any_object_is_accepted(teammate_client: APIClient, text: str, name: str) -> None:
    told = json.dumps({**used(), name: 0})
    body = told.replace(f'"{name}": 0', f'"{name}": {text}').encode()
    assert post(teammate_client, body).status_code == 200
    assert post(teammate_client, body).status_code == 200
    assert len(entries()) <= 1


def test_a_body_that_is_too_large_is_refused(teammate_client: APIClient) -> None:
    assert post(teammate_client, used(tool_response="x" * (8 * 2**20))).status_code == 413
    assert entries() == []


def test_readers_may_not_and_everybody_needs_a_key(
    reader_client: APIClient, stranger_client: APIClient
) -> None:
    for name in ("SessionStart", "PostToolUse", "Brandnew"):
        assert post(reader_client, used(name=name)).status_code == 403
        assert post(APIClient(), used(name=name)).status_code == 401
    post(stranger_client, used())
    assert entries() == []
    assert owned("elsewhere", Entry).count() == 1


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8
)
NAMES = st.sampled_from(
    [
        *("SessionStart", "UserPromptSubmit", "PreToolUse", "PostToolUse", "PostToolUseFailure"),
        *("PostToolBatch", "Stop", "SubagentStop", "SessionEnd", "Notification", "sessionEnd"),
    ]
)
TOOLS = st.sampled_from(["Bash", "Edit", "MultiEdit", "Write", "Read", "Grep", "Glob", "WebSearch"])


def some_of(*names: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=dict.fromkeys(names, VALUES))


INPUTS = some_of("command", "file_path", "old_string", "new_string", "edits", "content")
RESPONSES = some_of("stdout", "structuredPatch", "originalFile", "filenames", "gitOperation")
OTHERS = (
    *("tool_use_id", "error", "duration_ms", "tool_calls", "prompt", "reason"),
    *("last_assistant_message", "timestamp", "agent_id", "model", "git_branch"),
)
MEMBERS = {
    **dict.fromkeys(OTHERS, VALUES),
    "hook_event_name": NAMES | VALUES,
    "session_id": st.sampled_from(["s1", "s2"]) | VALUES,
    "cwd": st.just(CWD) | VALUES,
    "tool_name": TOOLS | VALUES,
    "tool_input": INPUTS | VALUES,
    "tool_response": RESPONSES | VALUES,
}
OBJECTS = st.fixed_dictionaries({}, optional=MEMBERS) | st.dictionaries(st.text(), VALUES)


def check_any_object(client: APIClient, told: dict[str, Any]) -> None:
    before = Entry.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    answer = post(client, told)
    assert answer.status_code == 200, answer.content
    for entry in owned("global", Entry, pk__gt=before):
        assert len(json.dumps(entry.details)) < 200_000
        assert len(entry.content) <= 1_100


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(OBJECTS)
def test_random_objects_are_accepted(teammate_client: APIClient, told: dict[str, Any]) -> None:
    check_any_object(teammate_client, told)


@pytest.mark.nightly
@settings(
    max_examples=10_000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(OBJECTS)
def test_ten_thousand_random_objects(teammate_client: APIClient, told: dict[str, Any]) -> None:
    check_any_object(teammate_client, told)
