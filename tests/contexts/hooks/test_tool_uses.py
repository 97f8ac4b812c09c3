"""A tool use becomes an entry, once."""

from rest_framework.test import APIClient

from contexts.levels import TASK
from tests.contexts.hooks.events import CWD, entries, event, post, used


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
