"""`GET contexts/task/ID/activity/`: the task at a glance."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from contexts import entries
from contexts.access import Caller
from contexts.activity import MOST_COMMANDS, MOST_FILES, MOST_SEARCHES
from contexts.entries import Draft
from contexts.levels import TASK
from contexts.models import Entry
from tests.conftest import make_chain

ADDRESS = "/api/v1/contexts/task/t1/activity/"
NOTHING: dict[str, Any] = {"files": [], "tests": None, "failed_commands": [], "searches": []}
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def task(owner: Caller) -> Caller:
    make_chain(owner)
    return owner


def act(client: APIClient, kind: str, **data: Any) -> Any:
    body = {"action_type": kind, "action_data": {"task_id": "t1", **data}}
    answer = client.post("/api/v1/actions/", body, format="json")
    assert answer.status_code == 201
    return answer.json()["entry"]


def diff(path: str, added: int) -> str:
    lines = "".join(f"+line {number}\n" for number in range(added))
    return f"--- a/{path}\n+++ b/{path}\n@@ -1 +1,{added} @@\n-old\n{lines}"


def add(author: Caller, extracted: list[Any]) -> None:
    drafts = [
        Draft(
            Entry.Kind.ACTION,
            "did something",
            details={"extracted": each, "input": "x" * 2_000},
            at=START + timedelta(seconds=number),
        )
        for number, each in enumerate(extracted)
    ]
    entries.add_many(author, TASK, "t1", drafts)


def test_a_task_without_entries_has_nothing_to_show(task: Caller, owner_client: APIClient) -> None:
    assert owner_client.get(ADDRESS).json() == NOTHING


def test_a_run_that_told_nothing_does_not_hide_the_one_before(
    task: Caller, owner_client: APIClient
) -> None:
    act(owner_client, "test_run", passed=412, failed=2)
    act(owner_client, "command", command="pytest -q", exit_code=1, output="Killed")
    shown = owner_client.get(ADDRESS).json()
    assert shown["tests"]["test_results"]["passed"] == 412
    assert [each["command"] for each in shown["failed_commands"]] == ["pytest -q"]


def test_a_task_is_told_from_its_entries(task: Caller, owner_client: APIClient) -> None:
    act(owner_client, "file_edit", changes=diff("a.py", 3))
    act(owner_client, "file_edit", changes=diff("b.py", 1))
    act(owner_client, "file_edit", changes=diff("a.py", 2))
    act(owner_client, "test_run", passed=1, failed=2, failure_details=["test_x - no"])
    tested = act(owner_client, "command", command="pytest", exit_code=1, output="1 failed in 0.1s")
    act(owner_client, "command", command="ls", exit_code=0)
    sought = act(owner_client, "search", query="retry", files=["a.py"])
    act(owner_client, "coffee", changes=diff("c.py", 3))
    shown = owner_client.get(ADDRESS).json()
    assert shown["files"] == [
        {"path": "a.py", "added": 5, "removed": 2, "edits": 2},
        {"path": "b.py", "added": 1, "removed": 1, "edits": 1},
    ]
    assert shown["tests"] == {
        "test_results": tested["details"]["extracted"]["test_results"],
        "failures": tested["details"]["extracted"]["failures"],
        "at": tested["created_at"],
    }
    assert shown["failed_commands"] == [
        {"command": "pytest", "exit_code": 1, "at": tested["created_at"]}
    ]
    assert shown["searches"] == [{"query": "retry", "count": 1, "at": sought["created_at"]}]


def test_a_file_whose_lines_nobody_told_was_edited_all_the_same(
    task: Caller, owner_client: APIClient
) -> None:
    act(owner_client, "file_edit", file_paths=["a.py", "/srv/shop/b.py"], changes=diff("b.py", 1))
    act(owner_client, "file_edit", file_paths=["a.py"], content="x = 1\n")
    assert owner_client.get(ADDRESS).json()["files"] == [
        {"path": "a.py", "added": 0, "removed": 0, "edits": 2},
        {"path": "b.py", "added": 1, "removed": 1, "edits": 1},
    ]


def test_it_is_current_after_every_entry_and_has_an_etag(
    task: Caller, owner_client: APIClient
) -> None:
    for number in range(1, 4):
        act(owner_client, "search", query=f"q{number}", results=number)
        first, again = owner_client.get(ADDRESS), owner_client.get(ADDRESS)
        assert len(first.json()["searches"]) == number
        assert first.content == again.content
    etag = {"If-None-Match": first.headers["ETag"]}
    assert owner_client.get(ADDRESS, headers=etag).status_code == 304


def test_the_newest_are_shown_and_no_more(task: Caller, owner_client: APIClient) -> None:
    count = MOST_FILES + 5
    changed = [
        {"changes": [{"path": f"f{n}.py", "added": 1, "removed": 0}], "exit_code": n + 1}
        | {"command": f"c{n}", "query": f"q{n}", "count": n}
        for n in range(count)
    ]
    add(task, changed)
    shown = owner_client.get(ADDRESS).json()
    assert [len(shown[name]) for name in ("files", "failed_commands", "searches")] == [
        MOST_FILES,
        MOST_COMMANDS,
        MOST_SEARCHES,
    ]
    assert shown["files"][0]["path"] == f"f{count - 1}.py"
    assert shown["searches"][0]["query"] == f"q{count - 1}"


def test_ten_thousand_entries_take_no_longer_than_a_person_waits(
    task: Caller, owner_client: APIClient
) -> None:
    results = {"passed": 1, "failed": 0}
    kinds = [
        {"changes": [{"path": f"f{n % 300}.py", "added": 2, "removed": 1}]} for n in range(5_000)
    ] + [{"command": "pytest", "exit_code": n % 2, "test_results": results} for n in range(5_000)]
    add(task, kinds)
    started = time.process_time()
    shown = owner_client.get(ADDRESS).json()
    first = time.process_time() - started
    assert sum(each["edits"] for each in shown["files"]) == 5_000
    started = time.process_time()
    assert owner_client.get(ADDRESS).json() == shown
    again = time.process_time() - started
    assert first < 3
    assert again < 0.5


@pytest.mark.parametrize(
    "extracted",
    [
        None,
        5,
        "text",
        [],
        {"pending": True},
        {"changes": 5, "test_results": [], "failures": 5, "exit_code": "1", "command": 5},
        {"changes": [5, {"path": 5}, {"path": None}], "exit_code": True, "command": "x"},
        {"query": 5, "count": "many"},
    ],
)
def test_odd_entries_of_other_nodes_show_nothing(
    task: Caller, owner_client: APIClient, extracted: Any
) -> None:
    add(task, [extracted])
    shown = owner_client.get(ADDRESS)
    assert shown.status_code == 200
    assert {**shown.json(), "failed_commands": []} == NOTHING


def test_only_tasks_have_it_and_only_ones_own(
    task: Caller, owner_client: APIClient, reader_client: APIClient, stranger_client: APIClient
) -> None:
    assert reader_client.get(ADDRESS).status_code == 200
    assert stranger_client.get(ADDRESS).status_code == 404
    assert APIClient().get(ADDRESS).status_code == 401
    assert owner_client.get("/api/v1/contexts/branch/b1/activity/").status_code == 404
