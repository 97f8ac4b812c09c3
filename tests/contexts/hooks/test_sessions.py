"""What the beginning, the words and the end of a session become."""

import pytest
from rest_framework.test import APIClient

from contexts.access import Caller
from contexts.levels import BRANCH, PROJECT, TASK
from contexts.models import Entry
from tests.conftest import make_chain
from tests.contexts.hooks.events import SECRET, entries, event, post, used


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


def test_two_organizations_may_have_a_session_of_one_id(
    teammate_client: APIClient, stranger_client: APIClient
) -> None:
    for client in (teammate_client, stranger_client):
        assert post(client, used()).status_code == 200
    assert Entry.objects.count() == 2
