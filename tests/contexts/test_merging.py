"""Merging, patching and diffing: the RFCs' own vectors, and laws over arbitrary JSON."""

import copy
import json
from contextlib import suppress
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contexts.errors import DocumentTooLarge, PatchFailed
from contexts.merging import (
    MAX_OPERATIONS,
    deep_merge,
    diff,
    fold,
    is_leaf,
    json_patch,
    leaves,
    merge_patch,
    pointer,
    same,
    sources,
)

LIMIT = 1_000_000
VECTORS = json.loads(
    (Path(__file__).parents[1] / "data" / "json-patch-spec-tests.json").read_text("utf-8")
)

# Few keys, so that documents meet at the same paths.
KEYS = st.sampled_from(["a", "b", "c", "", "a/b", "~", "0", "é"])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("ab/~é", max_size=3)
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=16,
)
DOCUMENTS = st.dictionaries(KEYS, JSON, max_size=4)
CHAINS = st.lists(DOCUMENTS, max_size=5)

relaxed = settings(deadline=None)


def containers(value: Any) -> set[int]:
    if isinstance(value, dict):
        return {id(value)}.union(*map(containers, value.values()))
    if isinstance(value, list):
        return {id(value)}.union(*map(containers, value))
    return set()


@pytest.mark.parametrize(
    ("base", "over", "merged"),
    [
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": {"x": 1, "y": 1}}, {"a": {"y": 2}}, {"a": {"x": 1, "y": 2}}),
        ({"a": {"b": {"c": 1}}}, {"a": {"b": {"d": 2}}}, {"a": {"b": {"c": 1, "d": 2}}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"a": 1}, {"a": None}, {"a": None}),
        ({"a": {"b": 1}}, {"a": 5}, {"a": 5}),
        ({"a": 5}, {"a": {"b": 1}}, {"a": {"b": 1}}),
        ({"a": {"b": 1}}, {"a": {}}, {"a": {"b": 1}}),
        ({"a": 5}, {"a": {}}, {"a": {}}),
        ({"a": [1]}, {"a": {}}, {"a": {}}),
        ({"a": {"b": 1}}, {"a": []}, {"a": []}),
        ({"a": None}, {"a": {"b": 1}}, {"a": {"b": 1}}),
    ],
)
def test_deep_merge(base: Any, over: Any, merged: Any) -> None:
    assert same(deep_merge(base, over), merged)


@relaxed
@given(DOCUMENTS)
def test_merging_a_document_with_itself_or_nothing_changes_nothing(document: Any) -> None:
    assert same(deep_merge(document, document), document)
    assert same(deep_merge({}, document), document)
    assert same(deep_merge(document, {}), document)


@relaxed
@given(CHAINS)
def test_a_fold_is_a_merge_from_global_down(chain: list[Any]) -> None:
    assert same(fold(chain), reduce(deep_merge, chain, {}))


def test_merging_is_not_associative() -> None:
    upper, scalar, lower = {"a": {"x": 1}}, {"a": 5}, {"a": {"y": 2}}
    assert deep_merge(deep_merge(upper, scalar), lower) == {"a": {"y": 2}}
    assert deep_merge(upper, deep_merge(scalar, lower)) == {"a": {"x": 1, "y": 2}}
    assert fold([upper, scalar, lower]) == {"a": {"y": 2}}


@relaxed
@given(CHAINS)
def test_folding_alters_no_input_and_shares_nothing_with_it(chain: list[Any]) -> None:
    before = copy.deepcopy(chain)
    folded = fold(chain)
    sources(chain)
    assert same(chain, before)
    assert not containers(folded) & containers(chain)


@relaxed
@given(JSON, JSON)
def test_merging_shares_no_container(base: Any, over: Any) -> None:
    before = copy.deepcopy((base, over))
    merged = deep_merge(base, over)
    assert not containers(merged) & (containers(base) | containers(over))
    assert same([base, over], list(before))


def marked(value: Any, mark: str) -> Any:
    """`value` with every leaf but `{}` replaced by `mark`: an empty dict sets no leaf by itself."""
    if isinstance(value, dict):
        return {key: marked(item, mark) for key, item in value.items()}
    return mark


