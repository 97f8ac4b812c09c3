"""Contexts patched, replaced and deleted over REST, also on a condition."""

import json
from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.contexts.rest import API, TASKS, head, make_task


def test_a_patch_that_changes_nothing_makes_no_version(teammate_client: APIClient) -> None:
    made = make_task(teammate_client, data={"a": {"b": 1}})
    before = head(teammate_client)
    answer = teammate_client.patch(f"{TASKS}t1/", {"data": {"a": {}}}, format="json")
    assert answer.status_code == 200
    assert answer.json()["revision"] == made["revision"]
    assert head(teammate_client) == before


def test_a_json_patch_in_json_merges_data_and_replaces_other_fields(
    teammate_client: APIClient,
) -> None:
    make_task(teammate_client, data={"a": {"b": 1}, "l": [1]}, next_steps=["x"], metadata={"m": 1})
    answer = teammate_client.patch(
        f"{TASKS}t1/",
        {"data": {"a": {"c": None}, "l": [2]}, "metadata": {"n": 2}, "next_steps": ["y"]},
        format="json",
    )
    body = answer.json()
    assert body["data"] == {"a": {"b": 1, "c": None}, "l": [2]}
    assert body["metadata"] == {"m": 1, "n": 2}
    assert (body["next_steps"], body["version"]) == (["y"], 2)


@pytest.mark.parametrize(
    "body", [{"id": "x"}, {"branch_id": "b2"}, {"version": 9}, {"nope": 1}, {"level": "task"}]
)
def test_patches_cannot_touch_what_is_not_writable(
    teammate_client: APIClient, body: dict[str, Any]
) -> None:
    make_task(teammate_client)
    before = head(teammate_client)
    name, value = next(iter(body.items()))
    for patch, kind in (
        (body, "application/json"),
        (body, "application/merge-patch+json"),
        ([{"op": "add", "path": f"/{name}", "value": value}], "application/json-patch+json"),
    ):
        answer = teammate_client.generic(
            "PATCH", f"{TASKS}t1/", json.dumps(patch), content_type=kind
        )
        assert answer.status_code == 400, kind
    assert head(teammate_client) == before


def test_put_replaces_and_takes_no_other_parent(teammate_client: APIClient) -> None:
    make_task(teammate_client, data={"a": 1}, progress=50, next_steps=["x"])
    answer = teammate_client.put(
        f"{TASKS}t1/", {"id": "t1", "branch_id": "b1", "data": {"b": 2}}, format="json"
    )
    body = answer.json()
    assert (body["data"], body["progress"], body["next_steps"]) == ({"b": 2}, 0, [])
    for other in ({"branch_id": "b2"}, {"id": "t2"}):
        assert teammate_client.put(f"{TASKS}t1/", other, format="json").status_code == 400


def test_delete_needs_cascade_when_there_are_children(owner_client: APIClient) -> None:
    make_task(owner_client)
    url = f"{API}contexts/project/p1/"
    refused = owner_client.delete(url)
    assert (refused.status_code, refused.json()["code"]) == (409, "has_children")
    assert owner_client.get(f"{TASKS}t1/").status_code == 200
    assert owner_client.delete(f"{url}?cascade=true").status_code == 204
    for gone in (url, f"{API}contexts/branch/b1/", f"{TASKS}t1/"):
        assert owner_client.get(gone).status_code == 404
    changes = owner_client.get(f"{API}changes/?limit=500").json()["changes"]
    deleted = [each["level"] for each in changes if each["change_type"] == "deleted"]
    assert deleted == ["task", "branch", "project"]


def test_the_version_count_goes_on_after_a_deletion(owner_client: APIClient) -> None:
    make_task(owner_client)
    assert owner_client.delete(f"{TASKS}t1/").status_code == 204
    versions = owner_client.get(f"{TASKS}t1/history/").json()["results"]
    assert [(each["version"], each["operation"]) for each in versions] == [
        (2, "deleted"),
        (1, "created"),
    ]
    assert make_task(owner_client)["version"] == 3


