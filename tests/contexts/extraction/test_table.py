"""The table of extractors: any JSON object, any size, never an error, never long."""

import json
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contexts.extraction import EXTRACTORS, extract, runners
from contexts.extraction.tool_calls import action_of
from tests.contexts.extraction.printed import PRINTED, printed

NAMES = st.sampled_from(
    [
        *("file_paths", "changes", "content", "structured_patch", "edits", "status"),
        *("passed", "failed", "coverage", "failure_details", "junit_xml", "coverage_xml", "output"),
        *("command", "exit_code", "duration_ms", "cwd", "git_operation", "stdout", "stderr"),
        *("query", "tool", "results", "files", "count", "pattern", "name", "message", "task_id"),
    ]
)
TEXTS = st.text(max_size=20) | st.sampled_from(
    [printed(path.name)[:3000] for path in sorted(PRINTED.iterdir())]
    + ["git commit -m 'x", "cd a && pytest", "--- a\n+++ b\n@@ -1 +1 @@\n-a\n+b\n", "a.py:1:x"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(NAMES | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=8,
)
OBJECTS = st.dictionaries(NAMES | st.text(max_size=5), VALUES, max_size=8)
FAST = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@FAST
@given(st.sampled_from([*EXTRACTORS, "deploy", ""]), OBJECTS)
def test_any_object_gives_an_object(action_type: str, data: dict[str, Any]) -> None:
    extracted = extract(action_type, data)
    assert isinstance(extracted, dict)
    json.dumps(extracted)
    if action_type not in EXTRACTORS:
        assert extracted == {}


@FAST
@given(
    st.sampled_from(["Bash", "Edit", "MultiEdit", "Write", "NotebookEdit", "Grep", "Glob"])
    | st.sampled_from(["WebSearch", "WebFetch", "Task", "mcp__x__y", ""]),
    VALUES,
    VALUES,
    st.none() | st.text(max_size=20),
)
def test_any_tool_call_gives_an_action(
    tool: str, arguments: Any, response: Any, error: str | None
) -> None:
    action_type, data = action_of(tool, arguments, response, error=error)
    assert action_type in (*EXTRACTORS, "tool")
    assert isinstance(extract(action_type, data), dict)


def test_the_contract_s_kinds_are_in_the_table() -> None:
    assert set(EXTRACTORS) == {"file_edit", "test_run", "command", "search"}


def test_a_shape_that_breaks_an_extractor_costs_only_what_it_would_have_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(data: dict[str, Any]) -> dict[str, Any]:
        raise KeyError("hunter2")

    monkeypatch.setitem(EXTRACTORS, "search", broken)
    assert extract("search", {"query": "x"}) == {}
    assert "KeyError" in caplog.text
    assert "hunter2" not in caplog.text


def test_secrets_go_before_texts_are_cut() -> None:
    def clean(value: Any) -> Any:
        return json.loads(json.dumps(value).replace("s3cret", "[redacted:x]"))

    # The tail begins in the middle of the last secret.
    data = {"command": "x", "output": "s3cret" * 1_000 + "\n" + "s3cret" * 90}
    kept = json.dumps(extract("command", data, clean))
    assert "cret" not in kept.replace("s3cret", "")
    assert "redacted" in kept


SIZE = 2**18
HOSTILE = [
    "=" * SIZE,
    "= " * (SIZE // 2),
    "_" * 1_999 + "\n",
    "1 passed, " * (SIZE // 10),
    "1 passed" * 200 + " in 1.0\n",
    "=== FAILURES ===\n" + "____ a ____\n" * 1_000,
    "=== FAILURES ===\n___ a ___\n" + "E   x\ny\n" * 4_000,
    "FAILED a.py::b[" + "] - [" * (SIZE // 5),
    "FAILED a.py::b - c\n" * 3_000 + "1 failed in 1.00s\n",
    "--- Captured stdout call ---\n1 passed in 1.00s\n" * 1_000,
    "test session starts\n" + "a.py " + "." * 1_900 + "\n" + "." * SIZE,
    "Ran 1 test in 0.1s\n" * 4_000,
    "Ran 1 test in 0.1s\n\nOK\n" * 3_000,
    "=" * 70
    + "\nERROR: a (b.c)\n"
    + "-" * 70
    + "\n"
    + "Traceback (most recent call last):\n" * 2_000,
    "Tests: 1 passed, 1 total\n" * 3_000,
    "  ● a\n" * 20_000,
    "FAIL " + "a " * (SIZE // 2),
    " FAIL  a > b\n" * 6_000 + " Test Files  1 failed (1)\n      Tests  1 failed (1)\n",
    "⎯⎯⎯ Unhandled Error ⎯⎯⎯\nError: x\n" * 1_000,
    "--- FAIL: A (0.00s)\n" * 1_000 + "FAIL\tp\t0.1s\n",
    "=== RUN A\n    a_test.go:1: x\n" * 2_000 + "FAIL\tp\t0.1s\n",
    '{"Action":"output","Package":"p","Output":"x"}\n' * 150_000,
    "{" * SIZE,
    '{"Time":' + "[" * 1_000 + "\n",
    "---- a stdout ----\n" * 4_000,
    "test a ... ok\n" * 5_000,
    "thread 'a' panicked at 'b', c:1:1\n" * 2_000,
    "\x1b[" * (SIZE // 2),
    "\x1b]" + "0" * SIZE,
    "\x1b]" * (SIZE // 2),
    "\r" * SIZE,
    "TOTAL" + " 1" * (SIZE // 2),
    "TOTAL 1 1 1%\n" * 6_000,
    "All files |" + " 1 |" * (SIZE // 4),
    "--- " * (SIZE // 4),
]


@pytest.mark.parametrize("output", HOSTILE, ids=lambda text: repr(text[:16]))
def test_time_grows_with_the_length_alone(output: str) -> None:
    def cost(text: str) -> float:
        begin = time.process_time()
        runners.read(text)
        return time.process_time() - begin

    # What is quadratic costs sixteen times as much, and minutes at the 8 MiB that are allowed.
    assert cost(output * 4) < 1 + 9 * cost(output)


LINES = [
    "a;" * 10**6,
    "'" * 10**6,
    "$(" * 10**6,
    "bash -c '" * 10**5,
    "sudo " * 10**6,
    "A=1 " * 10**6,
    "git commit && " * 10**5,
    "cat <<EOF\n" * 10**5,
    "2>&1 " * 10**6,
    "\\" * 10**6,
    "pytest -- " * 10**5,
    "x" * 2**23,
]


@pytest.mark.parametrize("line", LINES, ids=lambda text: repr(text[:12]))
def test_hostile_command_lines_end(line: str) -> None:
    begin = time.process_time()
    extracted = extract("command", {"command": line, "output": line, "exit_code": 0})
    assert extracted["exit_code"] == 0
    assert time.process_time() - begin < 10
