"""Conflicts in the admin, settled by a click, and what happens when two people click."""

import json
import re
from html import unescape
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from contexts import services
from contexts.levels import PROJECT, TASK
from contexts.models import Change, Role
from syncing.models import Conflict
from tests.conftest import Humans
from tests.syncing.collisions import (
    AUTHOR,
    DATA,
    OURS,
    THEIRS,
    collide,
    edit,
    make,
    make_branch,
    page_of,
    preview,
    read,
    row_of,
    rows_in,
    settle,
    settle_url,
)

CHANGES = {
    "ours": ["/data/owner", "/progress"],
    "theirs": ["/data/goal", "/data/status"],
    "merge": ["/data/status"],
    "keep_both": ["/data/_conflicts"],
}
OUTCOMES = {
    "ours": ({**DATA, "status": "doing", "goal": "test"}, 0),
    "theirs": ({**DATA, "status": "done", "owner": "sam"}, 50),
    "merge": ({**DATA, "status": "done", "goal": "test", "owner": "sam"}, 50),
    "keep_both": ({**DATA, "status": "doing", "goal": "test", "owner": "sam"}, 50),
}


@pytest.fixture(autouse=True)
def chain(organization: str) -> None:
    make_branch()
    make(data=DATA)


@pytest.fixture
def conflict(owner_client: APIClient) -> Conflict:
    """Two edits of `t1` that differ in `data.status`."""
    return collide(owner_client, OURS, THEIRS)


@pytest.mark.parametrize("strategy", list(OUTCOMES))
def test_one_click_makes_current_what_the_choice_has_shown(
    root: Client, conflict: Conflict, strategy: str
) -> None:
    shown = preview(read(root, page_of(conflict)), strategy)
    assert sorted(re.findall(r"/(?:data/[a-z_]+|progress)", shown)) == CHANGES[strategy]
    body = settle(root, conflict, strategy=strategy).content.decode()
    now = row_of(TASK, "t1")
    kept = now.data.pop("_conflicts", {})
    assert (now.data, now.progress) == OUTCOMES[strategy]
    assert list(kept) == ([str(conflict.conflict_id)] if strategy == "keep_both" else [])
    assert now.updated_by == "root"
    conflict.refresh_from_db()
    assert (conflict.status, conflict.strategy, conflict.resolved_by) == (
        "resolved",
        strategy,
        "root",
    )
    assert Change.objects.latest("seq").operation == "conflict"
    assert "<strong>root</strong> chose" in body
    assert 'name="strategy"' not in body
    assert rows_in(body, "disputed")


def test_a_choice_that_changes_nothing_says_so(root: Client, owner_client: APIClient) -> None:
    conflict = collide(owner_client, {"progress": 1}, {"progress": 2})
    body = read(root, page_of(conflict))
    assert "Nothing changes" in preview(body, "ours")
    assert "Nothing changes" not in preview(body, "theirs")


def test_a_human_settles_with_data_of_their_own(root: Client, conflict: Conflict) -> None:
    body = read(root, page_of(conflict))
    begun = re.search(r"<textarea[^>]*>(.*?)</textarea>", body, re.DOTALL)
    assert begun is not None
    assert json.loads(unescape(begun.group(1))) == row_of(TASK, "t1").data
    body = settle(root, conflict, data='{"status": "blocked"}').content.decode()
    assert row_of(TASK, "t1").data == {"status": "blocked"}
    assert "With data of one&#x27;s own" in body


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"a": oops}', "line 1, column 7"),
        ('{"a": 1, "a": 2}', "stands twice"),
        ("[1]", "This must be an object."),
        ('{"a": NaN}', "NaN is not a JSON number"),
        (" ", "{} for none"),
    ],
)
def test_a_mistake_in_ones_own_data_is_named_and_the_text_stays(
    root: Client, conflict: Conflict, text: str, complaint: str
) -> None:
    response = settle(root, conflict, data=text)
    assert complaint in response.content.decode()
    assert 'a mistake in <a href="#own">' in response.content.decode()
    assert response.context["form"]["data"].value() == text
    conflict.refresh_from_db()
    assert conflict.status == "open"


def test_who_settles_second_is_told_by_whom_and_how_and_keeps_the_text(
    root: Client, signed_in: Humans, conflict: Conflict
) -> None:
    bob = signed_in("bob", **{"global": Role.WRITER})
    settle(bob, conflict, strategy="theirs")
    told = "bob settled it meanwhile (Take theirs): nothing was done."
    click = settle(root, conflict, strategy="ours")
    assert click.status_code == 409
    assert told in click.content.decode()
    typed = settle(root, conflict, data='{"hours": "of work"}')
    assert typed.status_code == 409
    assert told in typed.content.decode()
    assert ">{&quot;hours&quot;: &quot;of work&quot;}</textarea>" in typed.content.decode()
    assert row_of(TASK, "t1").data["status"] == "done"


