"""Agents in the admin, and their keys."""

import re

from django.test import Client
from django.urls import reverse

from contexts import agents
from contexts.models import Agent, Role
from tests.contexts.admin.pages import page


def key_in(body: str) -> str:
    found = re.search(r"ctx_[A-Za-z0-9_-]{40,}", body)
    assert found is not None
    return found.group()


def test_an_agents_key_is_shown_once_and_works(root: Client, organization: str) -> None:
    sent = {"agent_id": "builder", "organization": organization, "role": "writer"}
    response = root.post(reverse("admin:contexts_agent_add"), sent)
    key = key_in(response.content.decode())
    agent = agents.with_key(key)
    assert agent is not None
    assert (agent.agent_id, agent.role) == ("builder", "writer")
    assert "no-store" in response["Cache-Control"]
    assert key not in str(response.cookies)
    detail = reverse("admin:contexts_agent_change", args=[Agent.objects.get().pk])
    for address in (detail, reverse("admin:contexts_agent_changelist"), reverse("admin:index")):
        assert key not in page(root, address)
    again = root.post(reverse("admin:contexts_agent_add"), sent)
    assert "There is an agent builder already" in again.content.decode()
    assert agents.with_key(key) is not None


def test_rotating_ends_the_old_key_and_a_reload_does_not_rotate_again(
    root: Client, organization: str
) -> None:
    old = agents.issue_key("builder", organization, Role.WRITER)
    agent = Agent.objects.get()
    address = reverse("admin:contexts_agent_rotate", args=[agent.pk])
    seen = re.search(r'name="seen" value="([^"]+)"', page(root, address))
    assert seen is not None
    new = key_in(root.post(address, {"seen": seen.group(1)}).content.decode())
    assert agents.with_key(old) is None
    root.post(address, {"seen": seen.group(1)})
    assert agents.with_key(new) is not None


def test_revoking_asks_first_and_ends_the_key(root: Client, organization: str) -> None:
    key = agents.issue_key("builder", organization)
    address = reverse("admin:contexts_agent_revoke", args=[Agent.objects.get().pk])
    page(root, address)
    assert agents.with_key(key) is not None
    root.post(address)
    assert agents.with_key(key) is None


def test_changing_a_role_leaves_the_key_and_the_organization(
    root: Client, organization: str
) -> None:
    key = agents.issue_key("builder", organization, Role.WRITER)
    address = reverse("admin:contexts_agent_change", args=[Agent.objects.get().pk])
    root.post(address, {"role": "reader", "organization": "elsewhere"})
    agent = agents.with_key(key)
    assert agent is not None
    assert (agent.role, agent.organization_id) == ("reader", organization)
