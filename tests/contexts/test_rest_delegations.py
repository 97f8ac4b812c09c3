"""Delegations over REST: applied at once, decided by an admin, or made by a completion."""

from typing import Any

from rest_framework.test import APIClient

from tests.contexts.rest import API, TASKS, head, make_task


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


def test_a_decision_takes_no_fields(
    teammate_client: APIClient, owner_client: APIClient, settings: Any
) -> None:
    make_task(teammate_client)
    body = {"delegate_to": "global", "delegate_data": {"rule": 1}, "delegation_reason": ""}
    made = teammate_client.post(f"{TASKS}t1/delegations/", body, format="json").json()
    approve = f"{API}delegations/{made['id']}/approve/"
    before = head(owner_client)
    settings.CONTEXTSYS_MAX_DOCUMENT_BYTES = 100
    for sent, media, status in (
        (b'{"status": "rejected"}', "application/json", 400),
        (b"[]", "application/json", 400),
        (b"{", "application/json", 400),
        (b" " * 101, "application/json", 413),
        (b"status=rejected", "application/x-www-form-urlencoded", 415),
    ):
        refused = owner_client.post(approve, sent, content_type=media)
        assert refused.status_code == status, refused.content
    assert head(owner_client) == before
    assert owner_client.post(approve, b"{}", content_type="application/json").status_code == 200


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
