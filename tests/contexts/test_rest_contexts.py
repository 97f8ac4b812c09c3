"""The four levels over REST: create, read, patch, replace, delete, conditions, lists."""

import json
from typing import Any

import pytest
from rest_framework.test import APIClient

API = "/api/v1/"
TASKS = f"{API}contexts/task/"


def make_task(client: APIClient, context_id: str = "t1", **body: Any) -> Any:
    """Creates a task below branch b1 of project p1, with those parents."""
    answer = client.post(
        f"{TASKS}?create_parents=true",
        {"id": context_id, "branch_id": "b1", "project_id": "p1", **body},
        format="json",
    )
    assert answer.status_code == 201, answer.content
    return answer.json()


def head(client: APIClient) -> int:
    """The number of the newest change: what a refused write must not move."""
    answer = client.get(f"{API}changes/").json()
    assert isinstance(answer["head"], int)
    return answer["head"]


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


def nested(depth: int) -> Any:
    value: Any = {}
    for _ in range(depth - 1):
        value = {"a": value}
    return value


BAD_BODIES = [
    (b"", "malformed_body"),
    (b"   ", "malformed_body"),
    (b"{", "malformed_body"),
    (b"[]", "malformed_body"),
    (b'"text"', "malformed_body"),
    (b"null", "malformed_body"),
    (b"\xff\xfe", "malformed_body"),
    (b'{"branch_id": "b1", "data": {"a": NaN}}', "malformed_body"),
    (b'{"branch_id": "b1", "data": {"a": Infinity}}', "malformed_body"),
    (b'{"branch_id": "b1", "data": {"a": -Infinity}}', "malformed_body"),
    (b'{"branch_id": "b1", "data": {"a": 1e400}}', "malformed_body"),
    (b'{"branch_id": "b1", "data": {"a": 9007199254740992}}', "malformed_body"),
    (b'{"branch_id": "b1", "data": {"a": -9007199254740992}}', "malformed_body"),
    (b'{"branch_id": "b1", "data": {"a": "\\u0000"}}', "malformed_body"),
    (b'{"branch_id": "b1", "data": {"\\u0000": 1}}', "malformed_body"),
    (b'{"branch_id": "b1", "data": {"a": "\\ud800"}}', "malformed_body"),
    (b'{"branch_id": "b1", "data": ' + b"[" * 100_000, "malformed_body"),
    (b'{"branch_id": "b1", "data": ' + b'{"a":' * 500 + b"1" + b"}" * 501, "malformed_body"),
    (b'{"branch_id": "b1", "data": []}', "invalid"),
    (b'{"branch_id": "b1", "data": null}', "invalid"),
    (b'{"branch_id": "b1", "data": "{}"}', "invalid"),
    (b'{"branch_id": "b1", "metadata": 1}', "invalid"),
    (b'{"branch_id": "b1", "progress": "5"}', "invalid"),
    (b'{"branch_id": "b1", "progress": true}', "invalid"),
    (b'{"branch_id": "b1", "progress": 101}', "invalid"),
    (b'{"branch_id": "b1", "progress": -1}', "invalid"),
    (b'{"branch_id": "b1", "progress": 0.5}', "invalid"),
    (b'{"branch_id": "b1", "next_steps": {}}', "invalid"),
    (b'{"branch_id": "b1", "unknown": 1}', "invalid"),
    (b'{"branch_id": "b1", "version": 1}', "invalid"),
    (b'{"branch_id": "b1", "project_id": "p1"}', "invalid"),
    (b'{"branch_id": 5}', "invalid"),
    (b"{}", "invalid"),
]


