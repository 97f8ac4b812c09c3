"""Three-way merge: cases from CONTRACT §4 and DESIGN §4, and what they come to in versions.

The laws over arbitrary documents are in `test_merge_laws`.
"""

import copy
from typing import Any

import pytest

from contexts.merging import same
from syncing.conflicts import Merge, merge_three_way
from syncing.reconciling import reconcile

# base, ours (the hub's), theirs, merged, paths in dispute
CASES: dict[str, tuple[Any, Any, Any, Any, list[str]]] = {
    "nobody changed anything": ({"a": 1}, {"a": 1}, {"a": 1}, {"a": 1}, []),
    "only ours changed": ({"a": 1}, {"a": 2}, {"a": 1}, {"a": 2}, []),
    "only theirs changed": ({"a": 1}, {"a": 1}, {"a": 2}, {"a": 2}, []),
    "both changed the same": ({"a": 1}, {"a": 2}, {"a": 2}, {"a": 2}, []),
    "different paths": ({"a": 1, "b": 1}, {"a": 2, "b": 1}, {"a": 1, "b": 2}, {"a": 2, "b": 2}, []),
    "the same path: ours stays": ({"a": 1}, {"a": 2}, {"a": 3}, {"a": 2}, ["/a"]),
    "the rest of theirs goes in": (
        {"a": 1, "b": 1},
        {"a": 2, "b": 1},
        {"a": 3, "b": 3},
        {"a": 2, "b": 3},
        ["/a"],
    ),
    "different keys of one object": (
        {"a": {"x": 1, "y": 1}},
        {"a": {"x": 2, "y": 1}},
        {"a": {"x": 1, "y": 2}},
        {"a": {"x": 2, "y": 2}},
        [],
    ),
    "a path far below": (
        {"a": {"b": {"c": 1}}},
        {"a": {"b": {"c": 2}}},
        {"a": {"b": {"c": 3}}},
        {"a": {"b": {"c": 2}}},
        ["/a/b/c"],
    ),
    "several paths, sorted": (
        {"b": 1, "a": {"x": 1}},
        {"b": 2, "a": {"x": 2}},
        {"b": 3, "a": {"x": 3}},
        {"b": 2, "a": {"x": 2}},
        ["/a/x", "/b"],
    ),
    "keys that a pointer escapes": (
        {"a/b": 1, "~": 1, "": 1},
        {"a/b": 2, "~": 2, "": 2},
        {"a/b": 3, "~": 3, "": 3},
        {"a/b": 2, "~": 2, "": 2},
        ["/", "/a~1b", "/~0"],
    ),
    "both added other keys": ({}, {"a": 1}, {"b": 2}, {"a": 1, "b": 2}, []),
    "both added the same key": ({}, {"a": 1}, {"a": 2}, {"a": 1}, ["/a"]),
    "both added an object": ({}, {"a": {"x": 1}}, {"a": {"y": 2}}, {"a": {"x": 1, "y": 2}}, []),
    "ours removed a key": ({"a": 1, "b": 1}, {"b": 1}, {"a": 1, "b": 2}, {"b": 2}, []),
    "theirs removed a key": ({"a": 1, "b": 1}, {"a": 1, "b": 2}, {"b": 1}, {"b": 2}, []),
    "both removed a key": ({"a": 1, "b": 1}, {"b": 1}, {"b": 1}, {"b": 1}, []),
    "removed here, changed there": ({"a": 1}, {}, {"a": 2}, {}, ["/a"]),
    "changed here, removed there": ({"a": 1}, {"a": 2}, {}, {"a": 2}, ["/a"]),
    "an object here, a scalar there": (
        {"a": 1},
        {"a": {"x": 1}},
        {"a": 2},
        {"a": {"x": 1}},
        ["/a"],
    ),
    "both made an object of a scalar": (
        {"a": 1},
        {"a": {"x": 1}},
        {"a": {"y": 1}},
        {"a": {"x": 1, "y": 1}},
        [],
    ),
    "an object emptied here, filled there": (
        {"a": {"x": 1}},
        {"a": {}},
        {"a": {"x": 1, "y": 2}},
        {"a": {"y": 2}},
        [],
    ),
    "null is a value": ({"a": None}, {"a": None}, {}, {}, []),
    "null against a key that goes": ({"a": 1}, {"a": None}, {}, {"a": None}, ["/a"]),
    "true is not one": ({"a": 1}, {"a": True}, {"a": 1}, {"a": True}, []),
    "false is not zero": ({"a": 5}, {"a": False}, {"a": 0}, {"a": False}, ["/a"]),
    "numbers of one value": ({"a": 1}, {"a": 2.0}, {"a": 2}, {"a": 2}, []),
    "a list changed by one": ({"a": [1]}, {"a": [1]}, {"a": [1, 2]}, {"a": [1, 2]}, []),
    "a list changed alike": ({"a": [1]}, {"a": [2]}, {"a": [2]}, {"a": [2]}, []),
    "a list changed by both": ({"a": [1]}, {"a": [1, 2]}, {"a": [1, 3]}, {"a": [1, 2]}, ["/a"]),
    "a list against a scalar": ({"a": [1]}, {"a": [1, 2]}, {"a": 5}, {"a": [1, 2]}, ["/a"]),
    "a list against an object": ({"a": 1}, {"a": []}, {"a": {}}, {"a": []}, ["/a"]),
    "list elements by id, different ones": (
        {"a": [{"id": "x", "n": 1}, {"id": "y", "n": 1}]},
        {"a": [{"id": "x", "n": 2}, {"id": "y", "n": 1}]},
        {"a": [{"id": "x", "n": 1}, {"id": "y", "n": 2}]},
        {"a": [{"id": "x", "n": 2}, {"id": "y", "n": 2}]},
        [],
    ),
    "list elements by id, the same one": (
        {"a": [{"id": "x", "n": 1, "m": 1}]},
        {"a": [{"id": "x", "n": 2, "m": 1}]},
        {"a": [{"id": "x", "n": 3, "m": 3}]},
        {"a": [{"id": "x", "n": 2, "m": 3}]},
        ["/a/x/n"],
    ),
    "list elements by id, both appended": (
        {"a": [{"id": "x"}]},
        {"a": [{"id": "x"}, {"id": "y"}]},
        {"a": [{"id": "x"}, {"id": "z"}]},
        {"a": [{"id": "x"}, {"id": "y"}, {"id": "z"}]},
        [],
    ),
    "list elements by id, both begin a list": (
        {},
        {"a": [{"id": 1}]},
        {"a": [{"id": 2}]},
        {"a": [{"id": 1}, {"id": 2}]},
        [],
    ),
    "list elements by id, one removed, another changed": (
        {"a": [{"id": 1, "n": 1}, {"id": 2, "n": 1}]},
        {"a": [{"id": 2, "n": 1}]},
        {"a": [{"id": 1, "n": 1}, {"id": 2, "n": 2}]},
        {"a": [{"id": 2, "n": 2}]},
        [],
    ),
    "list elements by id, removed and changed": (
        {"a": [{"id": 1, "n": 1}]},
        {"a": []},
        {"a": [{"id": 1, "n": 2}]},
        {"a": []},
        ["/a/1"],
    ),
    "list elements by id, theirs put in front": (
        {"a": [{"id": 1, "n": 1}]},
        {"a": [{"id": 1, "n": 2}]},
        {"a": [{"id": 0}, {"id": 1, "n": 1}]},
        {"a": [{"id": 0}, {"id": 1, "n": 2}]},
        [],
    ),
    "list elements by id, both put in front": (
        {"a": [{"id": 1}]},
        {"a": [{"id": "ours"}, {"id": 1}]},
        {"a": [{"id": "theirs"}, {"id": 1}]},
        {"a": [{"id": "ours"}, {"id": "theirs"}, {"id": 1}]},
        [],
    ),
    "list elements by id, theirs moved": (
        {"a": [{"id": 1, "n": 1}, {"id": 2}]},
        {"a": [{"id": 1, "n": 2}, {"id": 2}]},
        {"a": [{"id": 2}, {"id": 1, "n": 1}]},
        {"a": [{"id": 2}, {"id": 1, "n": 2}]},
        [],
    ),
    "list elements by id, ours moved": (
        {"a": [{"id": 1, "n": 1}, {"id": 2}]},
        {"a": [{"id": 2}, {"id": 1, "n": 1}]},
        {"a": [{"id": 1, "n": 2}, {"id": 2}]},
        {"a": [{"id": 2}, {"id": 1, "n": 2}]},
        [],
    ),
    "list elements by id, both moved differently": (
        {"a": [{"id": 1}, {"id": 2}, {"id": 3}]},
        {"a": [{"id": 3}, {"id": 1}, {"id": 2}]},
        {"a": [{"id": 2}, {"id": 1}, {"id": 3}]},
        {"a": [{"id": 3}, {"id": 1}, {"id": 2}]},
        ["/a"],
    ),
    "ids that occur twice tell nothing apart": (
        {"a": [{"id": 1}]},
        {"a": [{"id": 1}, {"id": 1}]},
        {"a": [{"id": 1}, {"id": 2}]},
        {"a": [{"id": 1}, {"id": 1}]},
        ["/a"],
    ),
    "one element without an id": (
        {"a": [{"id": 1}]},
        {"a": [{"id": 1}, {"n": 1}]},
        {"a": [{"id": 1}, {"id": 2}]},
        {"a": [{"id": 1}, {"n": 1}]},
        ["/a"],
    ),
    "ids that are no names": (
        {"a": []},
        {"a": [{"id": True}]},
        {"a": [{"id": None}]},
        {"a": [{"id": True}]},
        ["/a"],
    ),
    '1 and "1" are two ids': (
        {"a": []},
        {"a": [{"id": 1}]},
        {"a": [{"id": "1"}]},
        {"a": [{"id": 1}, {"id": "1"}]},
        [],
    ),
    "without a base": (
        None,
        {"a": 1, "c": 1},
        {"a": 2, "b": 2, "c": 1},
        {"a": 1, "b": 2, "c": 1},
        ["/a"],
    ),
    "deleted here, untouched there": ({"a": 1}, None, {"a": 1}, None, []),
    "untouched here, deleted there": ({"a": 1}, {"a": 1}, None, None, []),
    "deleted on both sides": ({"a": 1}, None, None, None, []),
    "deleted here, edited there": ({"a": 1}, None, {"a": 2}, {"a": 2}, [""]),
    "edited here, deleted there": ({"a": 1}, {"a": 2}, None, {"a": 2}, [""]),
    "never here, made there": (None, None, {"a": 1}, {"a": 1}, []),
    "made here, never there": (None, {"a": 1}, None, {"a": 1}, []),
}


