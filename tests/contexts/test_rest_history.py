"""Versions of a context over REST, gone back to also after its deletion, and the feed."""

from typing import Any

from rest_framework.test import APIClient

from tests.contexts.rest import API, TASKS, make_task


def test_history_shows_versions_with_diffs_and_can_be_gone_back_to(
    teammate_client: APIClient,
) -> None:
    make_task(teammate_client, data={"a": 1})
    teammate_client.patch(f"{TASKS}t1/", {"data": {"a": 2}}, format="json")
    newest, oldest = teammate_client.get(f"{TASKS}t1/history/").json()["results"]
    assert newest.keys() == {"version", "revision", "actor", "operation", "at", "diff"}
    assert newest["diff"] == [{"op": "replace", "path": "/data/a", "value": 2}]
    assert {"op": "add", "path": "/data", "value": {"a": 1}} in oldest["diff"]
    first = teammate_client.get(f"{TASKS}t1/history/1/").json()
    assert (first["data"], first["version"], first["id"]) == ({"a": 1}, 1, "t1")
    back = teammate_client.post(f"{TASKS}t1/revert/", {"version": 1}, format="json")
    assert (back.status_code, back.json()["data"], back.json()["version"]) == (200, {"a": 1}, 3)
    for missing in ("history/9/", "history/999999999/"):
        assert teammate_client.get(f"{TASKS}t1/{missing}").status_code == 404
    nine = teammate_client.post(f"{TASKS}t1/revert/", {"version": 9}, format="json")
    assert nine.status_code == 404
    assert teammate_client.get(f"{TASKS}t9/history/").status_code == 404


def test_a_deleted_context_keeps_its_history_and_can_come_back(owner_client: APIClient) -> None:
    make_task(owner_client, data={"a": 1})
    owner_client.delete(f"{TASKS}t1/")
    assert owner_client.get(f"{TASKS}t1/").status_code == 404
    assert owner_client.get(f"{TASKS}t1/history/1/").json()["data"] == {"a": 1}
    assert owner_client.get(f"{TASKS}t1/history/2/").status_code == 404
    back = owner_client.post(f"{TASKS}t1/revert/", {"version": 1}, format="json").json()
    assert (back["data"], back["version"]) == ({"a": 1}, 3)


def test_the_feed_is_gapless_from_one(teammate_client: APIClient) -> None:
    make_task(teammate_client)
    teammate_client.post(f"{TASKS}t1/progress/", {"content": "x"}, format="json")
    seen: list[dict[str, Any]] = []
    since, more = 0, True
    while more:
        page = teammate_client.get(f"{API}changes/?since={since}&limit=2").json()
        assert page.keys() == {"epoch", "floor", "head", "next", "more", "changes"}
        seen += page["changes"]
        since, more = page["next"], page["more"]
    assert [each["seq"] for each in seen] == list(range(1, page["head"] + 1))
    assert [each["change_type"] for each in seen] == ["created"] * 4 + ["entry_added"]
    assert seen[-1].keys() == {
        "type", "level", "context_id", "change_type", "changed_by", "timestamp", "version",
        "revision", "seq", "previous_seq",
    }  # fmt: skip
    assert seen[-1]["changed_by"] == "teammate"
    assert teammate_client.get(f"{API}changes/?since={since}").json()["changes"] == []
    beyond = teammate_client.get(f"{API}changes/?since={since + 1}")
    assert (beyond.status_code, beyond.json()["head"]) == (410, since)
    for wrong in ("x", "-1", "1.5", "", str(2**63)):
        assert teammate_client.get(f"{API}changes/?since={wrong}").status_code == 400
    assert teammate_client.get(f"{API}changes/?wait=61").status_code == 400
