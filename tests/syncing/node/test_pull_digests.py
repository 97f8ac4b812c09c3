"""Whether both hold the same, and what is done when they do not."""

import logging
from unittest import mock

import pytest

from contexts.access import Caller
from contexts.levels import PROJECT
from contexts.models import ProjectContext
from syncing import pull
from syncing.client import CloudClient
from syncing.digests import digests
from syncing.models import unsettled
from tests.syncing.hubs import ORGANIZATION, Answer, Asked, ScriptedHub, exchange
from tests.syncing.node.deeds import data, edit, pull_all, story, tie


def same_digest(hub: ScriptedHub) -> None:
    _, hub.digest = digests.of(ORGANIZATION)


def test_equal_digests_are_noted(hub: ScriptedHub, client: CloudClient) -> None:
    story(hub)
    pull_all(client)
    same_digest(hub)
    assert pull.compare(ORGANIZATION, client) is True
    assert tie().checked_cursor == tie().cursor == 4


def test_nothing_is_compared_while_something_is_on_its_way(
    hub: ScriptedHub, client: CloudClient, owner: Caller
) -> None:
    story(hub)
    assert pull.compare(ORGANIZATION, client) is None
    pull_all(client)
    edit(owner, mine=1)
    hub.asked.clear()
    assert pull.compare(ORGANIZATION, client) is None
    assert hub.asked == []
    assert tie().checked_at is None


def test_another_digest_is_reported_and_all_is_compared_and_offered(
    hub: ScriptedHub, client: CloudClient, owner: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    story(hub)
    pull_all(client)
    # Somebody's hand in the database, past every service.
    ProjectContext.objects.update(data={"broken": True}, revision="3-wrong")
    hub.digest = "0" * 64
    with caplog.at_level(logging.ERROR, "contextsys.sync"):
        assert pull.compare(ORGANIZATION, client) is False
    assert "hold different documents" in caplog.text
    exchange(client)
    assert data() == {"theirs": 2}
    assert tie().cursor == len(hub.feed)
    assert not unsettled(ORGANIZATION).exists()


def test_a_digest_that_another_write_may_be_in_is_no_difference(
    hub: ScriptedHub, client: CloudClient
) -> None:
    """It takes the hub a while to work one out, and who writes there does not wait for it."""
    story(hub)
    pull_all(client)

    def written_meanwhile(asked: Asked) -> Answer | None:
        if asked.path != "status/":
            return None
        told = Answer(body={**hub.status(), "digest": "0" * 64})
        hub.script = lambda _: None
        hub.write(PROJECT, "p1", ORGANIZATION, data={"theirs": 3})
        return told

    hub.script = written_meanwhile
    assert pull.compare(ORGANIZATION, client) is None
    assert tie().checked_at is None
    assert hub.asked_for("snapshot/") == []


def test_a_page_that_comes_during_the_comparison_is_no_difference(
    hub: ScriptedHub, client: CloudClient
) -> None:
    story(hub)
    pull_all(client)
    hub.write(PROJECT, "p1", ORGANIZATION, data={"theirs": 3})
    digest_of = digests.of

    def another_worker_pulls(organization_id: str) -> object:
        found = digest_of(organization_id)
        pull_all(client)
        return found

    hub.digest = "0" * 64
    with mock.patch.object(digests, "of", another_worker_pulls):
        assert pull.compare(ORGANIZATION, client) is None
    assert hub.asked_for("snapshot/") == []
