"""Tool calls as actions: every shape of the facts sheet, and the recorded runs."""

import json
from pathlib import Path
from typing import Any

import pytest

from contexts.extraction import extract
from contexts.extraction.tool_calls import action_of

RECORDED = Path(__file__).resolve().parent.parent.parent / "data" / "transcripts"
PATCH = [{"oldStart": 1, "oldLines": 1, "newStart": 1, "newLines": 2, "lines": [" a", "+b"]}]


@pytest.mark.parametrize(
    ("response", "error", "expected"),
    [
        ({"stdout": "a", "stderr": "", "isImage": False}, None, {"exit_code": 0, "output": "a"}),
        ({"stdout": "a", "stderr": "b"}, None, {"exit_code": 0, "output": "a\nb"}),
        ({"stdout": "a", "interrupted": True}, None, {"exit_code": None, "output": "a"}),
        ({"stdout": "", "backgroundTaskId": "b1"}, None, {"exit_code": None, "output": ""}),
        ("a", None, {"exit_code": 0, "output": "a"}),
        ([{"type": "text", "text": "a"}, {"type": "image"}], None, {"exit_code": 0, "output": "a"}),
        (None, None, {"exit_code": 0, "output": ""}),
        (None, "Exit code 2\nno such file", {"exit_code": 2, "output": "no such file"}),
        (None, "Error: Exit code 1\nx", {"exit_code": 1, "output": "x"}),
        (None, "Exit code 137", {"exit_code": 137, "output": ""}),
        (None, "Command timed out", {"exit_code": None, "output": "Command timed out"}),
        ({"stdout": "a", "gitOperation": {"push": True}}, None, {
            "exit_code": 0, "output": "a", "git_operation": {"push": True}}),
    ],
)  # fmt: skip
def test_bash(response: Any, error: str | None, expected: dict[str, Any]) -> None:
    call = action_of("Bash", {"command": "ls x"}, response, error=error, cwd="/srv", duration_ms=7)
    assert call == ("command", {"command": "ls x", "cwd": "/srv", "duration_ms": 7, **expected})


def test_a_command_that_is_not_waited_for_has_no_exit_code() -> None:
    _, data = action_of("Bash", {"command": "x", "run_in_background": True}, {"stdout": ""})
    assert data["exit_code"] is None
    _, data = action_of("Bash", {"command": "x"}, ran=False)
    assert data["exit_code"] is None


EDIT = {"old_string": "a", "new_string": "b"}


@pytest.mark.parametrize(
    ("tool", "arguments", "response", "expected"),
    [
        (
            "Edit",
            {"file_path": "a.py", **EDIT, "replace_all": True},
            {"filePath": "a.py", "structuredPatch": PATCH, "originalFile": "a\n"},
            {
                "structured_patch": PATCH,
                "edits": [{**EDIT, "replace_all": True}],
                "original_content": "a\n",
            },
        ),
        ("Edit", {"file_path": "a.py", **EDIT}, "ok", {"edits": [EDIT]}),
        (
            "MultiEdit",
            {"file_path": "a.py", "edits": [EDIT, "x", EDIT]},
            None,
            {"edits": [EDIT, EDIT]},
        ),
        (
            "Write",
            {"file_path": "a.py", "content": "a\n"},
            {"type": "create", "structuredPatch": [], "originalFile": None},
            {"content": "a\n", "status": "added", "original_content": None},
        ),
        (
            "Write",
            {"file_path": "a.py", "content": "a\nb"},
            {"type": "update", "structuredPatch": PATCH},
            {"content": "a\nb", "status": "modified", "structured_patch": PATCH},
        ),
        (
            "NotebookEdit",
            {"notebook_path": "a.py", "new_source": "x"},
            {},
            {"content": "x", "status": "modified"},
        ),
    ],
)
def test_edits(tool: str, arguments: Any, response: Any, expected: dict[str, Any]) -> None:
    call = action_of(tool, arguments, response)
    assert call == ("file_edit", {"file_paths": ["a.py"], "tool": tool, **expected})