@pytest.mark.parametrize("case", CASES)
def test_cases(case: str) -> None:
    base, ours, theirs, merged, paths = copy.deepcopy(CASES[case])
    merge = merge_three_way(base, ours, theirs)
    assert same([merge.document, list(merge.paths)], [merged, paths])


@pytest.mark.parametrize("case", CASES)
def test_in_a_merge_that_prefers_theirs_only_what_is_in_dispute_differs(case: str) -> None:
    base, ours, theirs, _, paths = copy.deepcopy(CASES[case])
    merge = merge_three_way(base, ours, theirs, prefer_theirs=True)
    swapped = merge_three_way(base, theirs, ours)
    assert list(merge.paths) == list(swapped.paths) == paths
    if paths != [""]:
        assert same(merge.document, swapped.document)
    else:
        assert same(merge.document, theirs)


def task(branch: str = "b1", **fields: Any) -> dict[str, Any]:
    """A version of a task as the log keeps it."""
    return {"branch_id": branch, "data": {}, "progress": 0, "next_steps": [], **fields}


def test_versions_merge_in_their_fields_and_stay_where_the_hub_has_them() -> None:
    merge = reconcile(
        "branch_id",
        task(data={"a": 1}),
        task("b2", data={"a": 2}),
        task("b3", data={"a": 1}, progress=50),
    )
    assert merge.document == task("b2", data={"a": 2}, progress=50)
    assert merge.paths == ("/branch_id",)


