"""People in front of the pages."""

import re
from typing import Any

import pytest
from django.test import Client

from contexts import services
from contexts.changes import Author
from contexts.levels import BRANCH, GLOBAL, PROJECT, TASK
from contexts.models import Role
from tests.conftest import Humans

EVIL = '"><script>alert(1)</script>'


def html(client: Client, address: str, status: int = 200, **headers: str) -> str:
    """The page at an address."""
    response = client.get(address, headers=headers)
    assert response.status_code == status, response.content.decode()[:400]
    return response.content.decode()


def without_tokens(page: str) -> str:
    """The page without what differs from answer to answer."""
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", page)


def edit(author: Author, level: Any, context_id: str, data: Any) -> Any:
    """Sets a context's data."""
    return services.update(author, level, context_id, lambda values: {**values, "data": data})


@pytest.fixture
def chain(organization: str) -> Author:
    """Organization, project `p1`, branch `b1` and task `t1`, each with data; their author."""
    agent = Author(organization, "agent-7")
    edit(agent, GLOBAL, organization, {"rules": {"style": "ruff", "width": 100}})
    for level, context_id, parent_id, data in (
        (PROJECT, "p1", organization, {"rules": {"style": "black"}}),
        (BRANCH, "b1", "p1", {"goal": "ship"}),
        (TASK, "t1", "b1", {"status": "todo", "rules": {"style": "none"}}),
    ):
        parents = {level.parent_field: parent_id}
        services.create(agent, level, {"data": data}, context_id=context_id, parent_ids=parents)
    return agent


@pytest.fixture
def reader(signed_in: Humans, organization: str) -> Client:
    return signed_in("rita", **{organization: Role.READER})


@pytest.fixture
def writer(signed_in: Humans, organization: str) -> Client:
    return signed_in("wilma", **{organization: Role.WRITER})


@pytest.fixture
def admin(signed_in: Humans, organization: str) -> Client:
    return signed_in("ada", **{organization: Role.ADMIN})
