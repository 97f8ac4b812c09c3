"""Deletions at the hub that cannot find their place at once: children of theirs are edited here."""

from typing import Any

import pytest

from contexts import services
from contexts.access import Caller
from contexts.levels import BRANCH, PROJECT, TASK, Level
from contexts.models import versions
from syncing.client import CloudClient
from syncing.models import Lane
from syncing.push import push_due
from tests.syncing.hubs import ORGANIZATION, ScriptedHub
from tests.syncing.node.deeds import merging, only_for, pull_all


@pytest.fixture
def chain(hub: ScriptedHub, client: CloudClient) -> None:
    """A project with a branch and a task, made at the hub."""
    hub.write(PROJECT, "p1", ORGANIZATION)
    hub.write(BRANCH, "b1", "p1")
    hub.write(TASK, "t1", "b1")
    pull_all(client)


def note(author: Caller, level: Level, context_id: str, **values: Any) -> None:
    services.update(author, level, context_id, lambda old: {**old, "data": values})


def at_the_hub(hub: ScriptedHub, level: Level, context_id: str) -> list[tuple[int, str]]:
    """Version and revision of a context's history, newest first."""
    return [
        (change["version"], change["revision"])
        for change in reversed(hub.feed)
        if (change["level"], change["context_id"]) == (level.name, context_id)
    ]


def here(level: Level, context_id: str) -> list[tuple[int, str]]:
    return list(versions(ORGANIZATION, level.name, context_id).values_list("version", "revision"))


@pytest.mark.usefixtures("chain")
def test_one_that_waited_for_its_children_leaves_the_hubs_history(
    hub: ScriptedHub, client: CloudClient, owner: Caller
) -> None:
    """Both were edited here and there; the hub merged that, and deleted both, in one page."""
    for level, context_id in ((BRANCH, "b1"), (TASK, "t1")):
        note(owner, level, context_id, mine=1)
        hub.write(level, context_id, data={"theirs": 1})
    pull_all(client)
    hub.judge = merging(hub, theirs=1, mine=1)
    push_due(ORGANIZATION, client)
    hub.write(TASK, "t1", gone=True)
    hub.write(BRANCH, "b1", gone=True)
    pull_all(client)
    assert not BRANCH.rows(ORGANIZATION).exists()
    assert here(TASK, "t1") == at_the_hub(hub, TASK, "t1")
    assert here(BRANCH, "b1") == at_the_hub(hub, BRANCH, "b1")


@pytest.mark.usefixtures("chain")
def test_one_that_was_made_here_too_meanwhile_is_in_the_history_once(
    hub: ScriptedHub, client: CloudClient, owner: Caller
) -> None:
    note(owner, TASK, "t1", mine=1)
    hub.write(TASK, "t1", gone=True)
    deletion = hub.write(BRANCH, "b1", gone=True)
    seq = len(hub.feed)
    pull_all(client)
    lane = Lane.objects.get(context_id="b1")
    assert lane.upstream is not None
    assert (lane.upstream.revision, BRANCH.rows(ORGANIZATION).count()) == (deletion["revision"], 1)
    services.delete(owner, BRANCH, "b1", cascade=True)
    # It knows the deletion by its revision, and wants to hear nothing of the task.
    known = {"verdict": "applied", "seq": seq, "revision": deletion["revision"]}
    refuse = only_for("t1", {"verdict": "rejected", "code": "forbidden"})
    hub.judge = lambda entry: known if entry["context_id"] == "b1" else refuse(entry)
    push_due(ORGANIZATION, client)
    pull_all(client)
    assert here(BRANCH, "b1") == at_the_hub(hub, BRANCH, "b1")
