"""Keys of agents: issued, rotated, and asked for by many at once."""

from functools import partial

import pytest

from contexts import agents
from contexts.errors import IdTaken, Invalid
from contexts.models import Agent, Role
from tests.conftest import make_organization
from tests.system.threads import together


def test_a_key_is_issued_again_for_an_agent_that_exists(organization: str) -> None:
    old = agents.issue_key("builder", organization, Role.READER)
    new = agents.issue_key("builder", organization)
    assert agents.with_key(old) is None
    agent = agents.with_key(new)
    assert agent is not None
    assert agent.role == Role.READER


def test_a_key_for_a_new_agent_only_leaves_the_one_that_exists(organization: str) -> None:
    key = agents.issue_key("builder", organization, Role.READER, only_new=True)
    with pytest.raises(IdTaken, match="There is an agent builder already"):
        agents.issue_key("builder", organization, Role.ADMIN, only_new=True)
    agent = agents.with_key(key)
    assert agent is not None
    assert agent.role == Role.READER


@pytest.mark.parametrize("only_new", [False, True])
def test_an_agent_of_another_organization_stays_there(organization: str, only_new: bool) -> None:
    make_organization("elsewhere")
    key = agents.issue_key("builder", "elsewhere")
    with pytest.raises(IdTaken, match="in another organization"):
        agents.issue_key("builder", organization, only_new=only_new)
    assert agents.with_key(key) is not None


@pytest.mark.parametrize("agent_id", ["", "-x", "a b", "x" * 101, "a\n"])
def test_an_id_that_breaks_the_rules_is_refused(organization: str, agent_id: str) -> None:
    with pytest.raises(Invalid):
        agents.issue_key(agent_id, organization)
    assert not Agent.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("only_new", [False, True])
def test_many_who_ask_for_a_new_agent_at_once_get_keys_or_a_clear_refusal(
    transactional_db: None, only_new: bool
) -> None:
    make_organization("global")
    for number in range(5):
        ask = partial(agents.issue_key, f"agent-{number}", "global", only_new=only_new)
        outcomes = together([ask] * 8)
        keys = [each for each in outcomes if isinstance(each, str)]
        refused = [each for each in outcomes if isinstance(each, IdTaken)]
        assert len(keys) + len(refused) == len(outcomes), outcomes
        # One key works at the end; a rotation has ended the others.
        assert len([key for key in keys if agents.with_key(key) is not None]) == 1
        assert len(keys) == 1 or not only_new
