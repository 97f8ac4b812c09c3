"""A chain of contexts, and a delegation that waits for a decision."""

import pytest

from contexts import delegations, services
from contexts.access import Caller
from contexts.changes import Author
from contexts.levels import BRANCH, PROJECT, TASK
from contexts.models import Context, Delegation, Role
from tests.contexts.admin.pages import IDS, row_of


@pytest.fixture
def chain(organization: str) -> dict[str, Context]:
    """A project `p1`, its branch `b1` and a task `t1` in the organization `global`."""
    agent = Author(organization, "agent-7")
    for level, context_id, parent_id, data in (
        (PROJECT, "p1", "global", {"lang": "py", "style": {"width": 100}}),
        (BRANCH, "b1", "p1", {"goal": "ship"}),
        (TASK, "t1", "b1", {"status": "todo", "style": {"width": 88}}),
    ):
        parents = {level.parent_field: parent_id}
        services.create(agent, level, {"data": data}, context_id=context_id, parent_ids=parents)
    return {level.name: row_of(level, context_id) for level, context_id in IDS.items()}


@pytest.fixture
def pending(chain: dict[str, Context]) -> Delegation:
    """What an agent hands to the organization."""
    caller = Caller("global", "agent-7", Role.WRITER)
    return delegations.delegate(caller, TASK, "t1", to="global", data={"rule": "new"}, reason="why")
