"""The bodies that REST takes, as they were meant and without secrets, and those that it refuses."""

import json
from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.contexts.rest import API, TASKS, head, make_task


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


def test_what_is_delegated_and_nests_too_deep_is_named(teammate_client: APIClient) -> None:
    make_task(teammate_client)
    body = {"delegate_to": "project", "delegate_data": nested(65), "delegation_reason": ""}
    answer = teammate_client.post(f"{TASKS}t1/delegations/", body, format="json")
    assert answer.status_code == 400
    assert list(answer.json()["validation_errors"]) == ["delegate_data"]


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


def test_a_body_of_exactly_the_limit_is_taken(teammate_client: APIClient, settings: Any) -> None:
    make_task(teammate_client)
    settings.CONTEXTSYS_MAX_DOCUMENT_BYTES = 1_000
    empty = json.dumps({"id": "t2", "branch_id": "b1", "data": {"a": ""}}, separators=(",", ":"))
    for extra, status in ((0, 201), (1, 413)):
        body = empty.replace('""', '"' + "x" * (1_000 - len(empty) + extra) + '"')
        answer = teammate_client.post(TASKS, body, content_type="application/json")
        assert answer.status_code == status, extra


@pytest.mark.parametrize(
    ("address", "body"),
    [
        ("progress", {}),
        ("progress", {"content": ""}),
        ("progress", {"content": 5}),
        ("progress", {"content": None}),
        ("progress", {"content": "x", "agent": 5}),
        ("progress", {"content": "x", "agent": "a" * 151}),
        ("progress", {"content": "x", "category": "technical"}),
        ("insights", {"content": "x", "category": "other"}),
        ("insights", {"content": "x", "importance": 1}),
        ("insights", {"content": "x", "importance": True}),
        ("revert", {}),
        ("revert", {"version": "1"}),
        ("revert", {"version": 0}),
        ("revert", {"version": 1.5}),
        ("revert", {"version": True}),
        ("complete", {}),
        ("complete", {"completion_summary": 1}),
        ("delegations", {"delegate_to": "project"}),
        ("delegations", {"delegate_to": "project", "delegate_data": {}}),
        ("delegations", {"delegate_to": "task", "delegate_data": {}, "delegation_reason": ""}),
        ("delegations", {"delegate_to": "above", "delegate_data": {}}),
        ("delegations", {"delegate_to": "project", "delegate_data": []}),
        ("delegations", {"delegate_to": "project", "delegate_data": {}, "delegation_reason": 1}),
        ("delegations", {"delegate_to": 1, "delegate_data": {}}),
    ],
)
def test_bad_bodies_are_refused_and_write_nothing(
    teammate_client: APIClient, address: str, body: dict[str, Any]
) -> None:
    make_task(teammate_client)
    before = head(teammate_client)
    answer = teammate_client.post(f"{TASKS}t1/{address}/", body, format="json")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert answer.json()["validation_errors"]
    assert head(teammate_client) == before


def test_secrets_are_not_kept(teammate_client: APIClient) -> None:
    key = "ghp_" + "a1B2" * 9
    make_task(teammate_client, data={"note": f"push with {key}", "password": "hunter2 hunter2"})
    teammate_client.post(f"{TASKS}t1/progress/", {"content": f"used {key}"}, format="json")
    teammate_client.post(
        f"{TASKS}t1/delegations/",
        {"delegate_to": "project", "delegate_data": {"t": key}, "delegation_reason": key},
        format="json",
    )
    for address in ("task/t1/", "task/t1/entries/", "task/t1/history/", "project/p1/"):
        text = teammate_client.get(f"{API}contexts/{address}").content.decode()
        assert key not in text
        assert "hunter2" not in text
    assert key not in teammate_client.get(f"{API}delegations/").content.decode()
    assert "[redacted:" in teammate_client.get(f"{TASKS}t1/").content.decode()
