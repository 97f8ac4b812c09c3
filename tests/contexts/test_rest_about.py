"""What hangs on a context, over REST: resolution, entries, history, delegations, completion."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from rest_framework.test import APIClient

from tests.contexts.rest import API, TASKS, head, make_task
from tests.contexts.test_merging import RFC_7396


def test_resolved_inherits_from_global_down_and_names_sources(
    teammate_client: APIClient,
) -> None:
    make_task(teammate_client, data={"rules": {"style": "task"}, "list": [3]})
    levels = {"global/global": "global", "project/p1": "project", "branch/b1": "branch"}
    for address, level in levels.items():
        teammate_client.patch(
            f"{API}contexts/{address}/",
            {"data": {"rules": {"style": level, level: True}, "list": [1, 2]}},
            format="json",
        )
    answer = teammate_client.get(f"{TASKS}t1/resolved/?include=sources").json()
    revisions = {
        level: teammate_client.get(f"{API}contexts/{address}/").json()["revision"]
        for level, address in {"task": "task/t1", "branch": "branch/b1"}.items()
    }
    assert answer["context_id"] == "t1"
    assert answer["level"] == "task"
    assert answer["inheritance_chain"] == ["t1", "b1", "p1", "global"]
    assert answer["data"] == {
        "rules": {"style": "task", "branch": True, "project": True, "global": True},
        "list": [3],
    }
    assert revisions.items() <= answer["revisions"].items()
    assert answer["sources"] == {
        "/rules/style": {"level": "task", "context_id": "t1"},
        "/rules/branch": {"level": "branch", "context_id": "b1"},
        "/rules/project": {"level": "project", "context_id": "p1"},
        "/rules/global": {"level": "global", "context_id": "global"},
        "/list": {"level": "task", "context_id": "t1"},
    }
    assert "sources" not in teammate_client.get(f"{TASKS}t1/resolved/").json()
    assert teammate_client.get(f"{TASKS}t1/resolved/?include=all").status_code == 400
    own = teammate_client.get(f"{API}contexts/global/global/resolved/").json()
    assert own["inheritance_chain"] == ["global"]


def test_resolved_includes_the_newest_entries_of_all_levels(teammate_client: APIClient) -> None:
    make_task(teammate_client)
    teammate_client.post(f"{API}contexts/project/p1/insights/", {"content": "first"}, format="json")
    teammate_client.post(f"{TASKS}t1/progress/", {"content": "second"}, format="json")
    answer = teammate_client.get(f"{TASKS}t1/resolved/?include=entries")
    entries = answer.json()["entries"]
    assert [(each["content"], each["level"]) for each in entries] == [
        ("second", "task"),
        ("first", "project"),
    ]
    teammate_client.post(f"{TASKS}t1/progress/", {"content": "third"}, format="json")
    again = teammate_client.get(
        f"{TASKS}t1/resolved/?include=entries", HTTP_IF_NONE_MATCH=answer["ETag"]
    )
    assert again.status_code == 200, "an entry changes this answer though no revision"


def test_resolved_as_of_a_time(teammate_client: APIClient) -> None:
    with time_machine.travel(datetime(2030, 1, 1, tzinfo=UTC), tick=False) as clock:
        make_task(teammate_client, data={"v": 1})
        clock.move_to(datetime(2030, 1, 3, tzinfo=UTC))
        teammate_client.patch(f"{TASKS}t1/", {"data": {"v": 2}}, format="json")
        teammate_client.patch(f"{API}contexts/project/p1/", {"data": {"p": 1}}, format="json")
        clock.move_to(datetime(2030, 1, 5, tzinfo=UTC))

        def at(day: str) -> Any:
            return teammate_client.get(f"{TASKS}t1/resolved/?as_of=2030-01-{day}T00:00:00Z")

        assert at("02").json()["data"] == {"v": 1}
        assert at("03").json()["data"] == {"p": 1, "v": 2}
        early = teammate_client.get(f"{TASKS}t1/resolved/?as_of=2029-12-31T00:00:00Z")
        assert early.status_code == 404
        assert teammate_client.get(f"{TASKS}t1/resolved/?as_of=now").status_code == 400


def test_resolved_as_markdown_keeps_its_budget(teammate_client: APIClient) -> None:
    make_task(teammate_client, data={f"key{n}": "value " * 20 for n in range(50)})
    teammate_client.post(
        f"{TASKS}t1/insights/",
        {"content": "most important", "importance": "critical"},
        format="json",
    )
    url = f"{TASKS}t1/resolved/"
    whole = teammate_client.get(url, HTTP_ACCEPT="text/markdown")
    assert whole["Content-Type"] == "text/markdown; charset=utf-8"
    assert whole.content.decode().count("key") == 50
    for tokens in (1, 5, 50, 500):
        answer = teammate_client.get(f"{url}?max_tokens={tokens}", HTTP_ACCEPT="text/markdown")
        assert len(answer.content) <= 4 * tokens
    assert "most important" in answer.content.decode()
    assert "eft out" in answer.content.decode()
    for wrong in ("0", "-1", "x", "1.5"):
        refused = teammate_client.get(f"{url}?max_tokens={wrong}", HTTP_ACCEPT="text/markdown")
        assert (refused.status_code, refused["Content-Type"]) == (400, "application/json")


def test_entries_are_added_listed_and_filtered(teammate_client: APIClient) -> None:
    made = make_task(teammate_client)
    progress = teammate_client.post(f"{TASKS}t1/progress/", {"content": "half"}, format="json")
    assert progress.status_code == 201
    assert progress.json()["kind"] == "progress"
    assert progress.json()["agent"] == "teammate"
    insight = {"content": "cache it", "category": "performance", "importance": "high", "agent": "x"}
    body = teammate_client.post(f"{TASKS}t1/insights/", insight, format="json").json()
    assert insight.items() <= body.items()
    listed = teammate_client.get(f"{TASKS}t1/entries/").json()["results"]
    assert [each["kind"] for each in listed] == ["insight", "progress"]
    assert {name: body[name] for name in listed[0]} == listed[0]

    def count(query: str) -> int:
        return len(teammate_client.get(f"{TASKS}t1/entries/?{query}").json()["results"])

    assert [count(query) for query in ("kind=insight", "agent=x", "importance=high")] == [1, 1, 1]
    assert [count(query) for query in ("category=business", "agent=y", "kind=action")] == [0, 0, 0]
    assert teammate_client.get(f"{TASKS}t1/entries/?kind=other").status_code == 400
    assert teammate_client.get(f"{TASKS}t1/").json()["revision"] == made["revision"]


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


def test_delegation_to_a_project_is_applied_at_once(teammate_client: APIClient) -> None:
    make_task(teammate_client)
    teammate_client.patch(f"{API}contexts/project/p1/", {"data": {"a": {"x": 1}}}, format="json")
    body = {"delegate_to": "project", "delegate_data": {"a": {"y": 2}}, "delegation_reason": "both"}
    made = teammate_client.post(f"{TASKS}t1/delegations/", body, format="json")
    assert (made.status_code, made.json()["status"]) == (201, "approved")
    assert body.items() <= made.json().items()
    project = teammate_client.get(f"{API}contexts/project/p1/").json()
    assert (project["data"], project["version"]) == ({"a": {"x": 1, "y": 2}}, 3)


def test_delegation_to_the_organization_waits_for_an_admin(
    teammate_client: APIClient, owner_client: APIClient
) -> None:
    make_task(teammate_client)
    body = {"delegate_to": "global", "delegate_data": {"rule": 1}, "delegation_reason": "all"}
    made = teammate_client.post(f"{TASKS}t1/delegations/", body, format="json").json()
    assert made["status"] == "pending"
    assert teammate_client.get(f"{API}contexts/global/global/").json()["data"] == {}
    waiting = teammate_client.get(f"{API}delegations/?status=pending").json()["results"]
    assert [each["id"] for each in waiting] == [made["id"]]
    approve, reject = (f"{API}delegations/{made['id']}/{what}/" for what in ("approve", "reject"))
    assert teammate_client.post(approve).status_code == 403
    decided = owner_client.post(approve)
    assert (decided.status_code, decided.json()["status"]) == (200, "approved")
    assert decided.json()["decided_by"] == "owner"
    assert teammate_client.get(f"{API}contexts/global/global/").json()["data"] == {"rule": 1}
    for again in (approve, reject):
        assert owner_client.post(again).status_code == 409
    own = owner_client.post(f"{TASKS}t1/delegations/", body, format="json").json()
    assert own["status"] == "approved", "an admin asked"


def test_rejecting_changes_nothing_but_the_delegation(
    teammate_client: APIClient, owner_client: APIClient
) -> None:
    make_task(teammate_client)
    body = {"delegate_to": "global", "delegate_data": {"rule": 1}, "delegation_reason": ""}
    made = teammate_client.post(f"{TASKS}t1/delegations/", body, format="json").json()
    rejected = owner_client.post(f"{API}delegations/{made['id']}/reject/").json()
    assert rejected["status"] == "rejected"
    assert teammate_client.get(f"{API}contexts/global/global/").json()["data"] == {}
    missing = f"{API}delegations/01890000-0000-7000-8000-000000000000/approve/"
    assert owner_client.post(missing).status_code == 404
    assert owner_client.post(f"{API}delegations/nope/approve/").status_code == 404


def test_completing_sets_status_and_delegates_patterns_once(teammate_client: APIClient) -> None:
    make_task(teammate_client, data={"goal": "x"})
    for content, importance in (("minor", "low"), ("use pools", "high")):
        teammate_client.post(
            f"{TASKS}t1/insights/", {"content": content, "importance": importance}, format="json"
        )
    body = {"completion_summary": "it works"}
    done = teammate_client.post(f"{TASKS}t1/complete/", body, format="json")
    assert done.status_code == 200
    task = done.json()
    assert task["data"]["status"] == "completed"
    assert task["data"]["completion_summary"] == "it works"
    assert task["data"]["completed_at"].endswith("Z")
    assert (task["progress"], task["data"]["goal"]) == (100, "x")
    (delegated,) = task["delegated"]
    assert delegated["delegation_reason"] == "Reusable patterns discovered"
    (pattern,) = (
        teammate_client.get(f"{API}contexts/project/p1/")
        .json()["data"]["reusable_patterns"]
        .values()
    )
    assert (pattern["pattern"], pattern["task_id"]) == ("use pools", "t1")
    before = head(teammate_client)
    again = teammate_client.post(f"{TASKS}t1/complete/", body, format="json").json()
    assert (again["revision"], again["delegated"]) == (task["revision"], task["delegated"])
    assert head(teammate_client) == before


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
