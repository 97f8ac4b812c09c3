"""Files in any number and state: each call is imported once."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from contexts.history import head_of
from contexts.levels import BRANCH, TASK
from contexts.models import Entry, owned
from tests.contexts.transcripts.sessions import (
    COVERAGE,
    HELLO,
    RECORDED,
    actions,
    call,
    ids_of,
    prompt,
    recorded_calls,
    result,
    run,
    write,
)
from tests.instances import Instance, temporary_database


def test_importing_again_changes_nothing(organization: str) -> None:
    run(RECORDED)
    head, before = head_of(organization), actions()

    said = run(RECORDED)

    assert head_of(organization) == head
    assert actions() == before
    assert f"0 entries new, {len(before)} known" in said


def test_a_file_that_grows_adds_what_is_new(organization: str, tmp_path: Path) -> None:
    lines = COVERAGE.read_text().splitlines()
    path = tmp_path / "growing.jsonl"
    for length in range(0, len(lines) + 1, 5):
        path.write_text("\n".join(lines[:length]))
        run(path)
        assert sorted(ids_of(actions())) == sorted(recorded_calls(path))
    run(COVERAGE)

    assert sorted(ids_of(actions())) == sorted(recorded_calls(COVERAGE))


def test_broken_lines_are_counted_and_stop_nothing(organization: str, tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "broken.jsonl",
        call(1),
        "{",
        result(1),
        "[]",
        '"text"',
        "[" * 100_000,
        "",
        '{"type": "brand-new", "content": [1]}',
        '{"type": "assistant", "message": 5}',
        '{"type": "assistant", "message": {"content": [5, {"type": "tool_use"}]}}',
        '{"type": "user", "sessionId": 7, "timestamp": 8, "message": {"content": [null]}}',
        call(2, timestamp="not a time"),
        call(3, timestamp="0001-01-01T00:00:00+23:00", input=[1, 10**30, 1e300]),
        call(4, input=None, isSidechain=True, agentId="a1"),
    )
    with path.open("ab") as file:
        file.write(call(5).replace("echo 5", "caf\\u0000\\ud800").encode() + b"\n")
        file.write(call(6).encode().replace(b"echo 6", b"caf\xe9") + b"\n")
        file.write(call(7).encode()[:40])

    said = run(path)

    assert "broken.jsonl: 5 lines could not be read: 2, 4, 5, 6, 17" in said
    assert "1 line of the unknown type 'brand-new' passed over" in said
    found = {each["details"]["tool_use_id"]: each for each in actions()}
    assert {f"call-{number}" for number in range(1, 7)} < set(found)
    assert len(found) == 7
    assert found["call-4"]["details"]["sidechain"] is True
    assert found["call-5"]["content"] == "Bash: caf\ufffd\ufffd"
    assert found["call-6"]["content"] == "Bash: caf\ufffd"
    assert "result" not in found["call-2"]["details"]
    run(path)
    assert len(actions()) == 7


def test_several_sessions_in_a_file_and_one_in_several_files(
    organization: str, tmp_path: Path
) -> None:
    write(tmp_path, "a.jsonl", call(1), call(2, "s2"), result(2, "s2"), result(1))
    write(tmp_path, "deep/er/b.jsonl", call(3), result(3), call(4, "no valid id!"))
    write(tmp_path, "notes.txt", call(9))

    said = run(tmp_path)

    assert "3 sessions, 4 entries new" in said
    assert ids_of(actions(context_id="s1")) == ["call-1", "call-3"]
    assert ids_of(actions(context_id="s2")) == ["call-2"]
    made = [row.context_id for row in TASK.rows("global") if row.context_id not in ("s1", "s2")]
    assert [len(each) for each in made] == [36]
    assert TASK.rows("global", context_id="s1").get().data["tool_calls"] == 2
    head = head_of("global")
    run(tmp_path)
    assert head_of("global") == head


def test_a_long_session_is_imported_in_parts(organization: str, tmp_path: Path) -> None:
    lines = [line for number in range(1, 701) for line in (call(number), result(number))]
    run(write(tmp_path, "long.jsonl", *lines))

    assert len(actions()) == 700
    assert TASK.rows("global", context_id="s1").get().data["tool_calls"] == 700


def test_what_cannot_be_used_is_named(organization: str, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"missing\.jsonl"):
        run(tmp_path / "missing.jsonl")
    with pytest.raises(CommandError, match="no organization nowhere"):
        run(HELLO, organization="nowhere")
    with pytest.raises(CommandError, match="agent"):
        run(HELLO, agent="")
    assert "0 sessions, 0 entries new" in run(tmp_path)


def test_the_command_as_a_user_runs_it(tmp_path: Path, organization: str) -> None:
    out = io.StringIO()
    call_command("export_contexts", stdout=out)
    with temporary_database(tmp_path) as database_url:
        instance = Instance(tmp_path / "home", database_url, {})
        instance.manage("migrate", "-v0")
        instance.manage("import_contexts", "-", input=out.getvalue())

        said = instance.manage("import_transcript", str(RECORDED))
        again = instance.manage("import_transcript", str(COVERAGE), str(HELLO))

    total = len([*recorded_calls(COVERAGE), *recorded_calls(HELLO)])
    assert said.stdout == f"2 sessions, {total} entries new, 0 known, 0 lines unread.\n"
    assert again.stdout == f"2 sessions, 0 entries new, {total} known, 0 lines unread.\n"
    # No progress bar where nobody watches.
    assert said.stderr == ""


def test_a_session_s_end_is_progress_once_and_again_when_it_went_on(
    organization: str, tmp_path: Path
) -> None:
    def ends() -> list[str]:
        found = owned(organization, Entry, kind="progress").order_by("created_at")
        return [entry.content for entry in found]

    words = {"type": "assistant", "sessionId": "s1", "timestamp": "2026-01-01T00:02:00Z"}
    said = json.dumps(
        {**words, "message": {"content": [{"type": "text", "text": "All tests pass."}]}}
    )
    short = write(tmp_path, "short.jsonl", prompt("Fix it"), call(1), result(1), said)
    for _ in range(2):
        run(short)
    assert ends() == ["Session ended: All tests pass."]
    longer = write(
        tmp_path,
        "longer.jsonl",
        *(prompt("Fix it"), call(1), result(1), said),
        call(2, timestamp="2026-01-01T00:03:00Z"),
    )
    for path in (longer, short):
        run(path)
    assert len(ends()) == 2, "it went on; and what is older than the end tells nothing new"


def test_a_session_of_hooks_is_not_doubled_by_its_import(
    teammate_client: APIClient, tmp_path: Path
) -> None:
    def post(name: str, **members: Any) -> None:
        body = {"hook_event_name": name, "session_id": "s1", "cwd": "/home/me/shop", **members}
        answer = teammate_client.post("/api/v1/hooks/claude-code/", body, format="json")
        assert answer.status_code == 200

    told = {"tool_name": "Bash", "tool_input": {"command": "echo 1"}, "tool_use_id": "call-1"}
    post("PostToolUse", **told, tool_response={"stdout": "done"})
    post("SessionEnd", reason="other")
    said = run(write(tmp_path, "s1.jsonl", call(1), result(1), call(2), result(2)))
    assert "1 session, 1 entries new, 1 known" in said
    assert [entry["details"]["tool_use_id"] for entry in actions()] == ["call-2", "call-1"]
    assert owned("global", Entry, kind="progress").count() == 1
    keys = [set(entry["details"]) for entry in actions()]
    assert keys[0] == keys[1]
    assert [row.context_id for row in TASK.rows("global")] == ["s1"]
    assert [row.context_id for row in BRANCH.rows("global")] == ["shop:main"]