def test_of_a_context_made_on_both_sides_what_one_left_at_its_default_is_no_edit() -> None:
    ours = task(data={"a": 1}, next_steps=["x"])
    theirs = task(data={"a": 2, "b": 2}, progress=50)
    merge = reconcile("branch_id", None, ours, theirs)
    assert merge.document == task(data={"a": 1, "b": 2}, progress=50, next_steps=["x"])
    assert merge.paths == ("/data/a",)


def test_a_version_outlives_a_deletion_with_its_place() -> None:
    edited = task("b2", progress=5)
    assert reconcile("branch_id", task(), None, edited) == Merge(edited, ("",))
    assert reconcile("branch_id", task(), edited, None) == Merge(edited, ("",))
    assert reconcile("branch_id", task(), task(), None) == Merge(None, ())
    assert reconcile("branch_id", None, None, edited) == Merge(edited, ())


def test_an_organization_has_no_place() -> None:
    merge = reconcile(
        "",
        {"organization_name": "a", "data": {}},
        {"organization_name": "b", "data": {}},
        {"organization_name": "a", "data": {"x": 1}},
    )
    assert merge == Merge({"organization_name": "b", "data": {"x": 1}}, ())


def test_fields_that_only_one_version_knows_are_kept() -> None:
    """As after an upgrade: a base from before a field was there has none."""
    old = {"branch_id": "b1", "data": {"a": 1}}
    merge = reconcile("branch_id", old, task(data={"a": 1}), task(data={"a": 1}, progress=7))
    assert (merge.document, merge.paths) == (task(data={"a": 1}, progress=7), ())
