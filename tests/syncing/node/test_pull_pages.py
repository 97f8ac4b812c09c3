"""A page of the feed: taken in whole, or neither it nor its place."""

import logging
from collections.abc import Callable
from itertools import count, takewhile
from typing import Any
from unittest import mock

import pytest
from django.test import override_settings
from pytest_django import DjangoCaptureOnCommitCallbacks

from contexts import broadcast, services
from contexts.access import Caller
from contexts.errors import DocumentTooLarge
from contexts.history import head_of
from contexts.levels import BRANCH, PROJECT, TASK, Document
from contexts.models import Change, owned
from contexts.queries import timestamp
from syncing import link, pull
from syncing.client import CloudClient
from syncing.errors import HubFailed
from syncing.takeover import Takeover
from tests.contexts.replay import assert_log_is_the_state
from tests.syncing.hubs import ORGANIZATION, Answer, Asked, ScriptedHub
from tests.syncing.node.deeds import data, pull_all, story, tie


class Crash(BaseException):
    """The process ends here."""


def test_a_page_brings_what_others_did_as_they_did_it(
    hub: ScriptedHub, client: CloudClient
) -> None:
    hub.write(PROJECT, "p1", ORGANIZATION, data={"a": 1})
    hub.write(BRANCH, "b1", "p1", git_branch_name="main")
    made = hub.write(TASK, "t1", "b1", progress=5)
    last = hub.write(TASK, "t1", progress=10)
    assert pull_all(client) == 4
    row = TASK.rows(ORGANIZATION).get()
    assert (row.version, row.revision, row.updated_by) == (2, last["revision"], "hub-agent")
    assert (timestamp(row.created_at), timestamp(row.updated_at)) == (made["at"], last["at"])
    logged = owned(ORGANIZATION, Change, level="task").order_by("seq")
    assert [str(each.mutation_id) for each in logged] == [made["mutation_id"], last["mutation_id"]]
    assert {each.origin_node for each in logged} == {hub.node}
    assert (tie().cursor, str(tie().last_stamp)) == (5, hub.feed[-1]["stamp"])
    assert_log_is_the_state(ORGANIZATION)


def test_the_hub_is_asked_from_where_the_node_stopped(
    hub: ScriptedHub, client: CloudClient
) -> None:
    story(hub)
    pull_all(client)
    pull.pull_once(ORGANIZATION, client, wait=5)
    first, second = hub.asked_for("changes/")
    assert (first.query["since"], second.query["since"]) == ("1", "4")
    assert second.query["last"] == hub.feed[-1]["stamp"]
    assert second.query["epoch"] == hub.epoch
    assert (second.query["wait"], "wait" in first.query) == ("5", False)


def test_long_feeds_come_page_by_page(
    hub: ScriptedHub, client: CloudClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pull, "PAGE", 4)
    story(hub, 10)
    assert [pull.pull_once(ORGANIZATION, client) for _ in range(3)] == [
        pull.Pulled(4, True),
        pull.Pulled(4, True),
        pull.Pulled(2, False),
    ]
    assert data() == {"theirs": 9}


@pytest.mark.parametrize("where", ["before", "after"])
def test_a_crash_leaves_neither_the_page_nor_its_place(
    hub: ScriptedHub, client: CloudClient, where: str
) -> None:
    story(hub)
    before = head_of(ORGANIZATION)
    run = Takeover.run

    def crash(takeover: Takeover) -> None:
        if where == "after":
            run(takeover)
        raise Crash

    with mock.patch.object(Takeover, "run", crash), pytest.raises(Crash):
        pull.pull_once(ORGANIZATION, client)
    assert (tie().cursor, head_of(ORGANIZATION), data()) == (1, before, None)
    assert pull_all(client) == 3
    assert data() == {"theirs": 2}


def test_a_crash_at_the_cursor_leaves_no_page(hub: ScriptedHub, client: CloudClient) -> None:
    story(hub)
    with mock.patch.object(link, "reached", side_effect=Crash), pytest.raises(Crash):
        pull.pull_once(ORGANIZATION, client)
    assert (tie().cursor, data()) == (1, None)


def test_a_page_that_another_worker_stored_meanwhile_is_left(
    hub: ScriptedHub, client: CloudClient
) -> None:
    story(hub)
    seen: list[Asked] = []

    def other_worker(asked: Asked) -> None:
        seen.append(asked)
        if len(seen) == 1:
            pull.pull_once(ORGANIZATION, client)

    hub.script = other_worker
    assert pull.pull_once(ORGANIZATION, client) == pull.Pulled(0, True)
    assert owned(ORGANIZATION, Change, context_id="p1").count() == 3
    assert tie().cursor == 4


