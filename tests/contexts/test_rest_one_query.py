"""`resolved/` over REST, warm: one query tells whose key it is and what the chain is.

What it says of keys, organizations and addresses is what two queries would say.
"""

from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from contexts import agents, upstream
from contexts.access import Caller
from contexts.levels import LEVELS, Level
from contexts.models import Role
from tests.conftest import client_with, make_chain, make_organization
from tests.contexts.rest import API

LEVEL_IDS = {"global": "global", "project": "p1", "branch": "b1", "task": "t1"}
TASK = f"{API}contexts/task/t1/resolved/"


def address(level: str) -> str:
    return f"{API}contexts/{level}/{LEVEL_IDS[level]}/resolved/"


def write(client: APIClient, data: dict[str, Any]) -> None:
    answer = client.patch(f"{API}contexts/task/t1/", {"data": data}, format="json")
    assert answer.status_code == 200, answer.content


@pytest.mark.parametrize("level", LEVELS.values(), ids=list(LEVELS))
def test_it_is_one(
    owner: Caller,
    reader_client: APIClient,
    level: Level,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    make_chain(owner)
    first = reader_client.get(address(level.name))
    with django_assert_num_queries(1):
        again = reader_client.get(address(level.name))
    assert again.content == first.content
    with django_assert_num_queries(1):
        known = reader_client.get(address(level.name), headers={"If-None-Match": first["ETag"]})
    assert known.status_code == 304


@pytest.mark.parametrize("level", LEVELS)
def test_it_is_what_a_longer_question_is_answered_with(
    owner: Caller, reader_client: APIClient, level: str
) -> None:
    """The plain question does not go DRF's way; with other words for the same it does."""
    make_chain(owner)
    plain = reader_client.get(address(level))
    for answer in (
        reader_client.get(address(level), {"include": ""}),
        reader_client.get(address(level), headers={"Accept": "application/json, text/html;q=0.5"}),
    ):
        assert (answer.status_code, answer.content) == (200, plain.content)
        assert dict(answer.headers) == {**plain.headers, "X-Request-ID": answer["X-Request-ID"]}


def test_a_key_that_has_ended_is_refused_at_once(owner: Caller) -> None:
    make_chain(owner)
    client = client_with(agents.issue_key("guest", "global", Role.READER))
    assert client.get(TASK).status_code == 200
    agents.revoke("guest")
    assert client.get(TASK).status_code == 401
    rotated = client_with(agents.issue_key("guest", "global"))
    assert (client.get(TASK).status_code, rotated.get(TASK).status_code) == (401, 200)


def test_each_organization_sees_its_own_and_nothing_else(
    owner: Caller, reader_client: APIClient, stranger_client: APIClient
) -> None:
    make_chain(owner)
    foreign = stranger_client.get(TASK)
    missing = stranger_client.get(f"{API}contexts/task/t9/resolved/")
    assert (foreign.status_code, foreign.content) == (404, missing.content)
    make_chain(Caller("elsewhere", "stranger", Role.ADMIN))
    write(stranger_client, {"whose": "theirs"})
    assert stranger_client.get(TASK).json()["data"] == {"whose": "theirs"}
    assert reader_client.get(TASK).json()["data"] == {}


@pytest.mark.parametrize("place", ["t1", "t9", "a%00b", "..", "%F0%9F%90%99", "x" * 300])
def test_without_a_valid_key_nothing_is_said_of_the_address(owner: Caller, place: str) -> None:
    make_chain(owner)
    answer = client_with("ctx_wrong").get(f"{API}contexts/task/{place}/resolved/")
    assert answer.status_code == 401
    known = client_with(agents.issue_key("guest", "global", Role.READER))
    expected = 200 if place == "t1" else 404
    assert known.get(f"{API}contexts/task/{place}/resolved/").status_code == expected


def test_what_a_look_at_the_hub_brought_is_in_it(
    owner: Caller, reader_client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The chain was read before the look."""
    make_chain(owner)
    writer = client_with(agents.issue_key("writer", "global", Role.WRITER))
    assert reader_client.get(TASK).json()["data"] == {}

    class Hub(upstream.Alone):
        def refresh(self, organization_id: str) -> bool:
            monkeypatch.undo()
            write(writer, {"from": "the hub"})
            return True

    monkeypatch.setattr(upstream, "_upstream", Hub())
    assert reader_client.get(TASK).json()["data"] == {"from": "the hub"}


def test_a_new_organization_has_a_chain_of_one(db: None) -> None:
    make_organization("small")
    client = client_with(agents.issue_key("guest", "small", Role.READER))
    answer = client.get(f"{API}contexts/global/small/resolved/").json()
    assert answer["inheritance_chain"] == ["small"]
