"""The page behind the last one is asked for while that is stored."""

import threading
from typing import Any

import pytest

from contexts.levels import PROJECT
from contexts.models import owned
from syncing import pull
from syncing.ahead import Ahead
from syncing.client import CloudClient
from syncing.errors import HubAway
from syncing.models import Link
from tests.syncing.hubs import (
    ORGANIZATION,
    Answer,
    Asked,
    ScriptedHub,
    away,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def behind(hub: ScriptedHub, client: CloudClient, monkeypatch: pytest.MonkeyPatch) -> CloudClient:
    """Of a node that is ten changes behind; pages have four."""
    monkeypatch.setattr(pull, "PAGE", 4)
    for value in range(10):
        hub.write(PROJECT, "p1", ORGANIZATION, data={"theirs": value})
    return client


def cursor() -> int:
    return owned(ORGANIZATION, Link).get().cursor


def test_it_is_asked_for_before_the_last_one_is_stored(
    hub: ScriptedHub, behind: CloudClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, store = threading.Event(), pull._store

    def script(question: Asked) -> Answer | None:
        if "stored" in question.query:
            asked.set()
        return None

    hub.script = script

    def when_asked(*page: Any) -> bool:
        assert asked.wait(10)
        return store(*page)

    monkeypatch.setattr(pull, "_store", when_asked)
    start, ahead = cursor(), Ahead(behind)
    assert pull.pull_once(ORGANIZATION, behind, ahead=ahead) == pull.Pulled(4, more=True)
    assert cursor() == start + 4


def test_all_come_once_each_and_tell_what_is_stored(hub: ScriptedHub, behind: CloudClient) -> None:
    start, ahead = cursor(), Ahead(behind)
    pulled = [pull.pull_once(ORGANIZATION, behind, ahead=ahead) for _ in range(3)]
    assert [each.changes for each in pulled] == [4, 4, 2]
    assert not pulled[-1].more
    questions = [asked.query for asked in hub.asked_for("changes/")]
    assert [int(each["since"]) - start for each in questions] == [0, 4, 8]
    # The second was asked for when nothing was stored, the third when the first page was.
    assert [each.get("stored") for each in questions] == [None, str(start), str(start + 4)]


def test_a_page_that_is_not_the_next_is_thrown_away(
    hub: ScriptedHub, behind: CloudClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, ahead = cursor(), Ahead(behind)
    with monkeypatch.context() as patch:
        patch.setattr(pull, "_store", lambda *page: False)
        assert pull.pull_once(ORGANIZATION, behind, ahead=ahead).changes == 0
    while pull.pull_once(ORGANIZATION, behind, ahead=ahead).more:
        pass
    assert cursor() == start + 10


def test_what_goes_wrong_with_it_is_told_when_it_is_needed(
    hub: ScriptedHub, behind: CloudClient
) -> None:
    start, ahead = cursor(), Ahead(behind)

    def lost(question: Asked) -> Answer | None:
        return away(question) if question.query.get("stored") else None

    hub.script = lost
    assert pull.pull_once(ORGANIZATION, behind, ahead=ahead).changes == 4
    with pytest.raises(HubAway):
        pull.pull_once(ORGANIZATION, behind, ahead=ahead)
    hub.script = lambda question: None
    while pull.pull_once(ORGANIZATION, behind, ahead=ahead).more:
        pass
    assert cursor() == start + 10