def test_who_listens_is_told_to_look(
    hub: ScriptedHub,
    client: CloudClient,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    story(hub)
    with (
        mock.patch.object(broadcast, "look") as look,
        django_capture_on_commit_callbacks(execute=True),
    ):
        pull_all(client)
    assert {call.args[0] for call in look.call_args_list} == {ORGANIZATION}


def test_a_write_here_at_the_same_moment_makes_it_look_again(
    hub: ScriptedHub, client: CloudClient
) -> None:
    story(hub)
    run, tried = Takeover.run, list[bool]()

    def overtaken(takeover: Takeover) -> None:
        tried.append(True)
        if len(tried) < pull.ATTEMPTS:
            raise services.Overtaken
        run(takeover)

    with mock.patch.object(Takeover, "run", overtaken):
        assert pull_all(client) == 3
    assert data() == {"theirs": 2}


# What no hub of ours sends


RUBBISH: list[Callable[[Document], Any]] = [
    lambda page: page["changes"].pop(0),
    lambda page: page["changes"].pop(1),
    lambda page: page["changes"].reverse(),
    lambda page: page["changes"].insert(0, page["changes"][0]),
    lambda page: page["changes"].append(None),
    lambda page: page["changes"].append("x"),
    lambda page: page["changes"][1].pop("seq"),
    lambda page: page["changes"][1].update(seq="3"),
    lambda page: page["changes"][1].update(seq=True),
    lambda page: page["changes"][1].pop("mutation_id"),
    lambda page: page["changes"][2].update(mutation_id="x"),
    lambda page: page["changes"][1].update(level="planet"),
    lambda page: page["changes"][1].update(revision="2-" + "0" * 64),
    lambda page: page["changes"][1].update(document={"data": 5}),
    lambda page: page["changes"][1].update(actor=None),
    lambda page: page.update(changes={}),
    lambda page: page.pop("changes") and page,
    lambda page: page.update(epoch="another"),
    lambda page: page.pop("epoch") and None,
]


@pytest.mark.parametrize("number", range(len(RUBBISH)))
def test_a_page_that_makes_no_sense_is_not_taken_over(
    hub: ScriptedHub, client: CloudClient, number: int
) -> None:
    story(hub)
    before = head_of(ORGANIZATION)

    def tamper(asked: Asked) -> Answer | None:
        if asked.path != "changes/":
            return None
        hub.script = lambda _: None
        page = hub.answer(asked).body
        hub.script = tamper
        page["changes"] = [dict(change) for change in page["changes"]]
        RUBBISH[number](page)
        return Answer(200, page)

    hub.script = tamper
    with pytest.raises(HubFailed):
        pull.pull_once(ORGANIZATION, client)
    assert (tie().cursor, head_of(ORGANIZATION)) == (1, before)
    assert tie().last_error != ""
    hub.script = lambda _: None
    assert pull_all(client) == 3
    assert tie().last_error == ""


def test_a_change_that_the_node_cannot_take_is_told_and_waited_for(
    hub: ScriptedHub, client: CloudClient, caplog: pytest.LogCaptureFixture
) -> None:
    """A hub with fields that this node does not know, until it is upgraded too."""
    hub.write(PROJECT, "p1", ORGANIZATION, colour="green")
    for _ in range(2):
        with pytest.raises(HubFailed) as failed:
            pull.pull_once(ORGANIZATION, client)
    assert "colour" in str(failed.value)
    assert (tie().cursor, tie().last_error) == (1, str(failed.value))
    assert len([each for each in caplog.records if each.levelno == logging.ERROR]) == 1


def test_a_document_of_just_the_size_that_is_allowed_travels(
    hub: ScriptedHub, client: CloudClient, owner: Caller
) -> None:
    def fits(size: int) -> bool:
        try:
            services.create(owner, PROJECT, {"data": {"t": "x" * size}}, context_id=f"p{size}")
        except DocumentTooLarge:
            return False
        return True

    with override_settings(CONTEXTSYS_MAX_DOCUMENT_BYTES=1000):
        largest = max(takewhile(fits, count(900)))
        hub.write(PROJECT, "theirs", ORGANIZATION, data={"t": "x" * largest})
        assert pull_all(client) == 1
