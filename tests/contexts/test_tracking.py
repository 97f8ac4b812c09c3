"""Tracking from inside the process: the same service as `POST actions/`."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from contexts import agents
from contexts.access import Caller
from contexts.errors import Forbidden, Invalid, NotFound
from contexts.models import Entry, Role, owned
from contexts.tracking import AgentContextManager
from tests.conftest import make_chain, make_organization


@pytest.fixture
def task(owner: Caller) -> Caller:
    make_chain(owner)
    return owner


def test_an_action_is_tracked_as_over_rest(task: Caller, teammate_client: APIClient) -> None:
    data = {"task_id": "t1", "command": "pytest", "exit_code": 1, "output": "2 failed in 0.10s"}
    tracked = AgentContextManager("teammate").track_action("command", data)
    body = {"action_type": "command", "action_data": data}
    posted = teammate_client.post("/api/v1/actions/", body, format="json").json()
    assert tracked["extracted"] == posted["extracted"]
    for name in ("kind", "agent", "content", "details", "context_id"):
        assert tracked["entry"][name] == posted["entry"][name]


def test_an_agent_without_a_key_acts_in_the_instances_organization(task: Caller) -> None:
    AgentContextManager("nobody-yet").track_action("x", {"task_id": "t1"})
    assert owned("global", Entry).get().agent == "nobody-yet"


def test_an_agent_acts_in_its_own_organization_alone(task: Caller) -> None:
    make_organization("elsewhere")
    agents.issue_key("theirs", "elsewhere", Role.WRITER)
    with pytest.raises(NotFound):
        AgentContextManager("theirs").track_action("x", {"task_id": "t1"})
    with pytest.raises(Forbidden):
        AgentContextManager("theirs", "global")


def test_readers_and_revoked_agents_may_not(task: Caller) -> None:
    agents.issue_key("reader", "global", Role.READER)
    agents.issue_key("gone", "global", Role.WRITER)
    agents.revoke("gone")
    for agent_id in ("reader", "gone"):
        with pytest.raises(Forbidden):
            AgentContextManager(agent_id)


@pytest.mark.parametrize(
    "data", [{}, {"task_id": None}, [], {"task_id": "t1", "n": float("nan")}, {"task_id": ""}]
)
def test_what_is_no_action_is_refused(task: Caller, data: Any) -> None:
    with pytest.raises(Invalid):
        AgentContextManager("owner").track_action("x", data)
    assert not owned("global", Entry).exists()
