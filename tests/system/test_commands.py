"""The operator's commands: what they print, what they refuse."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings
from rest_framework.test import APIClient

from contexts.models import Agent, GlobalContext
from tests.conftest import client_with
from tests.instances import Instance

ADDRESS = "/api/v1/contexts/global/global/"


def run(*arguments: str) -> str:
    output = StringIO()
    call_command(*arguments, stdout=output)
    return output.getvalue()


def test_create_agent_prints_the_key_alone_and_only_its_hash_is_kept(organization: str) -> None:
    printed = run("create_agent", "ci", "--role", "reader")
    key = printed.removesuffix("\n")
    assert key.startswith("ctx_")
    assert not {" ", "\n"} & set(key)
    assert client_with(key).get(ADDRESS).status_code == 200
    assert client_with(key).patch(ADDRESS, {"data": {}}, format="json").status_code == 403
    assert key not in str(Agent.objects.values())


def test_create_agent_again_rotates_the_key_and_keeps_the_role(organization: str) -> None:
    first = run("create_agent", "ci", "--role", "admin").strip()
    second = run("create_agent", "ci").strip()
    assert client_with(first).get(ADDRESS).status_code == 401
    assert client_with(second).get(ADDRESS).status_code == 200
    assert Agent.objects.get().role == "admin"


def test_a_new_agent_is_a_writer_of_the_instances_organization(organization: str) -> None:
    run("create_agent", "ci")
    agent = Agent.objects.get()
    assert (agent.role, agent.organization_id) == ("writer", "global")


def test_create_agent_in_another_organization(stranger_client: APIClient) -> None:
    key = run("create_agent", "theirs", "--organization", "elsewhere").strip()
    assert client_with(key).get("/api/v1/contexts/global/elsewhere/").status_code == 200
    assert client_with(key).get(ADDRESS).status_code == 404


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["create_agent", "ci", "--organization", "nowhere"], "There is no organization nowhere"),
        (["create_agent", "no spaces"], "agent_id: A letter or digit"),
        (["create_agent", "stranger"], "There is an agent stranger in another organization."),
        (["create_agent", "ci", "--role", "king"], "invalid choice: 'king'"),
        (["create_organization", "global"], "There is an organization global already."),
        (["create_organization", "no spaces"], "An id is 1 to 50 characters"),
        (["create_organization", "x", "--name", "n" * 256], "up to 255 characters"),
        (["revoke_agent", "nobody"], "There is no agent nobody."),
        (["sync"], "No hub is configured: set CONTEXTSYS_CLOUD_URL"),
        (["sync", "--once"], "No hub is configured: set CONTEXTSYS_CLOUD_URL"),
    ],
)
def test_refusals_are_one_sentence(
    stranger_client: APIClient, arguments: list[str], complaint: str
) -> None:
    before = Agent.objects.count(), GlobalContext.objects.count()
    with pytest.raises(CommandError) as refusal:
        run(*arguments)
    assert complaint in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert (Agent.objects.count(), GlobalContext.objects.count()) == before


def test_create_organization_makes_a_tenant_of_its_own(organization: str) -> None:
    run("create_organization", "acme", "--name", "Acme Ltd")
    key = run("create_agent", "wile", "--organization", "acme").strip()
    found = client_with(key).get("/api/v1/contexts/global/acme/").json()
    assert found["organization_name"] == "Acme Ltd"
    assert found["organization_id"] == "acme"
    assert client_with(key).get(ADDRESS).status_code == 404


def test_revoke_agent_ends_the_key_at_once(organization: str) -> None:
    client = client_with(run("create_agent", "ci").strip())
    assert client.get(ADDRESS).status_code == 200
    run("revoke_agent", "ci")
    assert client.get(ADDRESS).status_code == 401


def test_create_agent_takes_the_organization_that_the_environment_names(db: None) -> None:
    run("create_organization", "acme")
    with override_settings(CONTEXTSYS_ORGANIZATION="acme"):
        run("create_agent", "ci")
    assert Agent.objects.get().organization_id == "acme"


@pytest.mark.parametrize("command", [["create_agent", "ci"], ["create_organization", "acme"]])
def test_a_database_without_tables_is_told_without_a_traceback(
    tmp_path: Path, command: list[str]
) -> None:
    ended = Instance(tmp_path / "home", "", {}).manage(*command, check=False)
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert "manage.py migrate" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "SELECT" not in ended.stderr


def test_sync_without_a_hub_exits_with_1(tmp_path: Path) -> None:
    ended = Instance(tmp_path / "home", "", {}).manage("sync", "--once", check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith("CommandError: No hub is configured")
