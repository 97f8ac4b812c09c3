"""Who may do what over REST: keys, sessions, roles, tenants; every error's shape."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from contexts import agents
from contexts.models import Membership, Role
from tests.conftest import client_with
from tests.contexts.rest import API, TASKS, head, make_task

ADDRESSES = [
    "contexts/global/",
    "contexts/task/",
    "contexts/task/t1/",
    "contexts/task/t1/resolved/",
    "contexts/task/t1/entries/",
    "contexts/task/t1/history/",
    "contexts/task/t1/history/1/",
    "changes/",
    "delegations/",
    "health/",
    "schema/",
    "docs/",
    "no/such/address/",
    "no/such%0Aaddress/",
]


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("header", [None, "Bearer wrong", "Bearer", "Basic YTpi", "ctx_x"])
def test_without_a_valid_key_it_is_401(organization: str, address: str, header: str | None) -> None:
    client = APIClient()
    if header is not None:
        client.credentials(HTTP_AUTHORIZATION=header)
    answer = client.get(f"{API}{address}")
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
    assert answer["Content-Type"] == "application/json"
    assert answer.json()["success"] is False


@pytest.mark.parametrize("address", ["contexts/task/", "no/such/address/"])
def test_without_a_key_it_is_401_whatever_is_accepted(organization: str, address: str) -> None:
    answer = APIClient().get(f"{API}{address}", HTTP_ACCEPT="image/png")
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")


def test_live_needs_no_key(organization: str) -> None:
    assert APIClient().get(f"{API}health/live").status_code == 200


def test_a_rotated_or_revoked_key_ends_at_once(organization: str) -> None:
    old = agents.issue_key("a", organization)
    assert client_with(old).get(TASKS).status_code == 200
    new = agents.issue_key("a", organization)
    assert client_with(old).get(TASKS).status_code == 401
    assert client_with(new).get(TASKS).status_code == 200
    agents.revoke("a")
    assert client_with(new).get(TASKS).status_code == 401


PER_CONTEXT = [
    ("GET", "", None),
    ("PATCH", "", {"data": {"x": 1}}),
    ("PUT", "", {}),
    ("DELETE", "", None),
    ("GET", "resolved/", None),
    ("GET", "entries/", None),
    ("GET", "history/", None),
    ("GET", "history/1/", None),
    ("POST", "progress/", {"content": "x"}),
    ("POST", "insights/", {"content": "x"}),
    ("POST", "revert/", {"version": 1}),
    ("POST", "complete/", {"completion_summary": ""}),
    ("POST", "delegations/", {"delegate_to": "project", "delegate_data": {}}),
    ("PATCH", "", {"nonsense": 1}),
    ("POST", "progress/", {"nonsense": 1}),
]


@pytest.mark.parametrize(("method", "address", "body"), PER_CONTEXT)
def test_a_stranger_cannot_tell_a_row_from_a_missing_one(
    teammate_client: APIClient,
    stranger_client: APIClient,
    method: str,
    address: str,
    body: Any,
) -> None:
    def ask() -> tuple[int, bytes]:
        text = json.dumps(body) if body is not None else ""
        answer = stranger_client.generic(
            method, f"{TASKS}t1/{address}", text, content_type="application/json"
        )
        return answer.status_code, answer.content

    missing = ask()
    made = make_task(teammate_client)
    assert ask() == missing
    assert missing[0] == 404
    assert teammate_client.get(f"{TASKS}t1/").json()["revision"] == made["revision"]


def test_two_organizations_may_use_the_same_ids(
    teammate_client: APIClient, stranger_client: APIClient
) -> None:
    make_task(teammate_client, data={"whose": "ours"})
    make_task(stranger_client, data={"whose": "theirs"})
    for client, whose in ((teammate_client, "ours"), (stranger_client, "theirs")):
        assert client.get(f"{TASKS}t1/resolved/").json()["data"] == {"whose": whose}
        (task,) = client.get(TASKS).json()["results"]
        assert task["data"] == {"whose": whose}
        assert len(client.get(f"{API}changes/").json()["changes"]) == 4
    assert stranger_client.get(f"{API}contexts/global/global/").status_code == 404
    assert len(stranger_client.get(f"{API}contexts/global/").json()["results"]) == 1


def test_a_project_cannot_be_put_under_another_organization(
    teammate_client: APIClient, stranger_client: APIClient
) -> None:
    answer = teammate_client.post(
        f"{API}contexts/project/", {"global_id": "elsewhere"}, format="json"
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "parent_missing")


WRITES = [
    ("POST", "contexts/task/", {"branch_id": "b1"}),
    ("PATCH", "contexts/task/t1/", {"data": {"x": 1}}),
    ("PUT", "contexts/task/t1/", {}),
    ("DELETE", "contexts/task/t1/", None),
    ("POST", "contexts/task/t1/progress/", {"content": "x"}),
    ("POST", "contexts/task/t1/insights/", {"content": "x"}),
    ("POST", "contexts/task/t1/revert/", {"version": 1}),
    ("POST", "contexts/task/t1/complete/", {"completion_summary": ""}),
    ("POST", "contexts/task/t1/delegations/", {"delegate_to": "branch", "delegate_data": {}}),
    ("PATCH", "contexts/global/global/", {"data": {"x": 1}}),
]


@pytest.mark.parametrize(("method", "address", "body"), WRITES)
def test_a_reader_reads(
    teammate_client: APIClient, reader_client: APIClient, method: str, address: str, body: Any
) -> None:
    make_task(teammate_client)
    before = head(teammate_client)
    text = json.dumps(body) if body is not None else ""
    answer = reader_client.generic(method, f"{API}{address}", text, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert head(reader_client) == before
    assert reader_client.get(f"{TASKS}t1/").status_code == 200


def test_only_admins_delete_projects_and_nobody_an_organization(
    teammate_client: APIClient, owner_client: APIClient
) -> None:
    make_task(teammate_client)
    project = f"{API}contexts/project/p1/?cascade=true"
    assert teammate_client.delete(project).status_code == 403
    assert owner_client.delete(f"{API}contexts/global/global/").status_code == 403
    assert owner_client.delete(project).status_code == 204


def test_organizations_are_made_by_instance_administrators_only(owner_client: APIClient) -> None:
    body = {"id": "acme", "organization_name": "Acme"}
    assert owner_client.post(f"{API}contexts/global/", body, format="json").status_code == 403
    client = APIClient()
    client.force_login(User.objects.create_superuser("root"))
    made = client.post(f"{API}contexts/global/", body, format="json")
    assert (made.status_code, made.json()["organization_id"]) == (201, "acme")
    inside = client.get(f"{API}contexts/global/", HTTP_X_CONTEXTSYS_ORGANIZATION="acme")
    assert [row["organization_name"] for row in inside.json()["results"]] == ["Acme"]


def test_humans_come_by_session_with_their_membership_s_role(teammate_client: APIClient) -> None:
    make_task(teammate_client)
    user = User.objects.create_user("ada")
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(user)
    assert client.get(TASKS).status_code == 403, "a member of nothing"
    membership = Membership.objects.create(user=user, organization_id="global", role=Role.READER)
    assert client.get(TASKS).status_code == 200
    patch = {"data": {"x": 1}}
    assert client.patch(f"{TASKS}t1/", patch, format="json").status_code == 403, "no CSRF token"
    membership.role = Role.WRITER
    membership.save()
    trusted = APIClient()
    trusted.force_login(user)
    changed = trusted.patch(f"{TASKS}t1/", patch, format="json")
    assert (changed.status_code, changed.json()["updated_by"]) == (200, "ada")


@pytest.mark.parametrize(
    ("method", "address", "status"),
    [
        ("GET", "", 404),
        ("GET", "no/such/", 404),
        ("POST", "no/such/", 404),
        ("DELETE", "no/such/", 404),
        ("GET", "contexts/planet/", 404),
        ("GET", "contexts/task/t1", 404),
        ("GET", "contexts/task/%00/", 404),
        ("GET", "contexts/task/a%2Fb/", 404),
        ("GET", "contexts/task/%F0%9F%98%80/", 404),
        ("GET", "contexts/task/" + "x" * 300 + "/", 404),
        ("POST", "contexts/project/p1/complete/", 404),
        ("PUT", "contexts/task/", 405),
        ("DELETE", "changes/", 405),
        ("POST", "health/", 405),
        ("OPTIONS", "docs/", 405),
        ("GET", "contexts/task/?q=%00", 400),
        ("GET", "contexts/task/?data.%00=1", 400),
    ],
)
def test_every_refusal_is_json_of_one_shape(
    owner_client: APIClient, method: str, address: str, status: int
) -> None:
    answer = owner_client.generic(method, f"{API}{address}", content_type="application/json")
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/json"
    body = answer.json()
    assert body["success"] is False
    assert isinstance(body["code"], str)
    assert isinstance(body["error"], str)


def test_what_is_said_of_a_field_called_password_is_no_password(
    teammate_client: APIClient,
) -> None:
    make_task(teammate_client)
    bodies = {TASKS: {"branch_id": "b1"}, f"{TASKS}t1/progress/": {"content": "x"}}
    for address, body in bodies.items():
        answer = teammate_client.post(address, {**body, "password": "x"}, format="json")
        assert answer.json()["validation_errors"] == {"password": ["Unknown field."]}


def test_an_unknown_representation_is_406_in_json(teammate_client: APIClient) -> None:
    answer = teammate_client.get(TASKS, HTTP_ACCEPT="image/png")
    assert (answer.status_code, answer.json()["code"]) == (406, "not_acceptable")


def test_options_tell_of_the_bodies_that_are_taken(teammate_client: APIClient) -> None:
    assert teammate_client.options(TASKS).json()["parses"] == ["application/json"]


def test_a_wrong_host_is_refused_in_json(organization: str) -> None:
    answer = APIClient().get(f"{API}health/live", HTTP_HOST="evil.example")
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/json"
