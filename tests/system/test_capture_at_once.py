"""Hook events at the same moment: one entry a tool use, whoever is first."""

import json
from functools import partial
from typing import Any

import pytest
from rest_framework.test import APIClient

from contexts import agents, tasks
from contexts.levels import BRANCH, PROJECT, TASK
from contexts.models import Change, Entry, PendingCall, Role, owned
from contexts.transcripts.hooks import LARGEST_AT_ONCE
from tests.conftest import client_with, make_organization
from tests.contexts.replay import assert_log_is_the_state
from tests.system.threads import failures, together

pytestmark = pytest.mark.django_db(transaction=True)
WRITERS = 8


def post(client: APIClient, event: dict[str, Any]) -> int:
    body = json.dumps({"session_id": "s1", "cwd": "/home/me/shop", **event})
    answer = client.post("/api/v1/hooks/claude-code/", body, content_type="application/json")
    return answer.status_code


@pytest.fixture
def key(db: None) -> str:
    make_organization("global")
    return agents.issue_key("agent", "global", Role.WRITER)


@pytest.mark.parametrize("size", [10, LARGEST_AT_ONCE])
def test_the_same_tool_use_at_once_is_one_entry(key: str, size: int) -> None:
    call = {"tool_name": "Bash", "tool_input": {"command": "make"}, "tool_use_id": "call-1"}
    call |= {"tool_response": {"stdout": "x" * size}}
    single = {"hook_event_name": "PostToolUse", **call}
    batch = {"hook_event_name": "PostToolBatch", "tool_calls": [call]}
    works = [partial(post, client_with(key), (single, batch)[n % 2]) for n in range(WRITERS)]
    outcomes = together(works)
    assert not failures(outcomes)
    assert outcomes == [200] * WRITERS
    together([tasks.finish_calls] * 3)
    assert owned("global", Entry).count() == 1
    assert owned("global", Change, operation="entry_added").count() == 1
    assert not PendingCall.objects.exists()
    for level in (PROJECT, BRANCH, TASK):
        assert level.rows("global").count() == 1
    assert_log_is_the_state("global")


def test_an_end_that_is_told_at_once_is_one(key: str) -> None:
    end = {"hook_event_name": "SessionEnd", "reason": "other"}
    outcomes = together([partial(post, client_with(key), end) for _ in range(WRITERS)])
    assert outcomes == [200] * WRITERS
    assert owned("global", Entry, kind="progress").count() == 1
