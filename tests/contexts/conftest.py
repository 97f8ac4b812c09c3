"""An agent of an organization that has a task."""

import pytest

from contexts import agents
from contexts.models import Role
from tests.conftest import make_chain, make_organization
from tests.contexts.talking import OWNER


@pytest.fixture
def key(transactional_db: None) -> str:
    """The key of a writer in `global`, where there is a task `t1` in `b1` in `p1`."""
    make_organization("global")
    make_chain(OWNER)
    return agents.issue_key("agent-7", "global", Role.WRITER)
