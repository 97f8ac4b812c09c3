"""The end of a task: its status, and what it teaches the project."""

from datetime import datetime

import pytest

from contexts import completion, entries, services
from contexts.access import Caller
from contexts.errors import NotFound, RevisionMismatch
from contexts.extraction import extract
from contexts.history import head_of
from contexts.lessons import MOST_PATTERNS
from contexts.levels import PROJECT, TASK, Document
from contexts.models import Delegation, Entry, Role, owned
from tests.conftest import make_organization
from tests.contexts.replay import assert_log_is_the_state


@pytest.fixture
def tasks(owner: Caller) -> Caller:
    """The owner of an organization with two tasks in two branches of one project."""
    for task, branch in (("t1", "b1"), ("t2", "b2")):
        services.create(
            owner,
            TASK,
            {"data": {"goal": task}, "progress": 30, "next_steps": ["finish"]},
            context_id=task,
            parent_ids={"branch_id": branch, "project_id": "p1"},
            create_parents=True,
        )
    return owner


def insight(author: Caller, task: str, content: str, importance: str = "high") -> Entry:
    return entries.add(
        author,
        TASK,
        task,
        Entry.Kind.INSIGHT,
        content,
        category="technical",
        importance=importance,
    )


def patterns_of_project() -> Document:
    data: Document = PROJECT.rows("global", context_id="p1").get().data
    patterns: Document = data.get("reusable_patterns", {})
    return patterns


def test_a_completed_task_says_so_and_keeps_what_it_had(tasks: Caller) -> None:
    task, delegated = completion.complete(tasks, "t1", "all done")
    data = dict(task.data)
    at = datetime.fromisoformat(data.pop("completed_at"))
    assert abs((task.updated_at - at).total_seconds()) < 60
    assert data == {"goal": "t1", "status": "completed", "completion_summary": "all done"}
    values = TASK.values(TASK.rows("global", context_id="t1").get())
    assert (values["progress"], values["next_steps"]) == (100, ["finish"])
    assert (task.version, delegated) == (2, [])
    assert patterns_of_project() == {}
    assert_log_is_the_state("global")


def test_weighty_insights_become_patterns_of_the_project(tasks: Caller) -> None:
    kept = [
        insight(tasks, "t1", "retry with jitter"),
        insight(tasks, "t1", "hash keys", "critical"),
    ]
    for importance in ("low", "medium", ""):
        insight(tasks, "t1", "of the moment", importance)
    entries.add(tasks, TASK, "t1", Entry.Kind.PROGRESS, "half way", importance="high")
    insight(tasks, "t2", "of another task")
    task, delegated = completion.complete(tasks, "t1", "done")
    assert patterns_of_project() == {
        str(entry.entry_id): {
            "pattern": entry.content,
            "category": "technical",
            "importance": entry.importance,
            "task_id": "t1",
            "evidence": [str(entry.entry_id)],
        }
        for entry in kept
    }
    assert [
        (each.target_level, each.target_id, each.reason, each.status) for each in delegated
    ] == [("project", "p1", "Reusable patterns discovered", "approved")]
    assert task.version == 2
    assert_log_is_the_state("global")


def test_a_writer_may_complete_and_so_delegate(tasks: Caller) -> None:
    insight(tasks, "t1", "retry with jitter")
    _, delegated = completion.complete(Caller("global", "writer", Role.WRITER), "t1", "done")
    assert [each.requested_by for each in delegated] == ["writer"]
    assert len(patterns_of_project()) == 1


def test_patterns_of_several_tasks_stand_side_by_side(tasks: Caller) -> None:
    for task in ("t1", "t2"):
        insight(tasks, task, f"found in {task}")
        completion.complete(tasks, task, "done")
    found = sorted(each["task_id"] for each in patterns_of_project().values())
    assert found == ["t1", "t2"]


def test_completing_twice_changes_nothing_and_answers_the_same(tasks: Caller) -> None:
    insight(tasks, "t1", "retry with jitter")
    first, delegated = completion.complete(tasks, "t1", "done")
    head = head_of("global")
    insight(tasks, "t1", "too late")
    second, again = completion.complete(tasks, "t1", "done differently")
    assert (second.revision, again) == (first.revision, delegated)
    assert head_of("global") == head + 1
    assert len(patterns_of_project()) == 1


@pytest.mark.parametrize(
    "by_hand",
    [
        {"data": {"status": "completed"}},
        {"data": {"status": "completed", "completed_at": "2026-01-01T00:00:00Z"}},
        {"data": {"status": "completed", "completion_summary": "", "completed_at": None}},
        {"data": {"status": "completed", "completion_summary": "", "completed_at": "today"}},
    ],
)
def test_what_was_set_by_hand_does_not_keep_a_task_from_completion(
    tasks: Caller, by_hand: Document
) -> None:
    services.update(tasks, TASK, "t1", lambda values: {**values, **by_hand})
    task, _ = completion.complete(tasks, "t1", "done")
    assert (task.data["status"], task.data["completion_summary"]) == ("completed", "done")
    assert datetime.fromisoformat(task.data["completed_at"]).year > 2025
    assert (TASK.values(task)["progress"], task.version) == (100, 3)


def test_a_completed_task_that_went_on_can_be_completed_again(tasks: Caller) -> None:
    completion.complete(tasks, "t1", "too early")
    services.update(tasks, TASK, "t1", lambda values: {**values, "progress": 80})
    task, _ = completion.complete(tasks, "t1", "now")
    assert (TASK.values(task)["progress"], task.data["completion_summary"]) == (100, "now")


