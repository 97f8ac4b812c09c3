"""Contexts created over REST: their shape, ids and parents."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.contexts.rest import API, TASKS, head, make_task


def test_a_created_context_has_the_contract_s_shape(teammate_client: APIClient) -> None:
    make_task(teammate_client, "t0")
    answer = teammate_client.post(TASKS, {"id": "task-1", "branch_id": "b1"}, format="json")
    assert answer.status_code == 201
    body = answer.json()
    assert answer["Location"] == "/api/v1/contexts/task/task-1/"
    assert answer["ETag"] == f'"{body["revision"]}"'
    assert body.pop("sync") == {"status": "disabled"}
    assert body == teammate_client.get(f"{TASKS}task-1/").json()
    assert body.pop("created_at") == body.pop("updated_at")
    assert body.pop("revision").startswith("1-")
    assert body == {
        "level": "task",
        "id": "task-1",
        "organization_id": "global",
        "branch_id": "b1",
        "data": {},
        "metadata": {},
        "progress": 0,
        "next_steps": [],
        "version": 1,
        "updated_by": "teammate",
    }


@pytest.mark.parametrize(
    ("level", "more"),
    [
        ("project", {"global_id": "global", "project_name": ""}),
        ("branch", {"project_id": "p1", "git_branch_name": ""}),
    ],
)
def test_left_out_fields_take_their_defaults(
    teammate_client: APIClient, level: str, more: dict[str, str]
) -> None:
    make_task(teammate_client)
    parent = {name: value for name, value in more.items() if name == "project_id"}
    body = teammate_client.post(f"{API}contexts/{level}/", parent, format="json").json()
    assert {"data": {}, "metadata": {}, "version": 1, **more}.items() <= body.items()
    assert len(body["id"]) == 36
    assert body["id"][14] == "7", "the server makes UUIDs of version 7"


def test_a_missing_parent_is_named(teammate_client: APIClient) -> None:
    before = head(teammate_client)
    answer = teammate_client.post(TASKS, {"branch_id": "nope"}, format="json")
    assert answer.status_code == 400
    assert answer.json()["code"] == "parent_missing"
    assert answer.json()["success"] is False
    assert answer.json()["validation_errors"] == {"branch_id": ["Parent context must exist"]}
    assert head(teammate_client) == before


def test_missing_parents_are_made_on_request_only_above_and_all_or_none(
    teammate_client: APIClient,
) -> None:
    before = head(teammate_client)
    without = teammate_client.post(
        f"{TASKS}?create_parents=true", {"branch_id": "b9"}, format="json"
    )
    assert without.status_code == 400
    assert "project_id" in without.json()["validation_errors"]
    assert head(teammate_client) == before
    make_task(teammate_client)
    assert teammate_client.get(f"{API}contexts/branch/b1/").json()["project_id"] == "p1"
    assert teammate_client.get(f"{API}contexts/project/p1/").json()["data"] == {}
    make_task(teammate_client, "t2")
    elsewhere = {"branch_id": "b1", "project_id": "p2"}
    answer = teammate_client.post(f"{TASKS}?create_parents=true", elsewhere, format="json")
    assert answer.status_code == 400, "b1 is p1's"


@pytest.mark.parametrize("field", ["branch_id", "project_id"])
def test_a_parent_to_make_is_named_when_its_id_is_none(
    teammate_client: APIClient, field: str
) -> None:
    body = {"branch_id": "b9", "project_id": "p9", field: "a b"}
    answer = teammate_client.post(f"{TASKS}?create_parents=true", body, format="json")
    assert answer.status_code == 400
    assert list(answer.json()["validation_errors"]) == [field]


def test_a_taken_id_is_a_conflict(teammate_client: APIClient) -> None:
    make_task(teammate_client)
    answer = teammate_client.post(TASKS, {"id": "t1", "branch_id": "b1"}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (409, "id_taken")


@pytest.mark.parametrize(
    "context_id",
    ["", "-a", ".a", "a b", "a/b", "ä", "x" * 37, 5, None, True, ["a"], "a\n", "a\u0661"],
)
def test_ids_that_are_none_are_refused(teammate_client: APIClient, context_id: Any) -> None:
    make_task(teammate_client)
    body = {"id": context_id, "branch_id": "b1"}
    answer = teammate_client.post(TASKS, body, format="json")
    assert answer.status_code == 400
    assert list(answer.json()["validation_errors"]) == ["id"]


@pytest.mark.parametrize("context_id", ["a", "0", "A.b_c:d@e-f", "x" * 36])
def test_ids_that_are_some_are_taken(teammate_client: APIClient, context_id: str) -> None:
    make_task(teammate_client)
    answer = teammate_client.post(TASKS, {"id": context_id, "branch_id": "b1"}, format="json")
    assert answer.status_code == 201
    assert teammate_client.get(answer["Location"]).status_code == 200
