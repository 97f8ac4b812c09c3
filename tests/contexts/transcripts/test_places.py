"""A session becomes a task of a branch and project, its folder's or those that are named."""

from pathlib import Path

import pytest
from django.core.management import CommandError

from contexts import services
from contexts.access import Caller
from contexts.levels import BRANCH, PROJECT, TASK
from tests.conftest import make_organization
from tests.contexts.transcripts.sessions import (
    HELLO,
    HELLO_SESSION,
    RECORDED,
    actions,
    call,
    ids_of,
    run,
    write,
)


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
