"""Every tool call of a session becomes one entry, which tells what the call did."""

import json
from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from contexts.levels import TASK
from tests.contexts.transcripts.sessions import (
    COVERAGE,
    HELLO,
    HELLO_SESSION,
    actions,
    call,
    ids_of,
    prompt,
    recorded_calls,
    result,
    run,
    write,
)


@pytest.mark.parametrize("path", [COVERAGE, HELLO], ids=lambda path: path.stem)
def test_a_recorded_run_gives_exactly_its_tool_calls(organization: str, path: Path) -> None:
    expected = list(recorded_calls(path))

    said = run(path)

    assert sorted(ids_of(actions())) == sorted(expected)
    assert f"1 session, {len(expected)} entries new, 0 known, 0 lines unread." in said


def test_an_entry_tells_of_its_call(organization: str) -> None:
    run(HELLO)

    written, shell = actions(context_id=HELLO_SESSION)
    assert written["content"] == "Write: hello.sh"
    assert written["agent"] == "claude-code"
    assert written["created_at"].startswith("2026-01-21T06:20:3")
    assert written["details"]["input"]["content"] == '#!/bin/bash\necho "Hello world"\n'
    assert written["details"]["result"]["type"] == "create"
    assert shell["content"].startswith("Bash: chmod +x /tmp/")
    assert shell["details"]["result"]["stdout"] == "Hello world"
    assert shell["details"]["is_error"] is False


def test_an_entry_tells_what_its_call_did(organization: str, tmp_path: Path) -> None:
    run(COVERAGE)

    details = [entry["details"] for entry in actions()]
    edits = [each["extracted"] for each in details if each["action_type"] == "file_edit"]
    assert [(each["changes"][0]["added"], each["changes"][0]["removed"]) for each in edits] == [
        (5, 0),
        (8, 1),
        (7, 0),
    ]
    tested = [each["extracted"] for each in details if "test_results" in each["extracted"]]
    assert [each["test_results"]["passed"] for each in tested] == [2]
    codes = [each["extracted"]["exit_code"] for each in details if each["action_type"] == "command"]
    assert codes == [0, 0, 0, 0, 1]

    secret = "ghp_" + "a1B2" * 9
    # Where the tail begins, half of it would still stand.
    text = "x" * 400 + f" {secret} " + "\n".join(["y" * 104] * 19)
    run(write(tmp_path, "s.jsonl", call(1), result(1, content=text)))
    assert "a1B2" not in json.dumps([entry["details"] for entry in actions()])


def test_a_failed_call_keeps_its_error(organization: str) -> None:
    run(COVERAGE)

    failed = [each for each in actions() if each["details"]["is_error"]]

    assert [each["details"]["tool"] for each in failed] == ["Bash"]
    assert "Exit code 1" in failed[0]["details"]["result"]


def test_a_tool_that_the_models_server_ran_is_a_call_too(organization: str, tmp_path: Path) -> None:
    blocks = [
        {"type": "server_tool_use", "id": "srv-1", "name": "web_search", "input": {"query": "x"}},
        {"type": "web_search_tool_result", "tool_use_id": "srv-1", "content": [{"url": "a"}]},
    ]
    line = {"type": "assistant", "sessionId": "s1", "message": {"content": blocks}}
    run(write(tmp_path, "s.jsonl", json.dumps(line)))
    (entry,) = actions()
    assert (entry["details"]["tool"], entry["details"]["result"]) == ("web_search", [{"url": "a"}])


def test_large_parts_are_cut_and_say_so_and_secrets_go(organization: str, tmp_path: Path) -> None:
    secret = "ghp_" + "a1B2" * 9
    # Where the cut comes, half of it would still stand.
    text = "x" * 4020 + " " + secret + " " + "y" * 10_000
    run(write(tmp_path, "s.jsonl", prompt(f"use {secret}"), call(1), result(1, content=text)))

    (entry,) = actions()
    assert entry["details"]["result"]["truncated"] is True
    assert entry["details"]["result"]["bytes"] > 10_000
    assert len(json.dumps(entry["details"]["result"])) <= 4096
    task = TASK.rows("global").get()
    assert "a1B2" not in json.dumps([entry, task.data])
    assert task.data["title"] == "use [redacted:github_token]"


def test_a_recorded_run_gives_its_files_commands_tests_and_searches(
    owner_client: APIClient,
) -> None:
    for _ in range(2):
        run(COVERAGE, HELLO)

    def activity(session: str) -> Any:
        return owner_client.get(f"/api/v1/contexts/task/{session}/activity/").json()

    shown = activity("c64cc478-3430-40fe-8e9c-4ee9986e9754")
    assert [(each["path"].removeprefix("/tmp/tmpw6sk2trg/"), each) for each in shown["files"]] == [
        (name, {"path": f"/tmp/tmpw6sk2trg/{name}", "added": a, "removed": r, "edits": 1})
        for name, a, r in (
            (".gitignore", 7, 0),
            ("tests/test_math_utils.py", 8, 1),
            ("src/math_utils.py", 5, 0),
        )
    ]
    assert shown["tests"]["test_results"]["passed"] == 2
    assert shown["tests"]["failures"] == []
    assert [each["exit_code"] for each in shown["failed_commands"]] == [1]
    assert shown["failed_commands"][0]["command"].startswith("git ")
    assert [(each["query"], each["count"]) for each in shown["searches"]] == [
        (".gitignore", 2),
        ("**/*.py", 6),
    ]
    shown = activity(HELLO_SESSION)
    (file,) = shown["files"]
    assert (file["path"].rsplit("/", 1)[1], file["added"], file["removed"]) == ("hello.sh", 2, 0)
    assert (shown["tests"], shown["failed_commands"], shown["searches"]) == (None, [], [])
