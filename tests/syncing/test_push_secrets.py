"""`POST sync/push/`: secrets are not taken in, and what lost one elsewhere is (CONTRACT §5)."""

import json
from typing import Any

import pytest

from contexts import services
from contexts.services import foreign
from syncing import batches
from tests.syncing.pushing import API, Document, Hub, Node, entry, insight, revision_of, task

SECRET = "hunter2-hunter2-x9"
SECRETIVE = task({"password": SECRET})
LOST = task({"password": "[redacted:password]"})


def everything(hub: Hub) -> str:
    """All that the hub tells anyone."""
    shown: Any = hub.client.get(f"{API}contexts/task/t2/entries/").json()
    snapshot: Any = hub.client.get(f"{API}sync/snapshot/").json()
    return json.dumps([hub.feed(), hub.conflicts(), shown, snapshot])


def test_a_secret_in_a_document_is_not_taken_in(hub: Hub, node: Node) -> None:
    made = entry("task", "t2", SECRETIVE)
    told = node.judged(made)
    shown = hub.show("task", "t2")
    # It is another version than the node's, and says so.
    assert (told["verdict"], told["revision"]) == ("merged", shown["revision"])
    assert told["revision"] == revision_of("", LOST) != made["revision"]
    assert shown["data"] == LOST["data"]
    assert SECRET not in everything(hub)


def test_the_node_goes_on_from_its_own_version(hub: Hub, node: Node) -> None:
    made = entry("task", "t2", SECRETIVE)
    later = entry("task", "t2", task({"password": SECRET, "n": 1}), made["revision"])
    assert [each["verdict"] for each in node.push(made, later)] == ["merged", "merged"]
    assert hub.show("task", "t2")["data"] == {**LOST["data"], "n": 1}
    assert hub.conflicts() == []


def test_a_secret_is_no_side_of_a_conflict(hub: Hub, node: Node) -> None:
    hub.make("task", "t2", branch_id="b1", data={"a": 1})
    base = hub.revision("task", "t2")
    hub.edit("task", "t2", data={"a": 2})
    pushed = entry("task", "t2", task({"a": 3, "token": SECRET}), base)
    assert node.verdict(pushed) == "conflict"
    assert hub.conflicts()[0]["theirs"]["data"] == {"a": 3, "token": "[redacted:token]"}
    assert SECRET not in everything(hub)


def test_a_secret_in_an_entry_is_not_taken_in(hub: Hub, node: Node) -> None:
    made = entry("task", "t2", task())
    told = insight(f"password={SECRET}", details={"password": SECRET})
    news = entry("task", "t2", None, operation="entry_added", revision=made["revision"], entry=told)
    assert [each["verdict"] for each in node.push(made, news)] == ["applied", "applied"]
    assert hub.feed()["changes"][-1]["entry"]["content"] == "password=[redacted:password]"
    assert SECRET not in everything(hub)
    # It is the same entry still when it comes again.
    assert node.verdict(news) == "applied"


@pytest.mark.parametrize("base", ["", "the newest"])
def test_a_version_that_lost_a_secret_at_its_node_becomes_one_that_can_be_checked(
    hub: Hub, node: Node, base: str
) -> None:
    """As after an import of an old archive: its revision is of a document that nobody has."""
    before = hub.make("task", "t2", branch_id="b1")["revision"] if base else ""
    pushed = entry("task", "t2", LOST, before, revision=revision_of(before, SECRETIVE))
    assert node.judged(pushed)["code"] == "invalid"
    told = node.judged({**pushed, "redacted": True})
    assert told["verdict"] == "merged"
    assert told["revision"] == hub.revision("task", "t2") == revision_of(before, LOST)
    assert hub.show("task", "t2")["data"] == LOST["data"]
    later = entry("task", "t2", task({**LOST["data"], "n": 1}), pushed["revision"])
    assert node.verdict(later) == "merged"
    assert hub.show("task", "t2")["data"] == {**LOST["data"], "n": 1}


def test_where_no_secret_is_missing_a_wrong_revision_is_wrong(hub: Hub, node: Node) -> None:
    base = hub.revision("task", "t1")
    pushed = entry("task", "t1", task({"a": 2}), base, revision=f"2-{'0' * 32}")
    for told in ({"redacted": True}, {"redacted": True, "makes_version": True}, {"version": 2}):
        assert node.judged({**pushed, **told})["code"] == "invalid"
    assert hub.show("task", "t1")["version"] == 1


def adopt_what_lost_a_secret() -> None:
    """A version whose revision was hashed before its document lost a secret."""
    told = {
        **entry("task", "t2", LOST, revision=revision_of("", SECRETIVE)),
        "parent_revision": "",
        "version": 1,
        "makes_version": True,
        "origin_node": "elsewhere",
        "redacted": True,
    }
    services.adopt("global", foreign.read(told))


def test_the_feed_says_of_which_versions_the_revision_cannot_be_checked(hub: Hub) -> None:
    adopt_what_lost_a_secret()
    *others, change = hub.feed()["changes"]
    assert (change["document"], change["redacted"]) == (LOST, True)
    assert all("redacted" not in each for each in others)
    for each in (*others, change):
        foreign.read(each).verify()


def test_a_node_says_it_too_when_it_pushes(hub: Hub, node: Node, settings: Any) -> None:
    settings.CONTEXTSYS_CLOUD_URL = "http://hub.invalid"
    adopt_what_lost_a_secret()
    batch = batches.claim("global", "node-9")
    assert batch is not None
    bodies: dict[str, Document] = {each["context_id"]: each for each in batch.bodies}
    assert bodies["t2"]["redacted"] is True
