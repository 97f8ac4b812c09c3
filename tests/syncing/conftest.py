"""A hub with a chain of contexts, and nodes that push to it."""

import pytest
from rest_framework.test import APIClient

from contexts import agents
from contexts.models import Role
from tests.conftest import client_with
from tests.syncing.pushing import Hub, Node


@pytest.fixture
def hub(owner_client: APIClient) -> Hub:
    """The organization `global` with a task `t1` in branch `b1` of project `p1`."""
    found = Hub(owner_client)
    found.make("project", "p1")
    found.make("branch", "b1", project_id="p1")
    found.make("task", "t1", branch_id="b1", data={"a": 1, "b": 1})
    return found


@pytest.fixture
def node(hub: Hub) -> Node:
    """A node with a writer's key."""
    return Node(client_with(agents.issue_key("key-of-node-1", "global", Role.WRITER)))


@pytest.fixture
def other_node(hub: Hub) -> Node:
    return Node(client_with(agents.issue_key("key-of-node-2", "global", Role.WRITER)), "node-2")


@pytest.fixture
def admin_node(hub: Hub) -> Node:
    """A node with an admin's key."""
    return Node(client_with(agents.issue_key("key-of-node-3", "global", Role.ADMIN)), "node-3")