def test_only_the_newest_patterns_are_handed_up(tasks: Caller) -> None:
    for number in range(MOST_PATTERNS + 3):
        insight(tasks, "t1", f"insight {number}")
    completion.complete(tasks, "t1", "done")
    patterns = {each["pattern"] for each in patterns_of_project().values()}
    assert patterns == {f"insight {number}" for number in range(3, MOST_PATTERNS + 3)}


def test_a_revision_can_be_asked_for(tasks: Caller) -> None:
    insight(tasks, "t1", "retry with jitter")
    head = head_of("global")
    with pytest.raises(RevisionMismatch):
        completion.complete(tasks, "t1", "done", lambda _: False)
    assert (head_of("global"), owned("global", Delegation).count()) == (head, 0)


def test_missing_and_strange_tasks_are_not_found(tasks: Caller) -> None:
    make_organization("elsewhere")
    for caller, task in ((tasks, "t3"), (Caller("elsewhere", "stranger", Role.ADMIN), "t1")):
        with pytest.raises(NotFound):
            completion.complete(caller, task, "done")


def act(author: Caller, extracted: Document, task: str = "t1") -> str:
    details = {"extracted": extracted}
    entry = entries.add(author, TASK, task, Entry.Kind.ACTION, "did it", details=details)
    return str(entry.entry_id)


def edit(author: Caller, *patterns: str) -> str:
    return act(author, {"changes": [], "patterns_used": list(patterns)})


def run_tests(author: Caller, passed: int = 3, failed: int = 0, code: int = 0) -> str:
    results = {"passed": passed, "failed": failed, "errors": None}
    return act(author, {"command": "pytest", "exit_code": code, "test_results": results})


def lessons(author: Caller, task: str = "t1") -> list[Document]:
    completion.complete(author, task, "done")
    return list(patterns_of_project().values())


def test_a_pattern_of_two_edits_that_passed_their_tests_is_reusable(tasks: Caller) -> None:
    first = edit(tasks, "repository", "retry")
    run_tests(tasks, failed=1, code=1)
    second = edit(tasks, "repository")
    run = run_tests(tasks)
    edit(tasks, "retry")
    edit(tasks, "retry")
    assert lessons(tasks) == [
        {"pattern": "repository", "edits": 2, "task_id": "t1", "evidence": [second, first, run]}
    ]


@pytest.mark.parametrize(
    "run",
    [
        {"passed": 3, "failed": 1},
        {"passed": 3, "failed": 0, "errors": 2},
        {"passed": 0, "failed": 0},
        {"passed": None, "failed": None},
        {"passed": "3"},
        {},
    ],
)
def test_a_run_that_did_not_pass_proves_nothing(tasks: Caller, run: Document) -> None:
    for _ in range(2):
        edit(tasks, "repository")
    act(tasks, {"test_results": run})
    assert lessons(tasks) == []


def test_what_go_says_of_tests_that_passed_proves_a_pattern(tasks: Caller) -> None:
    for _ in range(2):
        edit(tasks, "repository")
    act(tasks, extract("command", {"command": "go test ./...", "output": "ok  \tshop\t0.1s\n"}))
    assert [each["pattern"] for each in lessons(tasks)] == ["repository"]


def test_a_command_that_worked_repeatedly_is_reusable(tasks: Caller) -> None:
    def ran(command: str, *codes: int | None, kind: str = "build") -> list[str]:
        return [act(tasks, {"command": command, "exit_code": code, "kind": kind}) for code in codes]

    worked = ran("make dist", 1, 0, 0)
    ran("make once", 0)
    ran("make broken", 0, 0, 1)
    ran("make unknown", None, None)
    ran("ls -la", 0, 0, kind="other")
    ran("git commit -m x", 0, 0, kind="vcs")
    assert lessons(tasks) == [
        {
            "pattern": "`make dist` works",
            "command": "make dist",
            "times": 2,
            "task_id": "t1",
            "evidence": [worked[2], worked[1]],
        }
    ]


def test_what_actions_teach_is_delegated_once_with_its_reason(tasks: Caller) -> None:
    for _ in range(2):
        edit(tasks, "repository")
        run_tests(tasks)
    insight(tasks, "t1", "hash keys")
    _, made = completion.complete(tasks, "t1", "done")
    head = head_of("global")
    _, again = completion.complete(tasks, "t1", "done")
    assert [each.reason for each in made] == ["Reusable patterns discovered"]
    assert len(made[0].data["reusable_patterns"]) == 3
    assert (again, head_of("global")) == (made, head)
    assert_log_is_the_state("global")


def test_lessons_of_two_tasks_stand_side_by_side(tasks: Caller) -> None:
    for task in ("t1", "t2"):
        for _ in range(2):
            act(tasks, {"command": "make dist", "exit_code": 0, "kind": "build"}, task)
        completion.complete(tasks, task, "done")
    assert sorted(each["task_id"] for each in patterns_of_project().values()) == ["t1", "t2"]


def test_a_task_made_again_does_not_teach_what_the_one_before_it_did(tasks: Caller) -> None:
    insight(tasks, "t1", "of the first life")
    for _ in range(2):
        edit(tasks, "repository")
        run_tests(tasks)
    services.delete(tasks, TASK, "t1")
    services.create(tasks, TASK, {}, context_id="t1", parent_ids={"branch_id": "b1"})
    insight(tasks, "t1", "of the second")
    assert [each["pattern"] for each in lessons(tasks)] == ["of the second"]


def test_odd_actions_of_other_nodes_teach_nothing(tasks: Caller) -> None:
    for extracted in (
        {"patterns_used": "repository"},
        {"patterns_used": [5, None]},
        {"test_results": [], "exit_code": 0},
        {"command": 5, "exit_code": 0},
        {"command": 'make "', "exit_code": 0},
    ):
        act(tasks, extracted)
    act(tasks, 5)  # type: ignore[arg-type]
    assert lessons(tasks) == []
