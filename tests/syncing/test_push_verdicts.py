"""`POST sync/push/`: what a hub makes of an entry, and which verdict it gives."""

import json
import uuid
from typing import Any

import pytest
from django.db import DataError

from contexts.merging import same
from tests.syncing.pushing import (
    AT,
    Document,
    Hub,
    Node,
    branch,
    entry,
    insight,
    project,
    task,
)

FIELDS = ("data", "metadata", "progress", "next_steps")


def fields(document: Document) -> Document:
    """The writable fields of a task."""
    return {name: document[name] for name in FIELDS}


def test_an_edit_of_the_newest_version_is_applied_as_it_is(hub: Hub, node: Node) -> None:
    base = hub.show("task", "t1")
    edited = task({"a": 2, "b": 1}, progress=50, next_steps=["x"])
    pushed = entry("task", "t1", edited, base["revision"])
    head = hub.head()
    assert node.judged(pushed) == {
        "mutation_id": pushed["mutation_id"],
        "verdict": "applied",
        "seq": head + 1,
        "revision": pushed["revision"],
        "conflict_id": None,
        "code": None,
    }
    shown = hub.show("task", "t1")
    assert fields(shown) == fields(edited)
    assert (shown["version"], shown["revision"]) == (base["version"] + 1, pushed["revision"])
    assert (shown["updated_by"], shown["updated_at"]) == ("agent-far-away", AT)
    assert shown["created_at"] == base["created_at"]


def test_a_new_context_keeps_version_revision_actor_and_time(hub: Hub, node: Node) -> None:
    pushed = entry("task", "t2", task({"x": 1}))
    later = entry("task", "t2", task({"x": 2}), pushed["revision"], at="2026-02-02T00:00:00Z")
    assert [each["verdict"] for each in node.push(pushed, later)] == ["applied", "applied"]
    shown = hub.show("task", "t2")
    assert (shown["version"], shown["revision"]) == (2, later["revision"])
    assert (shown["created_at"], shown["updated_at"]) == (AT, "2026-02-02T00:00:00.000000Z")
    assert [
        (each["version"], each["revision"], each["actor"], each["at"], each["operation"])
        for each in reversed(hub.history("task", "t2"))
    ] == [
        (1, pushed["revision"], "agent-far-away", AT, "created"),
        (2, later["revision"], "agent-far-away", "2026-02-02T00:00:00.000000Z", "updated"),
    ]


def test_a_whole_chain_comes_in_one_push(hub: Hub, node: Node) -> None:
    pushed = [
        entry("project", "p9", project({"of": "p9"})),
        entry("branch", "b9", branch({"of": "b9"}, "p9")),
        entry("task", "t9", task({"of": "t9"}, "b9")),
    ]
    assert [each["verdict"] for each in node.push(*pushed)] == ["applied"] * 3
    assert hub.show("task", "t9")["branch_id"] == "b9"


def test_an_organizations_own_context_is_edited_like_any_other(hub: Hub, node: Node) -> None:
    edited = {"organization_name": "Us", "data": {"x": 1}, "metadata": {}}
    pushed = entry("global", "global", edited, hub.revision("global", "global"))
    assert node.verdict(pushed) == "applied"
    assert hub.show("global", "global")["organization_name"] == "Us"


def test_edits_of_different_paths_are_merged(hub: Hub, node: Node) -> None:
    base = hub.revision("task", "t1")
    hub.edit("task", "t1", data={"a": 2})
    pushed = entry("task", "t1", task({"a": 1, "b": 3}, progress=50), base)
    told = node.judged(pushed)
    shown = hub.show("task", "t1")
    assert (told["verdict"], told["conflict_id"], told["code"]) == ("merged", None, None)
    assert (told["revision"], told["seq"]) == (shown["revision"], hub.head())
    assert fields(shown) == fields(task({"a": 2, "b": 3}, progress=50))
    assert (shown["version"], shown["updated_by"]) == (3, "agent-far-away")
    assert hub.conflicts() == []