def holds_empty_dict(document: Any, path: tuple[str, ...]) -> bool:
    for part in path:
        if not isinstance(document, dict) or part not in document:
            return False
        document = document[part]
    return bool(document == {})


@settings(deadline=None, max_examples=400)
@given(CHAINS)
def test_sources_name_the_level_that_set_each_leaf(chain: list[Any]) -> None:
    found = sources(chain)
    truth: dict[str, int] = {}
    for path, mark in leaves(fold(marked(document, f"#{i}") for i, document in enumerate(chain))):
        if mark == {}:
            truth[pointer(path)] = max(
                i for i, document in enumerate(chain) if holds_empty_dict(document, path)
            )
        else:
            truth[pointer(path)] = int(mark[1:])
    assert found == truth
    assert list(found) == [pointer(path) for path, _ in leaves(fold(chain))]


@pytest.mark.parametrize(
    ("chain", "expected"),
    [
        ([], {}),
        ([{}], {}),
        ([{"a": 1}, {"b": 2}], {"/a": 0, "/b": 1}),
        ([{"a": 1}, {"a": 1}], {"/a": 1}),
        ([{"a": {"b": 1}}, {"a": {}}], {"/a/b": 0}),
        ([{"a": {}}, {"a": {"b": 1}}], {"/a/b": 1}),
        ([{"a": {"b": 1}}, {"a": 5}, {"a": {"c": 2}}], {"/a/c": 2}),
        ([{"a": {"b": 1}}, {"a": 5}, {"a": {"b": 2}}, {}], {"/a/b": 2}),
        ([{"a": 5}, {"a": {}}], {"/a": 1}),
        ([{"a": {"b": 1}}, {"a": 5}, {"a": {}}], {"/a": 2}),
        ([{"a": [1, 2]}, {"a": []}], {"/a": 1}),
        ([{"a/b": {"~": 1}}], {"/a~1b/~0": 0}),
        ([{"": 1}], {"/": 0}),
    ],
)
def test_sources(chain: list[Any], expected: dict[str, int]) -> None:
    assert sources(chain) == expected


@pytest.mark.parametrize(
    ("value", "leaf"),
    [({}, True), ([], True), ([{}], True), (None, True), ("", True), ({"a": 1}, False)],
)
def test_a_leaf_is_anything_but_a_non_empty_dict(value: Any, leaf: bool) -> None:
    assert is_leaf(value) is leaf


# RFC 7396, appendix A.
RFC_7396 = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("target", "patch", "result"), RFC_7396)
def test_merge_patch(target: Any, patch: Any, result: Any) -> None:
    assert same(merge_patch(target, patch), result)


@relaxed
@given(JSON, JSON)
def test_merge_patch_alters_no_input(target: Any, patch: Any) -> None:
    before = copy.deepcopy([target, patch])
    once = merge_patch(target, patch)
    assert same([target, patch], before)
    assert same(merge_patch(once, patch), once)


@pytest.mark.parametrize(
    "vector",
    [vector for vector in VECTORS if not vector.get("disabled")],
    ids=lambda vector: vector["comment"],
)
def test_json_patch_vectors(vector: dict[str, Any]) -> None:
    before = copy.deepcopy(vector)
    if "error" in vector:
        with pytest.raises(PatchFailed):
            json_patch(vector["doc"], vector["patch"], LIMIT)
    else:
        assert same(json_patch(vector["doc"], vector["patch"], LIMIT), vector["expected"])
    assert same(vector, before)


@settings(deadline=None, max_examples=400)
@given(JSON, JSON)
def test_a_diff_leads_from_one_to_the_other(before: Any, after: Any) -> None:
    copies = copy.deepcopy([before, after])
    assert same(json_patch(before, diff(before, after), LIMIT), after)
    assert same([before, after], copies)


@relaxed
@given(st.lists(JSON, max_size=8), st.lists(JSON, max_size=8), st.lists(JSON, max_size=8))
def test_a_diff_of_lists_leads_from_one_to_the_other(
    head: list[Any], inner: list[Any], tail: list[Any]
) -> None:
    shorter, longer = head + tail, head + inner + tail
    assert same(json_patch(shorter, diff(shorter, longer), LIMIT), longer)
    assert same(json_patch(longer, diff(longer, shorter), LIMIT), shorter)


