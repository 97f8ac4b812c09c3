"""`POST actions/`: what an agent did, what that tells, and what is kept of it."""

import json
from typing import Any

import pytest
from rest_framework.test import APIClient

from contexts import keeping
from contexts.access import Caller
from contexts.models import Entry, owned
from tests.conftest import make_chain

ADDRESS = "/api/v1/actions/"
DIFF = """--- a/shop/cart.py
+++ b/shop/cart.py
@@ -1,2 +1,3 @@
 def total(items):
-    return 0
+    amount = sum(items)
+    return amount
"""


@pytest.fixture
def writer(teammate_client: APIClient, owner: Caller) -> APIClient:
    """The team-mate, where there is a task `t1`."""
    make_chain(owner)
    return teammate_client


def act(client: APIClient, kind: str, headers: Any = None, **data: Any) -> Any:
    body = {"action_type": kind, "action_data": {"task_id": "t1", **data}}
    return client.post(ADDRESS, body, format="json", headers=headers or {})


def test_an_edit_is_extracted_and_kept_as_an_entry_of_its_task(writer: APIClient) -> None:
    answer = act(writer, "file_edit", file_paths=["shop/cart.py"], changes=DIFF)
    assert answer.status_code == 201
    body = answer.json()
    assert body["extracted"]["files_modified"] == ["shop/cart.py"]
    change = body["extracted"]["changes"][0]
    assert (change["path"], change["status"]) == ("shop/cart.py", "modified")
    assert (change["added"], change["removed"], change["symbols"]) == (2, 1, ["total"])
    assert body["sync"] == {"status": "disabled"}
    entry = body["entry"]
    assert (entry["kind"], entry["context_id"], entry["agent"]) == ("action", "t1", "teammate")
    assert entry["details"] == {
        "action_type": "file_edit",
        "data": {"task_id": "t1", "file_paths": ["shop/cart.py"], "changes": DIFF},
        "extracted": body["extracted"],
    }
    listed = writer.get("/api/v1/contexts/task/t1/entries/?kind=action").json()["results"]
    assert listed == [entry]
    feed = writer.get("/api/v1/changes/").json()["changes"]
    assert feed[-1]["change_type"] == "entry_added"


@pytest.mark.parametrize(
    ("kind", "data", "name", "expected"),
    [
        ("test_run", {"passed": 3, "failed": 1}, "test_results", {"passed": 3, "failed": 1}),
        ("command", {"command": "ls", "exit_code": 2}, "exit_code", 2),
        ("search", {"query": "retry", "files": ["a.py", "b.py"]}, "count", 2),
    ],
)
def test_each_kind_is_extracted(
    writer: APIClient, kind: str, data: dict[str, Any], name: str, expected: Any
) -> None:
    found = act(writer, kind, **data).json()["extracted"][name]
    assert (expected.items() <= found.items()) if isinstance(found, dict) else found == expected


def test_another_kind_is_kept_as_it_came(writer: APIClient) -> None:
    body = act(writer, "coffee", beans=[1, 2.5, None]).json()
    assert body["extracted"] == {}
    assert body["entry"]["details"]["data"] == {"task_id": "t1", "beans": [1, 2.5, None]}
    assert body["entry"]["content"] == "coffee"


def test_an_agent_may_be_named(writer: APIClient) -> None:
    body = {"action_type": "x", "action_data": {"task_id": "t1"}, "agent": "helper"}
    assert writer.post(ADDRESS, body, format="json").json()["entry"]["agent"] == "helper"


def test_secrets_are_gone_before_anything_is_kept(writer: APIClient) -> None:
    secret = "ghp_" + "a1B2" * 9
    long = "y" * 40_000 + f" {secret} " + "x" * 40_000
    answer = act(writer, "command", command=f"push {secret}", output=long, other=long)
    assert answer.status_code == 201
    assert "a1B2" not in answer.content.decode()
    assert "a1B2" not in json.dumps(list(owned("global", Entry).values("content", "details")))