def test_an_edit_that_failed_or_was_not_answered_is_none() -> None:
    arguments = {"file_path": "a.py", **EDIT}
    assert action_of("Edit", arguments, error="String not found") == (
        "tool",
        {"tool": "Edit", "input": arguments, "error": "String not found"},
    )
    assert action_of("Edit", arguments, ran=False) == ("tool", {"tool": "Edit", "input": arguments})


@pytest.mark.parametrize(
    ("tool", "arguments", "response", "count", "files"),
    [
        ("Grep", {"pattern": "x"}, {"mode": "files_with_matches", "filenames": ["a", "b"],
                                    "numFiles": 2}, 2, ["a", "b"]),
        ("Grep", {"pattern": "x"}, {"mode": "content", "filenames": [], "numFiles": 0,
                                    "content": "a.py:1:x\na.py:2:x\nb.py:3:x", "numLines": 3},
         3, ["a.py", "b.py"]),
        ("Grep", {"pattern": "x"}, {"mode": "count", "filenames": [], "numFiles": 2,
                                    "content": "a.py:4\nb.py:1", "numMatches": 5},
         5, ["a.py", "b.py"]),
        ("Grep", {"pattern": "x"}, "Found 2 files\na.py\nb.py", 2, ["a.py", "b.py"]),
        ("Grep", {"pattern": "x"}, "No matches found", 0, []),
        ("Grep", {"pattern": "x", "output_mode": "content"}, "a.py:1:x\na.py:9:x", 2, ["a.py"]),
        ("Glob", {"pattern": "*.py"}, {"filenames": ["a.py"], "numFiles": 1, "truncated": False},
         1, ["a.py"]),
        ("Glob", {"pattern": "*.py"}, [{"type": "text", "text": "No files found"}], 0, []),
        ("WebSearch", {"query": "x"}, {"query": "x", "results": [
            {"tool_use_id": "t", "content": [{"title": "A", "url": "https://a"},
                                              {"title": "B", "url": "https://b"}]}, "In short"],
            "durationSeconds": 2}, 2, []),
        ("WebFetch", {"url": "https://a", "prompt": "?"}, {"code": 200, "result": "…"}, 1, []),
        ("WebFetch", {"url": "https://a", "prompt": "?"}, {"code": 404}, 0, []),
        ("Grep", {"pattern": "x"}, None, None, []),
        # Where a text is the whole answer, what it says about itself is no file.
        ("Glob", {"pattern": "*"}, "a.py\n(Results are truncated. Be more specific.)", 1, ["a.py"]),
        ("Grep", {"pattern": "x", "output_mode": "count"},
         "a.py:3\nb.py:4\n\nFound 7 total occurrences across 2 files.", 7, ["a.py", "b.py"]),
        ("Grep", {"pattern": "x", "output_mode": "content"},
         "a.py:    x = 1\n--\nb.py:x\n[Showing results with pagination = limit: 2]", 2,
         ["a.py", "b.py"]),
        ("WebSearch", {"query": "x"}, 'Links: [{"title":"A","url":"https://a"}]\n\nwords', 1, []),
        ("WebSearch", {"query": "x"}, "Links: [what]\n", None, []),
    ],
)  # fmt: skip
def test_searches(
    tool: str, arguments: Any, response: Any, count: int | None, files: list[str]
) -> None:
    action_type, data = action_of(tool, arguments, response)
    extracted = extract(action_type, data)
    assert action_type == "search"
    assert extracted == {
        "query": next(iter(arguments.values())),
        "tool": tool,
        "count": count,
        "files": files,
    }


def test_a_notebook_is_compared_where_both_its_texts_are_told() -> None:
    told = {"original_file": '{\n "cells": []\n}', "updated_file": '{\n "cells": [1]\n}'}
    action = action_of("NotebookEdit", {"notebook_path": "/n.ipynb", "new_source": "1"}, told)
    (change,) = extract(*action)["changes"]
    assert (change["added"], change["removed"]) == (1, 1)


