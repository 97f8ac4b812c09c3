"""Transcript import: every tool call of a session once, whatever else the files hold."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from contexts import services
from contexts.access import Caller
from contexts.history import head_of
from contexts.levels import BRANCH, PROJECT, TASK
from contexts.models import Entry, owned
from contexts.queries import present_entry
from contexts.transcripts.importing import MOST_EARLY
from tests.conftest import make_organization
from tests.instances import Instance, temporary_database

RECORDED = Path(__file__).resolve().parent.parent / "data" / "transcripts"
COVERAGE = RECORDED / "coverage-test-fix.jsonl"
HELLO = RECORDED / "hello-world-script.jsonl"
HELLO_SESSION = "de3b8b19-5bc0-4a2a-934a-1b6806567e25"


def run(*paths: Path, **options: Any) -> str:
    out = io.StringIO()
    call_command("import_transcript", *map(str, paths), stdout=out, **options)
    return out.getvalue()


def recorded_calls(path: Path) -> Iterator[str]:
    """The ids of the tool calls in a recorded run, counted without the code under test."""
    for line in path.read_text().splitlines():
        body = json.loads(line)
        content = body.get("message", {}).get("content")
        for block in content if isinstance(content, list) else []:
            if block["type"] == "tool_use":
                yield block["id"]


def actions(organization_id: str = "global", **lookups: Any) -> list[dict[str, Any]]:
    found = owned(organization_id, Entry, kind="action", **lookups)
    return [present_entry(entry) for entry in found.order_by("created_at", "pk")]


def ids_of(shown: list[dict[str, Any]]) -> list[str]:
    return [entry["details"]["tool_use_id"] for entry in shown]


def call(number: int, session: str = "s1", tool: str = "Bash", **fields: Any) -> str:
    arguments = fields.pop("input", {"command": f"echo {number}"})
    block = {"type": "tool_use", "id": f"call-{number}", "name": tool, "input": arguments}
    return json.dumps(
        {
            "type": "assistant",
            "sessionId": session,
            "cwd": "/home/me/shop",
            "gitBranch": "main",
            "timestamp": f"2026-01-01T00:00:{number % 60:02}Z",
            "message": {"role": "assistant", "model": "m1", "content": [block]},
            **fields,
        }
    )


def result(number: int, session: str = "s1", content: Any = "done", **fields: Any) -> str:
    block = {"type": "tool_result", "tool_use_id": f"call-{number}", "content": content}
    return json.dumps(
        {
            "type": "user",
            "sessionId": session,
            "timestamp": f"2026-01-01T00:01:{number % 60:02}Z",
            "message": {"role": "user", "content": [block]},
            **fields,
        }
    )


def prompt(text: str, session: str = "s1", **fields: Any) -> str:
    message = {"role": "user", "content": text}
    return json.dumps({"type": "user", "sessionId": session, "message": message, **fields})


def write(folder: Path, name: str, *lines: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(line + "\n" for line in lines))
    return path


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


def test_a_session_becomes_a_task_of_its_folder_and_git_branch(organization: str) -> None:
    run(RECORDED)

    task = TASK.rows(organization, context_id=HELLO_SESSION).get()
    assert task.data["title"].startswith("Write a shell script called hello.sh")
    assert task.data["cwd"] == "/tmp/tmp74wiyiny"
    assert task.data["started_at"] < task.data["ended_at"]
    assert task.data["tool_calls"] == 2
    branches = {row.context_id: BRANCH.values(row) for row in BRANCH.rows(organization)}
    assert {name: branch["git_branch_name"] for name, branch in branches.items()} == {
        "tmp74wiyiny:main": "main",
        "tmpw6sk2trg:master": "master",
    }
    project = PROJECT.rows(organization, context_id="tmp74wiyiny").get()
    assert PROJECT.values(project)["project_name"] == "tmp74wiyiny"


def test_importing_again_changes_nothing(organization: str) -> None:
    run(RECORDED)
    head, before = head_of(organization), actions()

    said = run(RECORDED)

    assert head_of(organization) == head
    assert actions() == before
    assert f"0 entries new, {len(before)} known" in said


def test_the_order_of_the_lines_does_not_matter(organization: str, tmp_path: Path) -> None:
    recorded = COVERAGE.read_text().splitlines()
    told = []
    for session, lines in (("s1", recorded), ("s2", recorded[::-1])):
        named = [json.dumps({**json.loads(line), "sessionId": session}) for line in lines]
        run(write(tmp_path, f"{session}.jsonl", *named))
        ended = owned("global", Entry, kind="progress", context_id=session).get().content
        told.append((ended, [each["details"]["extracted"] for each in actions(context_id=session)]))
    assert told[0] == told[1]


def test_an_answer_that_is_text_alone_tells_what_it_can(organization: str, tmp_path: Path) -> None:
    recorded = [json.loads(line) for line in HELLO.read_text().splitlines()]
    told = []
    for session, without in (("s1", ""), ("s2", "toolUseResult")):
        lines = [
            {name: value for name, value in line.items() if name != without} for line in recorded
        ]
        named = [json.dumps({**line, "sessionId": session}) for line in lines]
        run(write(tmp_path, f"{session}.jsonl", *named))
        told.append([each["details"]["extracted"] for each in actions(context_id=session)])
    assert told[0] == told[1]


def test_results_without_calls_are_forgotten(organization: str, tmp_path: Path) -> None:
    strays = [result(number) for number in range(1, MOST_EARLY + 2)]
    run(write(tmp_path, "s1.jsonl", *strays, call(1), call(2)))
    one, two = actions()
    assert ("result" in one["details"], "result" in two["details"]) == (False, True)


def test_what_somebody_wrote_into_the_task_stays(owner: Caller) -> None:
    run(HELLO)
    services.update(
        owner,
        TASK,
        HELLO_SESSION,
        lambda values: {**values, "data": {**values["data"], "title": "Mine", "mood": "good"}},
    )
    run(HELLO)

    task = TASK.rows("global", context_id=HELLO_SESSION).get()
    assert (task.data["title"], task.data["mood"], task.version) == ("Mine", "good", 2)


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


def test_project_and_branch_can_be_named(owner: Caller, tmp_path: Path) -> None:
    run(write(tmp_path, "a.jsonl", call(1)), project="p9", branch="b9")
    run(write(tmp_path, "b.jsonl", call(2, "s2")), branch="b9")
    run(write(tmp_path, "c.jsonl", call(3, "s3")), project="p9")

    tasks = {row.context_id: TASK.parent_id(row) for row in TASK.rows("global")}
    assert tasks == {"s1": "b9", "s2": "b9", "s3": "p9:main"}
    assert [row.context_id for row in PROJECT.rows("global")] == ["p9"]
    with pytest.raises(CommandError, match="b9 belongs to another project"):
        run(write(tmp_path, "d.jsonl", call(4, "s4")), project="p8", branch="b9")
    with pytest.raises(CommandError, match="no id of a project"):
        run(tmp_path / "d.jsonl", project="a b")


def test_made_branch_ids_are_short_and_never_another_projects(
    owner: Caller, tmp_path: Path
) -> None:
    long = "feature/" + "long-name-" * 10
    run(write(tmp_path, "a.jsonl", call(1, gitBranch=long)))
    parents = {"branch_id": "shop:main", "project_id": "other"}
    services.create(owner, TASK, {}, context_id="t1", parent_ids=parents, create_parents=True)
    run(write(tmp_path, "b.jsonl", call(2, "s2")))

    first, second = (TASK.rows("global", context_id=each).get() for each in ("s1", "s2"))
    assert len(TASK.parent_id(first)) == 36
    assert TASK.parent_id(first).startswith("shop:feature-long-name")
    branch = BRANCH.rows("global", context_id=TASK.parent_id(second)).get()
    assert branch.context_id != "shop:main"
    assert BRANCH.parent_id(branch) == "shop"


def test_two_organizations_import_the_same_session(organization: str) -> None:
    make_organization("elsewhere")
    run(HELLO)
    run(HELLO, organization="elsewhere")

    assert ids_of(actions()) == ids_of(actions("elsewhere"))


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
