"""JSON Patch and Merge Patch over REST, as their RFCs have them."""

import json
from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.contexts.rest import TASKS, head, make_task
from tests.contexts.test_merging import RFC_7396


def _vectors() -> list[Any]:
    with open("tests/data/json-patch-spec-tests.json", encoding="utf-8") as file:
        return [case for case in json.load(file) if not case.get("disabled")]


@pytest.mark.parametrize("case", _vectors(), ids=lambda case: case["comment"])
def test_the_public_rfc_6902_vectors_pass(teammate_client: APIClient, case: Any) -> None:
    make_task(teammate_client, data=case["doc"])
    before = head(teammate_client)
    operations = [
        {**each, **{name: f"/data{each[name]}" for name in ("path", "from") if name in each}}
        for each in case["patch"]
    ]
    answer = teammate_client.generic(
        "PATCH", f"{TASKS}t1/", json.dumps(operations), content_type="application/json-patch+json"
    )
    if "expected" in case:
        assert (answer.status_code, answer.json()["data"]) == (200, case["expected"])
    else:
        assert (answer.status_code, answer.json()["code"]) == (400, "patch_failed")
        assert head(teammate_client) == before


OF_OBJECTS = [case for case in RFC_7396 if isinstance(case[0], dict) and isinstance(case[1], dict)]


@pytest.mark.parametrize(("document", "patch", "expected"), OF_OBJECTS)
def test_the_appendix_of_rfc_7396_passes(
    teammate_client: APIClient, document: Any, patch: Any, expected: Any
) -> None:
    make_task(teammate_client, data=document)
    answer = teammate_client.generic(
        "PATCH",
        f"{TASKS}t1/",
        json.dumps({"data": patch}),
        content_type="application/merge-patch+json",
    )
    assert (answer.status_code, answer.json()["data"]) == (200, expected)


@pytest.mark.parametrize("body", [["a"], "a", None, 1, {"data": ["c"]}, {"data": "bar"}])
def test_a_merge_patch_that_leaves_no_object_is_refused(
    teammate_client: APIClient, body: Any
) -> None:
    make_task(teammate_client)
    answer = teammate_client.generic(
        "PATCH", f"{TASKS}t1/", json.dumps(body), content_type="application/merge-patch+json"
    )
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "operations",
    [
        {},
        ["x"],
        [{}],
        [{"op": "add", "path": "/data/a"}],
        [{"op": "nope", "path": "/data", "value": 1}],
        [{"op": "add", "path": 5, "value": 1}],
        [{"op": "add", "path": "data", "value": {}}],
        [{"op": "move", "path": "/data/a"}],
        [{"op": "copy", "path": "/data/a", "from": 5}],
        [{"op": "replace", "path": "", "value": []}],
        [{"op": "remove", "path": ""}],
        [{"op": "test", "path": "/data/yes", "value": 1}],
        [{"op": "add", "path": "/data/l/5", "value": 1}],
        [{"op": "add", "path": "/data/l/01", "value": 1}],
        [{"op": "remove", "path": "/data/l/-"}],
        [{"op": "add", "path": "/data/b", "value": 1}, {"op": "remove", "path": "/data/nope"}],
        [{"op": "test", "path": "/data", "value": {}}] * 1001,
        [{"op": "add", "path": "/data/~2", "value": 1}],
        [{"op": ["add"], "path": "/data/a", "value": 1}],
    ],
)
def test_a_broken_json_patch_is_refused_as_a_whole(
    teammate_client: APIClient, operations: Any
) -> None:
    made = make_task(teammate_client, data={"yes": True, "l": [1]})
    answer = teammate_client.generic(
        "PATCH", f"{TASKS}t1/", json.dumps(operations), content_type="application/json-patch+json"
    )
    assert answer.status_code == 400
    assert teammate_client.get(f"{TASKS}t1/").json()["revision"] == made["revision"]


def test_copies_in_a_json_patch_cannot_explode(teammate_client: APIClient) -> None:
    make_task(teammate_client, data={"a": {"x": "y" * 1000}})
    doubling = [{"op": "copy", "from": "/data/a", "path": f"/data/a/{n}"} for n in range(40)]
    answer = teammate_client.generic(
        "PATCH", f"{TASKS}t1/", json.dumps(doubling), content_type="application/json-patch+json"
    )
    assert answer.status_code == 413