def test_several_edits_may_begin_with_the_text_of_a_new_file() -> None:
    edits = [
        {"old_string": "", "new_string": "def a():\n    pass\n"},
        {"old_string": "pass", "new_string": "return 1"},
    ]
    action = action_of("MultiEdit", {"file_path": "/a.py", "edits": edits}, "Applied 2 edits")
    (change,) = extract(*action)["changes"]
    assert (change["status"], change["added"], change["removed"]) == ("added", 2, 0)
    assert change["symbols"] == ["a"]


def test_what_no_kind_knows_is_kept_as_it_came() -> None:
    assert action_of("Task", {"prompt": "p"}, {"status": "done"}) == (
        "tool",
        {"tool": "Task", "input": {"prompt": "p"}, "result": {"status": "done"}},
    )
    assert action_of("Bash", {"no": "command"}, "x")[0] == "tool"


def recorded(name: str) -> list[tuple[str, dict[str, Any]]]:
    """Every action of a recorded run with what was extracted, calls joined with their results."""
    calls: dict[str, Any] = {}
    found: list[tuple[str, dict[str, Any]]] = []
    for line in (RECORDED / name).read_text().splitlines():
        body = json.loads(line)
        content = body.get("message", {}).get("content")
        for block in content if isinstance(content, list) else []:
            if block["type"] == "tool_use":
                calls[block["id"]] = block
            elif block["type"] == "tool_result":
                call, result = calls[block["tool_use_id"]], body["toolUseResult"]
                error = result if block.get("is_error") else None
                action = action_of(call["name"], call["input"], result, error=error)
                found.append((action[0], extract(*action)))
    return found


# Read from the files by hand (`jq`), not from what the code says of them.
ROOT = "/tmp/" + "tmpw6sk2trg/"


def test_the_recorded_repair_of_a_coverage_gap() -> None:
    actions = recorded("coverage-test-fix.jsonl")

    changes = [each["changes"][0] for kind, each in actions if kind == "file_edit"]
    assert [(each["path"], each["added"], each["removed"]) for each in changes] == [
        (ROOT + "src/math_utils.py", 5, 0),
        (ROOT + "tests/test_math_utils.py", 8, 1),
        (ROOT + ".gitignore", 7, 0),
    ]
    assert [each["symbols"] for each in changes] == [
        ["multiply_numbers"],
        ["test_multiply_numbers"],
        [],
    ]
    searches = [each for kind, each in actions if kind == "search"]
    assert [(each["query"], each["count"], len(each["files"])) for each in searches] == [
        ("**/*.py", 6, 6),
        (".gitignore", 2, 2),
    ]
    assert searches[1]["files"] == [ROOT + ".gitignore", ROOT + ".pytest_cache/.gitignore"]
    commands = [each for kind, each in actions if kind == "command"]
    assert [(each["program"], each["kind"], each["exit_code"]) for each in commands] == [
        ("git", "vcs", 0),
        ("pytest", "test", 0),
        ("git", "vcs", 0),
        ("git", "vcs", 0),
        ("git", "vcs", 1),
    ]
    assert commands[1]["test_results"] == {
        "passed": 2,
        "failed": 0,
        "errors": 0,
        "skipped": 0,
        "coverage": None,
        "duration": 0,
    }
    assert commands[1]["failures"] == []
    assert commands[2]["git"] == [{"operation": "commit", "branch": "master", "sha": "6322cf4"}]
    assert "git" not in commands[4]
    assert commands[4]["output_tail"] == "On branch master\nnothing to commit, working tree clean"
    assert [kind for kind, _ in actions].count("tool") == 3


def test_the_recorded_script() -> None:
    (_, written), (_, run) = recorded("hello-world-script.jsonl")

    assert written["files_modified"] == ["/tmp/" + "tmp74wiyiny/hello.sh"]
    change = written["changes"][0]
    assert (change["status"], change["added"], change["removed"]) == ("added", 2, 0)
    assert (run["program"], run["kind"], run["exit_code"]) == ("chmod", "other", 0)
    assert run["output_tail"] == "Hello world"