def test_edits_of_one_path_are_a_conflict_and_the_rest_goes_in(hub: Hub, node: Node) -> None:
    base = hub.revision("task", "t1")
    hub.edit("task", "t1", data={"a": 2})
    pushed = entry("task", "t1", task({"a": 3, "b": 3}, progress=50), base)
    told = node.judged(pushed)
    shown = hub.show("task", "t1")
    assert (told["verdict"], told["revision"]) == ("conflict", shown["revision"])
    assert fields(shown) == fields(task({"a": 2, "b": 3}, progress=50))
    (conflict,) = hub.conflicts()
    assert conflict["id"] == told["conflict_id"]
    assert same(conflict["base"], fields(task({"a": 1, "b": 1})))
    assert same(conflict["ours"], fields(task({"a": 2, "b": 1})))
    assert same(conflict["theirs"], fields(task({"a": 3, "b": 3}, progress=50)))
    assert conflict["paths"] == ["/data/a"]


def test_the_same_edit_made_on_both_sides_is_no_conflict(hub: Hub, node: Node) -> None:
    base = hub.revision("task", "t1")
    hub.edit("task", "t1", data={"a": 2})
    hub.edit("task", "t1", data={"b": 2})
    pushed = entry("task", "t1", task({"a": 2, "b": 1}), base)
    told = node.judged(pushed)
    # The very same version is known already; what differs only in its history is merged.
    assert told["verdict"] == "applied"
    assert hub.show("task", "t1")["data"] == {"a": 2, "b": 2}
    assert hub.conflicts() == []


def test_a_chain_of_edits_made_offline_is_rebased_edit_by_edit(hub: Hub, node: Node) -> None:
    base = hub.revision("task", "t1")
    hub.edit("task", "t1", data={"hub": 1})
    first = entry("task", "t1", task({"a": 2, "b": 1}), base)
    second = entry("task", "t1", task({"a": 2, "b": 2}), first["revision"])
    third = entry("task", "t1", task({"a": 2}), second["revision"])
    assert [each["verdict"] for each in node.push(first, second, third)] == ["merged"] * 3
    assert hub.show("task", "t1")["data"] == {"hub": 1, "a": 2}
    assert [each["version"] for each in hub.history("task", "t1")] == [5, 4, 3, 2, 1]


def test_a_context_made_on_both_sides_is_merged(hub: Hub, node: Node) -> None:
    hub.make("task", "t2", branch_id="b1", data={"a": 1, "x": 1})
    told = node.judged(entry("task", "t2", task({"b": 2, "x": 2}, progress=50)))
    assert told["verdict"] == "conflict"
    shown = hub.show("task", "t2")
    assert fields(shown) == fields(task({"a": 1, "b": 2, "x": 1}, progress=50))
    (conflict,) = hub.conflicts()
    assert (conflict["paths"], conflict["base"]) == (["/data/x"], None)


def test_a_context_made_in_two_places_stays_where_the_hub_has_it(hub: Hub, node: Node) -> None:
    hub.make("branch", "b2", project_id="p1")
    hub.make("task", "t2", branch_id="b2")
    assert node.verdict(entry("task", "t2", task({"a": 1}))) == "conflict"
    assert hub.show("task", "t2")["branch_id"] == "b2"
    assert hub.conflicts()[0]["paths"] == ["/branch_id"]


def test_an_edit_of_a_version_that_the_hub_never_had_is_an_unknown_base(
    hub: Hub, node: Node
) -> None:
    head = hub.head()
    pushed = entry("task", "t1", task({"a": 2}), f"1-{'0' * 32}")
    assert node.judged(pushed) == {
        "mutation_id": pushed["mutation_id"],
        "verdict": "unknown_base",
        "seq": None,
        "revision": None,
        "conflict_id": None,
        "code": None,
    }
    assert hub.head() == head


def test_an_unknown_base_that_comes_with_the_entry_is_taken(hub: Hub, node: Node) -> None:
    pushed = entry("task", "t1", task({"a": 1, "b": 2}), f"1-{'0' * 32}")
    assert node.verdict(pushed) == "unknown_base"
    pushed["base"] = task({"a": 1, "b": 1})
    assert node.verdict(pushed) == "merged"
    assert hub.show("task", "t1")["data"] == {"a": 1, "b": 2}
    # It is the same entry, with or without it.
    del pushed["base"]
    assert node.verdict(pushed) == "merged"


