"""`POST hooks/claude-code/`: what a coding agent's events become."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from contexts import tasks
from contexts.access import Caller
from contexts.levels import BRANCH, PROJECT, TASK
from contexts.models import Change, Entry, PendingCall, owned
from contexts.transcripts.hooks import LARGEST_AT_ONCE
from tests.conftest import make_chain

ADDRESS = "/api/v1/hooks/claude-code/"
CWD = "/home/me/shop"
SECRET = "ghp_" + "a1B2" * 9


def post(client: APIClient, event: Any, query: str = "") -> Any:
    body = event if isinstance(event, bytes) else json.dumps(event)
    return client.post(ADDRESS + query, body, content_type="application/json")


def event(name: str, session: str = "s1", **members: Any) -> dict[str, Any]:
    return {"hook_event_name": name, "session_id": session, "cwd": CWD, **members}


def used(number: int = 1, name: str = "PostToolUse", **members: Any) -> dict[str, Any]:
    told = {
        "tool_name": "Bash",
        "tool_input": {"command": f"echo {number}"},
        "tool_use_id": f"call-{number}",
        "tool_response": {"stdout": str(number), "stderr": ""},
        "duration_ms": 12,
    }
    return event(name, **{**told, **members})


def entries(kind: str = "action") -> list[Entry]:
    return list(owned("global", Entry, kind=kind).order_by("pk"))


def test_a_start_is_answered_with_the_context_of_its_branch(
    teammate_client: APIClient, owner: Caller
) -> None:
    make_chain(owner)
    teammate_client.patch(
        "/api/v1/contexts/project/p1/", {"data": {"style": "short"}}, format="json"
    )
    answer = post(teammate_client, event("SessionStart", source="startup"), "?project=p1&branch=b1")
    assert answer.status_code == 200
    output = answer.json()["hookSpecificOutput"]
    assert output["hookEventName"] == "SessionStart"
    assert output["additionalContext"].startswith("# Context of branch b1")
    assert "style: short" in output["additionalContext"]


def test_a_large_context_stays_below_what_agents_show(
    teammate_client: APIClient, owner: Caller
) -> None:
    make_chain(owner)
    data = {f"key{number}": "é" * 500 for number in range(300)}
    teammate_client.patch("/api/v1/contexts/branch/b1/", {"data": data}, format="json")
    answer = post(teammate_client, event("SessionStart"), "?branch=b1")
    assert 5_000 < len(answer.json()["hookSpecificOutput"]["additionalContext"]) < 40_000


def test_a_tool_use_becomes_an_entry_of_the_sessions_task(teammate_client: APIClient) -> None:
    answer = post(teammate_client, used())
    assert (answer.status_code, answer.json()) == (200, {})
    (entry,) = entries()
    assert (entry.level, entry.context_id, entry.content) == ("task", "s1", "Bash: echo 1")
    assert entry.agent == "teammate"
    assert entry.details["extracted"]["program"] == "echo"
    assert entry.details["extracted"]["exit_code"] == 0
    assert entry.details["extracted"]["duration_ms"] == 12
    task = TASK.rows("global", context_id="s1").get()
    assert TASK.parent_id(task) == "shop:main"
    assert task.data["cwd"] == CWD


def test_nothing_but_ends_of_tool_uses_makes_entries(teammate_client: APIClient) -> None:
    for name in ("PreToolUse", "Notification", "SubagentStop", "PreCompact", "Brandnew", ""):
        assert post(teammate_client, used(name=name)).status_code == 200
    assert entries() == []


def test_a_failure_is_an_entry_with_its_exit_code(teammate_client: APIClient) -> None:
    failed = used(
        name="PostToolUseFailure",
        tool_input={"command": "pytest -q"},
        error="Exit code 1\nFAILED test_a.py::test_x - assert 0\n1 failed, 2 passed in 0.10s",
        is_interrupt=False,
    )
    del failed["tool_response"]
    post(teammate_client, failed)
    (entry,) = entries()
    extracted = entry.details["extracted"]
    assert (extracted["exit_code"], extracted["kind"]) == (1, "test")
    assert (extracted["test_results"]["passed"], extracted["test_results"]["failed"]) == (2, 1)
    assert entry.details["is_error"] is True


def test_the_same_tool_use_again_is_the_same_entry(teammate_client: APIClient) -> None:
    names = ("tool_name", "tool_input", "tool_use_id", "tool_response")
    calls = [{name: used(number)[name] for name in names} for number in (1, 2)]
    post(teammate_client, used(1))
    post(teammate_client, used(1))
    post(teammate_client, event("PostToolBatch", tool_calls=[*calls, calls[0]]))
    post(teammate_client, event("PostToolBatch", tool_calls=calls))
    assert [entry.details["tool_use_id"] for entry in entries()] == ["call-1", "call-2"]
    post(teammate_client, used(1, session="s2"))
    assert len(entries()) == 3


def test_a_failed_command_in_a_batch_is_known_for_one(teammate_client: APIClient) -> None:
    call = {"tool_name": "Bash", "tool_input": {"command": "make"}, "tool_use_id": "c"}
    call["tool_response"] = "Exit code 2\nno rule"
    post(teammate_client, event("PostToolBatch", tool_calls=[call]))
    assert entries()[0].details["extracted"]["exit_code"] == 2


def test_events_in_camel_case_are_the_same_events(teammate_client: APIClient) -> None:
    told = {
        "hookEventName": "postToolUse",
        "sessionId": "s1",
        "cwd": CWD,
        "toolName": "Bash",
        "toolInput": {"command": "ls"},
        "toolUseId": "call-1",
        "toolResponse": {"stdout": ""},
    }
    post(teammate_client, told)
    assert [entry.content for entry in entries()] == ["Bash: ls"]
    told["hookEventName"] = "sessionStart"
    assert "hookSpecificOutput" in post(teammate_client, told).json()


def test_the_first_prompt_is_the_tasks_title_and_words_are_progress(
    teammate_client: APIClient,
) -> None:
    post(teammate_client, event("UserPromptSubmit", prompt=f"Add a cart\nwith {SECRET}"))
    post(teammate_client, event("UserPromptSubmit", prompt="And another"))
    for _ in range(2):
        post(teammate_client, event("Stop", last_assistant_message="Done: the cart adds up."))
    post(teammate_client, event("Stop", last_assistant_message=""))
    assert TASK.rows("global", context_id="s1").get().data["title"] == (
        "Add a cart with [redacted:github_token]"
    )
    assert [entry.content for entry in entries("progress")] == ["Done: the cart adds up."]


def test_an_end_is_progress_once_and_again_after_more_work(teammate_client: APIClient) -> None:
    post(teammate_client, used())
    for _ in range(2):
        post(teammate_client, event("SessionEnd", reason="prompt_input_exit"))
    assert [e.content for e in entries("progress")] == ["Session ended: prompt_input_exit"]
    data = TASK.rows("global", context_id="s1").get().data
    assert data["tool_calls"] == 1
    assert "ended_at" in data
    post(teammate_client, used(2))
    post(teammate_client, event("SessionEnd", reason="prompt_input_exit"))
    assert len(entries("progress")) == 2


@pytest.mark.parametrize(
    ("cwd", "query", "project", "branch"),
    [
        ("/home/me/shop", "", "shop", "shop:main"),
        ("C:\\work\\My Shop\\", "", "My-Shop", "My-Shop:main"),
        ("", "", "unknown", "unknown:main"),
        ("/home/me/shop", "?project=p2", "p2", "p2:main"),
        ("/home/me/shop", "?project=p2&branch=b2", "p2", "b2"),
        ("/home/me/shop", "?branch=b2", "shop", "b2"),
        ("/home/me/shop", "?branch=b1", "p1", "b1"),
        ("/home/me/shop", "?project=p2&branch=b1", "p2", "p2:b1"),
        ("/home/me/shop", "?project=p2&branch=feature/cart", "p2", "p2:feature-cart"),
        ("/home/me/shop", "?project=My%20Team", "My-Team", "My-Team:main"),
    ],
)
def test_project_and_branch_are_named_or_made_from_the_folder(
    teammate_client: APIClient, owner: Caller, cwd: str, query: str, project: str, branch: str
) -> None:
    make_chain(owner)
    assert post(teammate_client, used(cwd=cwd), query).status_code == 200
    task = TASK.rows("global", context_id="s1").get()
    row = BRANCH.rows("global", context_id=TASK.parent_id(task)).get()
    assert (BRANCH.parent_id(row), row.context_id) == (project, branch)
    assert PROJECT.rows("global", context_id=project).exists()


def test_a_session_id_that_is_no_id_has_a_task_all_the_same(teammate_client: APIClient) -> None:
    for session in ("what/ever", "x" * 37, "x" * 100_000, "\ud800"):
        post(teammate_client, used(session=session))
        post(teammate_client, used(session=session))
    rows = TASK.rows("global")
    assert rows.count() == len(entries()) == 4
    assert all(row.context_id.startswith("session-") for row in rows)


def test_secrets_are_gone_before_anything_is_kept(teammate_client: APIClient) -> None:
    for number, size in enumerate((10, LARGEST_AT_ONCE)):
        text = "y" * size + f" {SECRET} " + "z" * size
        answer = {"stdout": text, "stderr": SECRET}
        post(teammate_client, used(number, tool_input={"command": text}, tool_response=answer))
        everything = json.dumps(list(owned("global", Entry).values("content", "details")))
        assert "a1B2" not in everything
        assert not any(b"a1B2" in bytes(row.sealed) for row in PendingCall.objects.all())
    tasks.finish_calls()
    assert "a1B2" not in json.dumps(list(owned("global", Entry).values("content", "details")))


def test_a_large_call_is_there_at_once_and_told_when_it_is_whole(
    teammate_client: APIClient,
) -> None:
    output = "compiling\n" * 8_000 + "= 3 failed, 5 passed in 1.50s ="
    large = used(tool_input={"command": "pytest"}, tool_response={"stdout": output})
    for _ in range(2):
        assert post(teammate_client, large).status_code == 200
    (entry,) = entries()
    assert entry.details["extracted"] == {"pending": True}
    assert entry.details["result"]["truncated"] is True
    assert entry.details["result"]["preview"].startswith('{"stdout": "compiling')
    assert not owned("global", Change, operation="entry_added").exists()
    activity = teammate_client.get("/api/v1/contexts/task/s1/activity/").json()
    assert activity["tests"] is None

    for _ in range(2):
        tasks.finish_calls()
    (entry,) = entries()
    assert entry.details["extracted"]["test_results"]["failed"] == 3
    told = owned("global", Change, operation="entry_added").get()
    assert told.entry == entry
    assert not PendingCall.objects.exists()
    activity = teammate_client.get("/api/v1/contexts/task/s1/activity/").json()
    assert activity["tests"]["test_results"]["passed"] == 5
    small = used(2, tool_input={"command": "pytest"}, tool_response={"stdout": output[-100:]})
    post(teammate_client, small)
    assert entries()[1].details.keys() == entry.details.keys()


def test_a_call_that_cannot_be_opened_is_finished_without_an_extraction(
    teammate_client: APIClient,
) -> None:
    post(teammate_client, used(tool_response={"stdout": "x" * LARGEST_AT_ONCE}))
    PendingCall.objects.update(sealed=b"another key's")
    tasks.finish_calls()
    (entry,) = entries()
    assert entry.details["extracted"] == {}
    assert owned("global", Change, operation="entry_added").count() == 1


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


def test_two_organizations_may_have_a_session_of_one_id(
    teammate_client: APIClient, stranger_client: APIClient
) -> None:
    for client in (teammate_client, stranger_client):
        assert post(client, used()).status_code == 200
    assert Entry.objects.count() == 2


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


def test_the_middle_of_a_very_long_output_is_left_out_and_that_is_said(
    teammate_client: APIClient,
) -> None:
    output = "first line\n" + "compiling\n" * 100_000 + "= 3 failed, 5 passed in 1.50s ="
    call = used(tool_input={"command": "pytest"}, tool_response={"stdout": output})
    post(teammate_client, call)
    tasks.finish_calls()
    extracted = entries()[0].details["extracted"]
    assert extracted["test_results"]["failed"] == 3
    assert 700_000 < extracted["cut"]["characters"] < len(output)
