"""What the hub says to deletions, and to edits of what was deleted."""

from tests.syncing.pushing import (
    AT,
    Hub,
    Node,
    entry,
    task,
)


def test_a_deletion_of_the_newest_version_is_applied(hub: Hub, node: Node) -> None:
    pushed = entry("task", "t1", None, hub.revision("task", "t1"))
    assert node.verdict(pushed) == "applied"
    assert not hub.has("task", "t1")
    newest = hub.history("task", "t1")[0]
    assert (newest["operation"], newest["revision"]) == ("deleted", pushed["revision"])


def test_a_context_made_again_goes_on_counting(hub: Hub, node: Node) -> None:
    gone = entry("task", "t1", None, hub.revision("task", "t1"))
    again = entry("task", "t1", task({"again": 1}), gone["revision"], operation="created")
    assert [each["verdict"] for each in node.push(gone, again)] == ["applied", "applied"]
    shown = hub.show("task", "t1")
    assert (shown["version"], shown["created_at"]) == (3, AT)


def test_an_edit_of_what_was_deleted_here_brings_it_back_as_a_conflict(
    hub: Hub, node: Node
) -> None:
    base = hub.revision("task", "t1")
    hub.delete("task", "t1")
    pushed = entry("task", "t1", task({"a": 2, "b": 1}), base)
    told = node.judged(pushed)
    assert told["verdict"] == "conflict"
    assert hub.show("task", "t1")["data"] == {"a": 2, "b": 1}
    (conflict,) = hub.conflicts()
    assert (conflict["ours"], conflict["paths"]) == (None, [""])
    assert conflict["theirs"]["data"] == {"a": 2, "b": 1}


def test_a_deletion_of_what_was_edited_here_keeps_the_edit_as_a_conflict(
    hub: Hub, node: Node
) -> None:
    base = hub.revision("task", "t1")
    hub.edit("task", "t1", data={"a": 2})
    assert node.verdict(entry("task", "t1", None, base)) == "conflict"
    assert hub.show("task", "t1")["data"] == {"a": 2, "b": 1}
    (conflict,) = hub.conflicts()
    assert (conflict["theirs"], conflict["paths"]) == (None, [""])
    assert conflict["ours"]["data"] == {"a": 2, "b": 1}


def test_what_both_sides_deleted_is_deleted(hub: Hub, node: Node) -> None:
    base = hub.show("task", "t1")
    hub.edit("task", "t1", data={"a": 2})
    hub.delete("task", "t1")
    assert node.verdict(entry("task", "t1", None, base["revision"])) == "merged"
    assert not hub.has("task", "t1")
    assert hub.conflicts() == []


def test_a_deletion_of_what_has_children_here_is_a_conflict(hub: Hub, admin_node: Node) -> None:
    told = admin_node.judged(entry("branch", "b1", None, hub.revision("branch", "b1")))
    assert told["verdict"] == "conflict"
    assert hub.has("branch", "b1")
    assert hub.conflicts()[0]["theirs"] is None


def test_an_edit_below_what_was_deleted_here_brings_the_chain_back(hub: Hub, node: Node) -> None:
    base = hub.revision("task", "t1")
    hub.delete("project", "p1", cascade=True)
    assert node.verdict(entry("task", "t1", task({"a": 2, "b": 1}), base)) == "conflict"
    assert hub.show("task", "t1")["branch_id"] == "b1"
    assert hub.show("branch", "b1")["project_id"] == "p1"
    assert sorted((each["level"], each["context_id"]) for each in hub.conflicts()) == [
        ("branch", "b1"),
        ("project", "p1"),
        ("task", "t1"),
    ]