@relaxed
@given(JSON)
def test_equal_values_have_no_diff(value: Any) -> None:
    assert diff(value, copy.deepcopy(value)) == []


@pytest.mark.parametrize(("one", "other"), [(True, 1), (False, 0), (1, True), (None, False)])
def test_true_is_not_one(one: Any, other: Any) -> None:
    assert not same(one, other)
    assert not same({"a": [one]}, {"a": [other]})
    assert diff({"a": one}, {"a": other}) == [{"op": "replace", "path": "/a", "value": other}]


POINTERS = st.lists(st.sampled_from(["a", "b", "0", "1", "-", "~0", ""]), max_size=3).map(
    lambda parts: "".join("/" + part for part in parts)
)
OPERATIONS = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test"])},
    optional={"path": POINTERS | JSON, "from": POINTERS | JSON, "value": JSON},
)


@settings(deadline=None, max_examples=400)
@given(JSON, st.lists(OPERATIONS | st.dictionaries(KEYS, JSON), max_size=5) | JSON)
def test_any_patch_is_applied_or_refused_and_alters_no_input(document: Any, patch: Any) -> None:
    before = copy.deepcopy([document, patch])
    with suppress(PatchFailed, DocumentTooLarge):
        json_patch(document, patch, LIMIT)
    assert same([document, patch], before)


def test_a_failing_operation_undoes_those_before_it() -> None:
    document: dict[str, Any] = {"list": [1]}
    patch = [
        {"op": "add", "path": "/list/-", "value": 2},
        {"op": "test", "path": "/list/0", "value": 9},
    ]
    with pytest.raises(PatchFailed, match="Operation 1"):
        json_patch(document, patch, LIMIT)
    assert document == {"list": [1]}


def test_copies_that_double_a_document_are_refused() -> None:
    patch = [{"op": "copy", "from": "/a", "path": f"/a/{n}"} for n in range(64)]
    with pytest.raises(DocumentTooLarge):
        json_patch({"a": {"x": "y" * 100}}, patch, 100_000)


def test_copies_hidden_behind_moving_list_indices_are_refused() -> None:
    # Each round puts a copy in front of its source, so that `from` names something small after it.
    document = {"d": [0, [0, "x" * 1_000]]}
    patch = [
        {"op": "copy", "from": "/d/1/1", "path": "/d/1/0"},
        {"op": "remove", "path": "/d/1/1"},
        {"op": "add", "path": "/d/0", "value": [0]},
        {"op": "move", "from": "/d/2", "path": "/d/0/1"},
        {"op": "move", "from": "/d/0", "path": "/d/1"},
    ]
    with pytest.raises(DocumentTooLarge):
        json_patch(document, patch * 8, 5_000)


@pytest.mark.parametrize(
    "patch",
    [
        [{"op": "copy", "from": "", "path": "/a"}] * 900,
        [{"op": "add", "path": "/a" * depth, "value": {}} for depth in range(1, 990)]
        + [{"op": "copy", "from": "/a", "path": "/b"}],
    ],
    ids=["copies into itself", "adds below"],
)
def test_a_patch_that_nests_without_end_is_refused(patch: list[Any]) -> None:
    with pytest.raises((PatchFailed, DocumentTooLarge)):
        json_patch({}, patch, 10 * LIMIT)


def test_a_copy_of_what_fits_is_made() -> None:
    patch = [{"op": "copy", "from": "/a", "path": "/b"}]
    assert json_patch({"a": "é" * 100}, patch, 202) == {"a": "é" * 100, "b": "é" * 100}


@pytest.mark.parametrize("patch", [None, {}, "[]", 5, [1], [[]], [{}], [{"op": "remove"}]])
def test_what_is_no_patch_is_refused(patch: Any) -> None:
    with pytest.raises(PatchFailed):
        json_patch({"a": 1}, patch, LIMIT)


def test_too_many_operations_are_refused() -> None:
    patch = [{"op": "add", "path": "/a", "value": 1}] * (MAX_OPERATIONS + 1)
    assert json_patch({}, patch[1:], LIMIT) == {"a": 1}
    with pytest.raises(PatchFailed):
        json_patch({}, patch, LIMIT)