def test_if_match_guards_every_write(owner_client: APIClient) -> None:
    made = make_task(owner_client)
    etag, url = f'"{made["revision"]}"', f"{TASKS}t1/"
    changed = owner_client.patch(url, {"progress": 1}, format="json", HTTP_IF_MATCH=etag)
    assert changed.status_code == 200
    before = head(owner_client)
    stale: dict[str, Any] = {"HTTP_IF_MATCH": etag, "format": "json"}
    for refused in (
        owner_client.patch(url, {"progress": 2}, **stale),
        owner_client.put(url, {}, **stale),
        owner_client.delete(url, **stale),
        owner_client.post(f"{url}progress/", {"content": "x"}, **stale),
        owner_client.post(f"{url}insights/", {"content": "x"}, **stale),
        owner_client.post(f"{url}revert/", {"version": 1}, **stale),
        owner_client.post(f"{url}complete/", {"completion_summary": "x"}, **stale),
        owner_client.post(
            f"{url}delegations/",
            {"delegate_to": "branch", "delegate_data": {"a": 1}, "delegation_reason": ""},
            **stale,
        ),
        owner_client.patch(
            url, {"progress": 2}, format="json", HTTP_IF_MATCH=f"W/{changed['ETag']}"
        ),
    ):
        assert (refused.status_code, refused.json()["code"]) == (412, "revision_mismatch")
    assert head(owner_client) == before
    assert (
        owner_client.patch(url, {"progress": 3}, format="json", HTTP_IF_MATCH="*").status_code
        == 200
    )


def test_if_none_match_answers_304(teammate_client: APIClient) -> None:
    made = make_task(teammate_client, data={"a": 1})
    url = f"{TASKS}t1/"
    etag = teammate_client.get(url)["ETag"]
    assert etag == f'"{made["revision"]}"'
    again = teammate_client.get(url, HTTP_IF_NONE_MATCH=f'"other", W/{etag}')
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", etag)
    resolved = teammate_client.get(f"{url}resolved/")
    tag = resolved["ETag"]
    assert teammate_client.get(f"{url}resolved/", HTTP_IF_NONE_MATCH=tag).status_code == 304
    teammate_client.patch(f"{API}contexts/project/p1/", {"data": {"rule": 1}}, format="json")
    assert teammate_client.get(f"{url}resolved/", HTTP_IF_NONE_MATCH=tag).status_code == 200
    assert teammate_client.get(url, HTTP_IF_NONE_MATCH=etag).status_code == 304


def test_what_was_read_can_be_put_back_whole(teammate_client: APIClient) -> None:
    made = make_task(teammate_client, data={"a": 1})
    read = teammate_client.get(f"{TASKS}t1/").json()
    read["data"]["b"] = 2
    answer = teammate_client.put(f"{TASKS}t1/", read, format="json")
    assert (answer.status_code, answer.json()["data"]) == (200, {"a": 1, "b": 2})
    stale = teammate_client.put(f"{TASKS}t1/", read, format="json")
    assert (stale.status_code, list(stale.json()["validation_errors"])) == (400, ["version"])
    assert made["version"] == 1


def test_the_answer_of_a_write_can_be_put_back_whole(teammate_client: APIClient) -> None:
    told = make_task(teammate_client, data={"a": 1})
    for number in (2, 3):
        told["data"]["a"] = number
        answer = teammate_client.put(f"{TASKS}t1/", told, format="json")
        told = answer.json()
        assert (answer.status_code, told["data"], told["version"]) == (200, {"a": number}, number)
    assert "sync" in told


@pytest.mark.parametrize("other", [{"branch_id": "b2"}, {"version": True}, {"id": None}])
def test_a_replacement_cannot_change_what_is_not_writable(
    teammate_client: APIClient, other: dict[str, Any]
) -> None:
    make_task(teammate_client)
    answer = teammate_client.put(f"{TASKS}t1/", other, format="json")
    assert (answer.status_code, answer.json()["validation_errors"].keys()) == (400, other.keys())


def test_what_was_read_and_is_stale_is_another_revision(teammate_client: APIClient) -> None:
    make_task(teammate_client)
    read = teammate_client.get(f"{TASKS}t1/")
    teammate_client.patch(f"{TASKS}t1/", {"data": {"a": 1}}, format="json")
    stale = teammate_client.put(
        f"{TASKS}t1/", read.json(), format="json", HTTP_IF_MATCH=read["ETag"]
    )
    assert (stale.status_code, stale.json()["code"]) == (412, "revision_mismatch")


def test_answers_without_a_body_tell_no_length_of_one(owner_client: APIClient) -> None:
    make_task(owner_client)
    etag = owner_client.get(f"{TASKS}t1/")["ETag"]
    unchanged = owner_client.get(f"{TASKS}t1/", HTTP_IF_NONE_MATCH=etag)
    assert (unchanged.status_code, "Content-Length" in unchanged.headers) == (304, False)
    deleted = owner_client.delete(f"{TASKS}t1/")
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert not {"Content-Type", "Content-Length"} & set(deleted.headers)