def test_what_is_large_is_kept_in_part_and_says_so(writer: APIClient) -> None:
    text = "line of text\n" * 400_000
    body = act(writer, "coffee", note="short", log=text).json()
    data = body["entry"]["details"]["data"]
    assert data["note"] == "short"
    assert data["log"]["truncated"] is True
    assert data["log"]["bytes"] >= len(text)
    assert data["log"]["preview"].startswith("line of text\n")
    assert len(json.dumps(body["entry"])) < 50_000


@pytest.mark.parametrize("size", [4_200, 9_000, 13_000, 40_000])
def test_what_is_a_little_too_large_is_not_lost(size: int) -> None:
    for value in ("word " * (size // 5), {"stdout": "word " * (size // 5)}):
        preview = keeping.cut(value, 4096)["preview"]
        assert 3_900 < len(preview) <= 4096


def test_many_failures_do_not_make_an_entry_too_large_to_travel(writer: APIClient) -> None:
    files = [f"{'d' * 900}/{number}.py" for number in range(2_000)]
    body = act(writer, "file_edit", file_paths=files).json()
    assert len(json.dumps(body["entry"]["details"])) < 200_000
    assert body["extracted"]["cut"]["files_modified"] > 0


def test_a_body_may_have_eight_mebibytes(writer: APIClient) -> None:
    assert act(writer, "coffee", log="x" * (8 * 2**20 - 200)).status_code == 201
    refused = act(writer, "coffee", log="x" * (8 * 2**20))
    assert (refused.status_code, refused.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"action_data": {"task_id": "t1"}}, "action_type"),
        ({"action_type": "x"}, "action_data"),
        ({"action_type": 5, "action_data": {"task_id": "t1"}}, "action_type"),
        ({"action_type": "", "action_data": {"task_id": "t1"}}, "action_type"),
        ({"action_type": "x" * 101, "action_data": {"task_id": "t1"}}, "action_type"),
        ({"action_type": "x", "action_data": []}, "action_data"),
        ({"action_type": "x", "action_data": {}}, "task_id"),
        ({"action_type": "x", "action_data": {"task_id": 5}}, "task_id"),
        ({"action_type": "x", "action_data": {"task_id": "t1"}, "agent": 5}, "agent"),
        ({"action_type": "x", "action_data": {"task_id": "t1"}, "more": 1}, "more"),
    ],
)
def test_wrong_bodies_are_refused_and_nothing_is_written(
    writer: APIClient, body: Any, field: str
) -> None:
    answer = writer.post(ADDRESS, body, format="json")
    assert answer.status_code == 400
    assert field in answer.json()["validation_errors"]
    assert not owned("global", Entry).exists()


def test_a_missing_task_and_a_strangers_are_not_found(
    writer: APIClient, stranger_client: APIClient
) -> None:
    body = {"action_type": "x", "action_data": {"task_id": "t9"}}
    missing = writer.post(ADDRESS, body, format="json")
    strange = act(stranger_client, "x")
    assert missing.status_code == strange.status_code == 404
    assert missing.content == strange.content


def test_readers_may_not_and_nobody_must_have_a_key(
    writer: APIClient, reader_client: APIClient
) -> None:
    assert act(reader_client, "x").status_code == 403
    assert act(APIClient(), "x").status_code == 401


def test_the_same_idempotency_key_does_it_once(writer: APIClient) -> None:
    headers = {"Idempotency-Key": "k1"}
    first, second = (act(writer, "x", headers=headers) for _ in range(2))
    assert first.content == second.content
    assert owned("global", Entry).count() == 1
    assert act(writer, "y", headers=headers).status_code == 422


def test_another_revision_is_refused(writer: APIClient) -> None:
    answer = act(writer, "x", headers={"If-Match": '"1-other"'})
    assert answer.status_code == 412
    assert not owned("global", Entry).exists()