def test_a_child_without_its_parent_waits_for_it(hub: Hub, node: Node) -> None:
    orphan = entry("task", "t9", task(branch="b9"))
    told = node.judged(orphan)
    assert (told["verdict"], told["code"]) == ("retry", "parent_missing")
    assert node.verdict(entry("branch", "b9", branch())) == "applied"
    assert node.verdict(orphan) == "applied"


def test_an_entry_of_a_context_that_is_not_here_yet_waits_for_it(hub: Hub, node: Node) -> None:
    made = entry("task", "t9", task())
    told_of = entry(
        "task",
        "t9",
        None,
        operation="entry_added",
        revision=made["revision"],
        entry=insight("learned"),
    )
    told = node.judged(told_of)
    assert (told["verdict"], told["code"]) == ("retry", "context_missing")
    assert [each["verdict"] for each in node.push(made, told_of)] == ["applied", "applied"]


def test_what_follows_an_entry_that_must_come_again_waits_for_it(hub: Hub, node: Node) -> None:
    orphan = entry("task", "t9", task(branch="b9"))
    later = entry("task", "t9", task({"x": 1}, "b9"), orphan["revision"])
    told = node.push(orphan, later, entry("task", "t2", task()))
    assert [(each["verdict"], each["code"]) for each in told] == [
        ("retry", "parent_missing"),
        ("retry", "waits_for_earlier"),
        ("applied", None),
    ]
    told = node.push(entry("branch", "b9", branch()), orphan, later)
    assert [each["verdict"] for each in told] == ["applied"] * 3


def test_what_a_busy_hub_has_no_time_for_may_come_again_at_once(
    hub: Hub, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncing.receiving.BUSY_SECONDS", 0.0)
    first = entry("task", "t2", task())
    pushed = [first, entry("task", "t2", task({"x": 1}), first["revision"])]
    answer = node.send(*pushed, entry("task", "t3", task()))
    results = json.loads(answer.content)["results"]
    assert [(each["verdict"], each["code"]) for each in results] == [
        ("applied", None),
        ("retry", "busy"),
        ("retry", "busy"),
    ]
    assert [each["verdict"] for each in node.push(*pushed)] == ["applied", "applied"]


def test_one_bad_entry_does_not_stop_the_others(hub: Hub, node: Node) -> None:
    base = hub.revision("task", "t1")
    pushed = [
        entry("task", "t2", task({"n": 2})),
        entry("task", "t1", task({"a": 2}), base, revision=f"2-{'0' * 32}"),
        entry("task", "t1", task({"a": 2}), f"1-{'0' * 32}"),
        entry("task", "t9", task(branch="b9")),
        entry("task", "t1", task({"a": 9, "b": 1}), base),
        entry("task", "t3", task({"n": 3})),
    ]
    verdicts = [each["verdict"] for each in node.push(*pushed)]
    assert verdicts == ["applied", "rejected", "unknown_base", "retry", "applied", "applied"]
    assert hub.show("task", "t3")["data"] == {"n": 3}


@pytest.mark.parametrize(
    ("failure", "code"), [(ZeroDivisionError, "server_error"), (DataError, "database_error")]
)
def test_an_entry_that_the_hub_stumbles_over_does_not_stop_the_others(
    hub: Hub,
    node: Node,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    failure: type[Exception],
    code: str,
) -> None:
    def stumble(*arguments: Any) -> None:
        raise failure("SELECT something FROM somewhere")

    monkeypatch.setattr("syncing.intake.base_of", stumble)
    base = hub.revision("task", "t1")
    hub.edit("task", "t1", data={"a": 2})
    told = node.push(entry("task", "t1", task({"a": 3}), base), entry("task", "t2", task()))
    assert [(each["verdict"], each["code"]) for each in told] == [
        ("retry", code),
        ("applied", None),
    ]
    assert "an entry pushed by node node-1" in caplog.text


def test_a_mutation_id_in_any_notation_is_one(hub: Hub, node: Node) -> None:
    number = uuid.uuid4()
    pushed = entry("task", "t2", task(), mutation_id=str(number).upper())
    assert node.judged(pushed)["mutation_id"] == str(number).upper()
    assert node.verdict({**pushed, "mutation_id": str(number)}) == "applied"
    assert len(hub.history("task", "t2")) == 1
