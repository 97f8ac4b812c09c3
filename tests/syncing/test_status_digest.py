"""`GET sync/status/`: equal digests are equal documents, whatever instance says so."""

from typing import Any

from rest_framework.test import APIClient

from contexts.models import Feed, owned
from tests.syncing.pushing import Hub, Node, branch, entry, insight, project, task
from tests.syncing.rebuilding import Copy, busy

# Of the history that `fixed_history` pushes, on every database and in every version.
FIXED = "2adce27c8f3dc33a9151a7d3ce54b5524d51565a65d33d85364a58cc2bd07388"


def fixed_history(node: Node, actor: str, at: str) -> None:
    """Contexts of all levels, edited, deleted and made again, with numbers of every form."""
    told = {"actor": actor, "at": at}
    first = entry("task", "t9", task({"n": 1.0, "big": 1e300, "é": [None, True]}, "b9"), **told)
    second = entry("task", "t9", task({"n": 0.1, "z": 1, "a": {}}, "b9"), first["revision"], **told)
    gone = entry("task", "t9", None, second["revision"], **told)
    again = entry("task", "t9", task(branch="b9", progress=7), gone["revision"], **told)
    results = node.push(
        entry("project", "p9", project({"x": 1}), **told),
        entry("branch", "b9", branch({"x": [1, {"y": 2}]}, "p9"), **told),
        entry("branch", "B9", branch(project="p9"), **told),
        first,
        second,
        gone,
        again,
    )
    assert [each["verdict"] for each in results] == ["applied"] * 7


def test_it_says_who_and_where(hub: Hub) -> None:
    told = hub.status()
    feed = owned("global", Feed).get()
    assert list(told) == ["protocol", "node", "organization", "epoch", "floor", "head", "digest"]
    assert (told["protocol"], told["organization"]) == (1, "global")
    assert (told["epoch"], told["floor"], told["head"]) == (feed.epoch, feed.floor, feed.head)
    assert len(told["digest"]) == 64


def test_it_is_told_from_levels_ids_revisions_and_parents(hub: Hub, node: Node) -> None:
    busy(hub, node)
    copy = Copy()
    copy.take(hub.feed()["changes"])
    assert copy.digest() == hub.status()["digest"]


def test_a_fixed_history_has_one_digest_everywhere(hub: Hub, node: Node) -> None:
    fixed_history(node, "agent-far-away", "2026-01-01T00:00:00Z")
    assert hub.status()["digest"] == FIXED


def test_who_wrote_it_and_when_does_not_matter(hub: Hub, node: Node) -> None:
    fixed_history(node, "someone-else", "1999-12-31T23:59:59.999999+05:30")
    assert hub.status()["digest"] == FIXED


def test_it_changes_with_every_change_of_a_document(hub: Hub, node: Node) -> None:
    seen = [hub.status()["digest"]]

    def changed() -> bool:
        seen.append(hub.status()["digest"])
        return seen[-1] not in seen[:-1]

    hub.edit("task", "t1", data={"a": 2})
    assert changed()
    hub.edit("task", "t1", progress=1)
    assert changed()
    hub.edit("task", "t1", metadata={"m": 1})
    assert changed()
    hub.edit("global", "global", organization_name="Us")
    assert changed()
    hub.make("task", "t2", branch_id="b1")
    assert changed()
    node.push(entry("task", "t3", task()))
    assert changed()
    hub.delete("task", "t2")
    assert changed()
    # There again, but one version further on.
    hub.make("task", "t2", branch_id="b1")
    assert changed()


def test_it_stays_with_what_changes_no_document(hub: Hub, node: Node) -> None:
    before = hub.status()
    hub.edit("task", "t1", data={"a": 1})
    revision = hub.revision("task", "t1")
    told = entry("task", "t1", None, operation="entry_added", revision=revision, entry=insight("x"))
    assert node.verdict(told) == "applied"
    after = hub.status()
    assert (after["digest"], after["head"]) == (before["digest"], before["head"] + 1)


def test_a_write_that_failed_changes_nothing(hub: Hub) -> None:
    before = hub.status()
    refused: Any = hub.client.patch(
        "/api/v1/contexts/task/t1/", {"data": {"a": 2}, "progress": 101}, format="json"
    )
    assert refused.status_code == 400
    assert hub.status() == before


def test_every_organization_has_its_own(hub: Hub, stranger_client: APIClient) -> None:
    theirs = Hub(stranger_client).status()
    assert theirs["organization"] == "elsewhere"
    assert theirs["digest"] != hub.status()["digest"]
    before = theirs["digest"]
    hub.edit("task", "t1", data={"a": 2})
    assert Hub(stranger_client).status()["digest"] == before