def test_after_an_edit_meanwhile_the_choices_are_shown_anew(
    root: Client, conflict: Conflict
) -> None:
    seen = row_of(TASK, "t1").revision
    edit(data={**row_of(TASK, "t1").data, "status": "blocked"})
    for sent in ({"strategy": "merge"}, {"data": '{"typed": 1}'}):
        response = settle(root, conflict, **sent, revision=seen)
        body = response.content.decode()
        assert response.status_code == 409
        assert "was changed meanwhile" in body
        assert '"blocked"' in preview(body, "merge")
    assert "&quot;typed&quot;: 1" in body
    assert 'Your text is <a href="#own">as you left it' in body
    conflict.refresh_from_db()
    assert conflict.status == "open"
    settle(root, conflict, strategy="merge")
    assert row_of(TASK, "t1").data["status"] == "done"


def test_after_a_deletion_meanwhile_the_choices_are_shown_anew(
    root: Client, conflict: Conflict
) -> None:
    seen = row_of(TASK, "t1").revision
    services.delete(AUTHOR, TASK, "t1")
    response = settle(root, conflict, strategy="merge", revision=seen)
    assert response.status_code == 409
    assert "is not there now" in response.content.decode()
    settle(root, conflict, strategy="theirs")
    conflict.refresh_from_db()
    assert conflict.status == "resolved"


def test_a_deletion_against_an_edit_is_told_and_can_be_chosen(
    root: Client, owner_client: APIClient
) -> None:
    conflict = collide(owner_client, None, {"progress": 7})
    body = read(root, page_of(conflict))
    assert "was deleted on the hub" in body
    assert rows_in(body, "disputed") == [['"progress": 0', "", '"progress": 7']]
    assert "Deletes the task." in preview(body, "ours")
    settle(root, conflict, strategy="ours")
    assert not TASK.rows("global", context_id="t1").exists()
    assert Change.objects.filter(operation="deleted", context_id="t1", actor="root").exists()
    assert "is not there now" in read(root, page_of(conflict))


def test_what_was_deleted_since_is_made_again(root: Client, conflict: Conflict) -> None:
    services.delete(AUTHOR, TASK, "t1")
    body = read(root, page_of(conflict))
    assert "Makes the task again." in preview(body, "theirs")
    settle(root, conflict, strategy="theirs")
    assert row_of(TASK, "t1").progress == 50


def test_a_deletion_is_refused_while_there_are_children(
    root: Client, owner_client: APIClient
) -> None:
    conflict = collide(owner_client, {"project_name": "Shop"}, None, PROJECT, "p1")
    seen = row_of(PROJECT, "p1").revision
    response = root.post(settle_url(conflict), {"strategy": "theirs", "revision": seen})
    assert response.status_code == 409
    assert "has children" in response.content.decode()
    conflict.refresh_from_db()
    assert conflict.status == "open"


def test_only_an_admin_deletes_a_project_by_settling(
    signed_in: Humans, teammate_client: APIClient, owner_client: APIClient
) -> None:
    make(PROJECT, "p2")
    conflict = collide(owner_client, {"project_name": "Shop"}, None, PROJECT, "p2")
    bob = signed_in("bob", **{"global": Role.WRITER})
    seen = row_of(PROJECT, "p2").revision
    body = bob.post(settle_url(conflict), {"strategy": "theirs", "revision": seen})
    assert "This needs the role admin" in body.content.decode()
    address = f"/api/v1/conflicts/{conflict.conflict_id}/resolve/"
    refused = teammate_client.post(address, {"strategy": "theirs"}, format="json")
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert row_of(PROJECT, "p2").name == "Shop"
    alice = signed_in("alice", **{"global": Role.ADMIN})
    alice.post(settle_url(conflict), {"strategy": "theirs", "revision": seen})
    assert not PROJECT.rows("global", context_id="p2").exists()


def test_an_edit_that_could_not_be_merged_is_told_of(
    root: Client, owner_client: APIClient, settings: Any
) -> None:
    settings.CONTEXTSYS_MAX_DOCUMENT_BYTES = 1000
    conflict = collide(
        owner_client, {"data": {**DATA, "a": "x" * 600}}, {"data": {**DATA, "b": "y" * 600}}
    )
    body = read(root, page_of(conflict))
    assert "could not be put together" in body
    refused = settle(root, conflict, strategy="merge")
    assert refused.status_code == 409
    assert "larger than 1000 bytes" in refused.content.decode()
    settle(root, conflict, strategy="theirs")
    assert set(row_of(TASK, "t1").data) == {*DATA, "b"}