@pytest.mark.parametrize(("body", "code"), BAD_BODIES)
def test_bad_input_is_refused_and_writes_nothing(
    teammate_client: APIClient, body: bytes, code: str
) -> None:
    make_task(teammate_client)
    before = head(teammate_client)
    answer = teammate_client.post(TASKS, body, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert answer["Content-Type"] == "application/json"
    assert head(teammate_client) == before


def test_nesting_is_bounded_at_64(teammate_client: APIClient) -> None:
    make_task(teammate_client)
    url = f"{TASKS}t1/"
    assert teammate_client.patch(url, {"data": nested(64)}, format="json").status_code == 200
    before = head(teammate_client)
    assert teammate_client.patch(url, {"data": nested(65)}, format="json").status_code == 400
    deeper = [{"op": "add", "path": "/data" + "/a" * 63 + "/b", "value": {}}]
    answer = teammate_client.generic(
        "PATCH", url, json.dumps(deeper), content_type="application/json-patch+json"
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert head(teammate_client) == before


def test_too_large_is_413(teammate_client: APIClient, settings: Any) -> None:
    settings.CONTEXTSYS_MAX_DOCUMENT_BYTES = 2_000
    make_task(teammate_client)
    before = head(teammate_client)
    large = teammate_client.patch(f"{TASKS}t1/", {"data": {"a": "x" * 3_000}}, format="json")
    assert (large.status_code, large.json()["code"]) == (413, "body_too_large")
    half = {"data": {"a": "x" * 1_500}}
    assert teammate_client.patch(f"{TASKS}t1/", half, format="json").status_code == 200
    grown = teammate_client.patch(f"{TASKS}t1/", {"data": {"b": "x" * 1_500}}, format="json")
    assert (grown.status_code, grown.json()["code"]) == (413, "document_too_large")
    assert head(teammate_client) == before + 1


def test_another_media_type_is_415(teammate_client: APIClient) -> None:
    make_task(teammate_client)
    for kind in ("application/x-www-form-urlencoded", "text/plain", "application/xml"):
        answer = teammate_client.post(TASKS, b"{}", content_type=kind)
        assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


NUMBERS = {
    "hundred": (b"1e2", 100),
    "whole": (b"1.0", 1),
    "minus zero": (b"-0.0", 0),
    "largest": (b"9007199254740991", 9007199254740991),
    "huge": (b"1e308", 1e308),
    "tiny": (b"5e-324", 5e-324),
    "third": (b"0.1", 0.1),
    "above exact": (b"1e16", 1e16),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_come_back_equal_and_with_the_same_revision(
    teammate_client: APIClient, name: str
) -> None:
    text, expected = NUMBERS[name]
    make_task(teammate_client)
    body = b'{"branch_id": "b1", "id": "n", "data": {"n": ' + text + b"}}"
    made = teammate_client.post(TASKS, body, content_type="application/json").json()
    assert made["data"] == {"n": expected}
    assert teammate_client.get(f"{TASKS}n/").json()["data"] == {"n": expected}
    same = b'{"data": {"n": ' + text + b"}}"
    again = teammate_client.patch(f"{TASKS}n/", same, content_type="application/json").json()
    assert again["revision"] == made["revision"], "the same number is no change"


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


def test_lists_come_in_pages_that_lose_and_double_nothing(teammate_client: APIClient) -> None:
    for number in range(7):
        make_task(teammate_client, f"t{number}")
    seen: list[str] = []
    url: str | None = f"{TASKS}?page_size=3"
    while url:
        page = teammate_client.get(url).json()
        seen += [row["id"] for row in page["results"]]
        if len(seen) == 3:
            make_task(teammate_client, "made-meanwhile")
        url = page["next"]
    assert seen == [f"t{number}" for number in range(6, -1, -1)]
    assert page["previous"]


@pytest.mark.parametrize(
    "query",
    [
        "page_size=0",
        "page_size=501",
        "page_size=x",
        "page_size=-1",
        "cursor=x",
        "cursor=cD1hYmM=",
        "updated_since=yesterday",
        "updated_since=",
        "unknown=1",
        "branch=b1",
        "data.=1",
        "data..a=1",
    ],
)
def test_bad_queries_are_refused(teammate_client: APIClient, query: str) -> None:
    answer = teammate_client.get(f"{TASKS}?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def test_lists_are_filtered_by_parents_at_any_height_and_by_values(
    teammate_client: APIClient,
) -> None:
    data = {"status": "in_progress", "n": 5, "yes": True, "no": None, "deep": {"2026": {"x": "y"}}}
    make_task(teammate_client, "t1", data=data)
    other = {
        "id": "t2",
        "branch_id": "b2",
        "project_id": "p2",
        "data": {"status": "done", "n": "5"},
    }
    teammate_client.post(f"{TASKS}?create_parents=true", other, format="json")

    def found(query: str) -> list[str]:
        return [row["id"] for row in teammate_client.get(f"{TASKS}?{query}").json()["results"]]

    assert found("branch_id=b1") == ["t1"]
    assert found("project_id=p2") == ["t2"]
    assert found("global_id=global") == ["t2", "t1"]
    assert found("project_id=nope") == []
    assert found("data.status=in_progress") == ["t1"]
    assert found("data.n=5") == ["t2", "t1"], "a number and a text may look alike"
    assert found("data.n=5.0") == ["t1"]
    assert found("data.yes=true") == ["t1"]
    assert found("data.yes=1") == []
    assert found("data.no=null") == ["t1"]
    assert found("data.deep.2026.x=y") == ["t1"]
    assert found("data.deep=y") == []
    assert found("data.a%22b=y") == []
    assert found("data.status=in_progress&project_id=p2") == []


def test_updated_since_is_inclusive(teammate_client: APIClient) -> None:
    make_task(teammate_client, "t1")
    at = make_task(teammate_client, "t2")["updated_at"]
    rows = teammate_client.get(TASKS, {"updated_since": at}).json()["results"]
    assert [row["id"] for row in rows] == ["t2"]
    zone = at.replace("Z", "+00:00")
    rows = teammate_client.get(f"{TASKS}?updated_since={zone}").json()["results"]
    assert [row["id"] for row in rows] == ["t2"], "an unescaped + arrives as a space"


def test_a_body_of_exactly_the_limit_is_taken(teammate_client: APIClient, settings: Any) -> None:
    make_task(teammate_client)
    settings.CONTEXTSYS_MAX_DOCUMENT_BYTES = 1_000
    empty = json.dumps({"id": "t2", "branch_id": "b1", "data": {"a": ""}}, separators=(",", ":"))
    for extra, status in ((0, 201), (1, 413)):
        body = empty.replace('""', '"' + "x" * (1_000 - len(empty) + extra) + '"')
        answer = teammate_client.post(TASKS, body, content_type="application/json")
        assert answer.status_code == status, extra


def test_what_was_read_can_be_put_back_whole(teammate_client: APIClient) -> None:
    made = make_task(teammate_client, data={"a": 1})
    read = teammate_client.get(f"{TASKS}t1/").json()
    read["data"]["b"] = 2
    answer = teammate_client.put(f"{TASKS}t1/", read, format="json")
    assert (answer.status_code, answer.json()["data"]) == (200, {"a": 1, "b": 2})
    stale = teammate_client.put(f"{TASKS}t1/", read, format="json")
    assert (stale.status_code, list(stale.json()["validation_errors"])) == (400, ["version"])
    assert made["version"] == 1


def test_a_deletion_s_answer_has_no_content_type(owner_client: APIClient) -> None:
    make_task(owner_client)
    answer = owner_client.delete(f"{TASKS}t1/")
    assert (answer.status_code, answer.content) == (204, b"")
    assert "Content-Type" not in answer.headers
