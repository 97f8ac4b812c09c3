"""What an agent sees: the fold of a chain, and which context set each leaf."""

import json
from typing import Any

import hypothesis
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, strategies
from pytest_django import DjangoAssertNumQueries

from contexts import cache, entries, merging, services
from contexts.access import Caller
from contexts.errors import NotFound
from contexts.levels import BRANCH, GLOBAL, LEVELS, TASK, Document, Level
from contexts.models import Entry, Role
from contexts.resolving import newest_entries, resolve
from tests.conftest import make_organization
from tests.contexts.resolution.chains import HOUR, IDS, START, resolved, set_data, whole


@pytest.mark.parametrize(
    ("level_name", "expected"),
    [
        ("task", ["t1", "b1", "p1", "global"]),
        ("branch", ["b1", "p1", "global"]),
        ("project", ["p1", "global"]),
        ("global", ["global"]),
    ],
)
def test_the_chain_goes_from_the_context_up(
    chain: Caller, level_name: str, expected: list[str]
) -> None:
    set_data(chain, "global", {"a": 1})
    body = json.loads(resolved(level_name).answer())
    assert set(body) == {"context_id", "level", "data", "inheritance_chain", "revisions"}
    assert (body["context_id"], body["level"]) == (IDS[level_name], level_name)
    assert body["inheritance_chain"] == expected
    assert body["data"] == {"a": 1}
    assert body["revisions"] == {
        level.name: level.rows("global").get().revision for level in LEVELS[level_name].chain()
    }


# Documents from global down, what they fold to, and which of them set each leaf.
FOLDS: list[Any] = [
    pytest.param([{}, {}, {}, {}], {}, {}, id="nothing"),
    pytest.param(
        [{"a": 1}, {"b": 2}, {"c": 3}, {"d": 4}],
        {"a": 1, "b": 2, "c": 3, "d": 4},
        {"/a": "global", "/b": "project", "/c": "branch", "/d": "task"},
        id="each level adds",
    ),
    pytest.param(
        [{"a": 1}, {"a": 2}, {"a": 3}, {}], {"a": 3}, {"/a": "branch"}, id="the specific wins"
    ),
    pytest.param(
        [{"a": {"x": 1, "y": 1}}, {}, {"a": {"y": 2}}, {"a": {"z": 3}}],
        {"a": {"x": 1, "y": 2, "z": 3}},
        {"/a/x": "global", "/a/y": "branch", "/a/z": "task"},
        id="dicts merge at depth",
    ),
    pytest.param(
        [{"a": [1, 2]}, {"a": [3]}, {}, {}], {"a": [3]}, {"/a": "project"}, id="a list is one leaf"
    ),
    pytest.param(
        [{"a": {"x": 1}}, {"a": None}, {}, {}], {"a": None}, {"/a": "project"}, id="null replaces"
    ),
    pytest.param(
        [{"a": 5}, {"a": {"x": 1}}, {}, {}],
        {"a": {"x": 1}},
        {"/a/x": "project"},
        id="a dict over a scalar",
    ),
    pytest.param(
        [{"a": {"x": 1}}, {"a": 5}, {}, {}], {"a": 5}, {"/a": "project"}, id="a scalar over a dict"
    ),
    pytest.param(
        [{"a": {"x": 1}}, {"a": 5}, {"a": {"y": 2}}, {}],
        {"a": {"y": 2}},
        {"/a/y": "branch"},
        id="a scalar between cuts off",
    ),
    pytest.param(
        [{"a": {"x": 1}}, {"a": {}}, {}, {}],
        {"a": {"x": 1}},
        {"/a/x": "global"},
        id="an empty dict over a dict",
    ),
    pytest.param(
        [{"a": 1}, {"a": {}}, {}, {}],
        {"a": {}},
        {"/a": "project"},
        id="an empty dict over a scalar",
    ),
    pytest.param(
        [{"a": {}}, {}, {}, {}], {"a": {}}, {"/a": "global"}, id="an empty dict is a leaf"
    ),
    pytest.param(
        [{"a": 1}, {"a": 1}, {}, {}], {"a": 1}, {"/a": "project"}, id="the same value set again"
    ),
    pytest.param(
        [{"a": True}, {"a": 1}, {"b": 0}, {"b": False}],
        {"a": 1, "b": False},
        {"/a": "project", "/b": "task"},
        id="true is not one",
    ),
    pytest.param(
        [{"a/b": {"~": 1}}, {"": {"": 2}}, {}, {}],
        {"a/b": {"~": 1}, "": {"": 2}},
        {"/a~1b/~0": "global", "//": "project"},
        id="keys that pointers escape",
    ),
]


@pytest.mark.parametrize(("documents", "expected", "sources"), FOLDS)
def test_documents_fold_from_global_down_and_every_leaf_knows_its_source(
    chain: Caller, documents: list[Document], expected: Document, sources: dict[str, str]
) -> None:
    for level_name, data in zip(LEVELS, documents, strict=True):
        set_data(chain, level_name, data)
    # From the documents, then from the cache.
    for _ in range(2):
        body = whole(resolved())
        assert merging.same(body["data"], expected)
        assert body["sources"] == {
            path: {"level": name, "context_id": IDS[name]} for path, name in sources.items()
        }


keys = strategies.sampled_from(["a", "b"])
values = strategies.recursive(
    strategies.sampled_from([None, True, 1, 1.5, "x"]),
    lambda inner: (
        strategies.dictionaries(keys, inner, max_size=2) | strategies.lists(inner, max_size=2)
    ),
    max_leaves=4,
)


@hypothesis.settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    writes=strategies.lists(
        strategies.tuples(
            strategies.sampled_from(list(LEVELS)), strategies.dictionaries(keys, values, max_size=2)
        ),
        min_size=1,
        max_size=8,
    )
)
def test_it_is_the_fold_of_what_is_stored_after_any_writes(
    chain: Caller, writes: list[tuple[str, Document]]
) -> None:
    for level_name, data in writes:
        set_data(chain, level_name, data)
        for level in LEVELS.values():
            general_first = [each.rows("global").get().data for each in level.chain()][::-1]
            found = resolved(level.name)
            assert merging.same(found.data, merging.fold(general_first))
            ids = {path: link.level.name for path, link in found.setters.items()}
            names = [each.name for each in level.chain()][::-1]
            told = merging.sources(general_first)
            assert ids == {path: names[index] for path, index in told.items()}


@pytest.mark.parametrize("level", list(LEVELS.values()), ids=list(LEVELS))
def test_one_query_when_the_fold_is_known_and_two_when_not(
    chain: Caller, level: Level, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(2):
        fresh = whole(resolved(level.name))
    with django_assert_num_queries(1):
        assert whole(resolved(level.name)) == fresh


def test_after_a_write_only_that_document_is_read_again(chain: Caller) -> None:
    set_data(chain, "branch", {"kept": {"a": 1}})
    resolved()
    set_data(chain, "task", {"kept": {"b": 2}})
    with CaptureQueriesContext(connection) as statements:
        assert resolved().data == {"kept": {"a": 1, "b": 2}}
    chain_read, document_read = [each["sql"] for each in statements.captured_queries]
    assert '"task_data"' not in chain_read
    columns = [each.model._meta.get_field("data").column for each in LEVELS.values()]
    assert [each for each in columns if f'"{each}"' in document_read] == ["task_data"]


def test_what_changes_above_between_the_two_queries_is_not_mixed(
    chain: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_data(chain, "branch", {"a": "old"})
    resolved()
    set_data(chain, "task", {"b": 1})
    get = cache.get

    def meanwhile(subject: str, state: str) -> bytes | None:
        found = get(subject, state)
        if "t1" not in subject.split("|"):
            monkeypatch.setattr(cache, "get", get)
            set_data(chain, "branch", {"a": "new"})
        return found

    monkeypatch.setattr(cache, "get", meanwhile)
    told = resolved()
    assert told.data == {"a": "new", "b": 1}
    assert whole(told)["revisions"]["branch"] == LEVELS["branch"].rows("global").get().revision
    assert whole(resolved()) == whole(told)


def test_what_is_missing_or_a_strangers_is_not_found(chain: Caller) -> None:
    make_organization("elsewhere")
    for level, organization, context_id in (
        (TASK, "global", "t2"),
        (BRANCH, "global", "t1"),
        (TASK, "elsewhere", "t1"),
        (GLOBAL, "elsewhere", "global"),
    ):
        with pytest.raises(NotFound):
            resolve(level, organization, context_id)


def test_two_organizations_with_the_same_ids_never_see_each_other(chain: Caller) -> None:
    make_organization("elsewhere")
    stranger = Caller("elsewhere", "stranger", Role.ADMIN)
    services.create(
        stranger,
        TASK,
        {"data": {"theirs": 1}},
        context_id="t1",
        parent_ids={"branch_id": "b1", "project_id": "p1"},
        create_parents=True,
    )
    assert resolved().data == {}
    assert resolve(TASK, "elsewhere", "t1").data == {"theirs": 1}


def test_the_newest_entries_of_all_levels_come_newest_first_up_to_a_limit_a_level(
    chain: Caller,
) -> None:
    for number in range(4):
        for level in LEVELS.values():
            entries.add(
                chain,
                level,
                IDS[level.name],
                Entry.Kind.PROGRESS if number % 2 else Entry.Kind.INSIGHT,
                f"{level.name} {number}",
                at=START + number * HOUR,
            )
    entries.add(chain, TASK, "t1", Entry.Kind.ACTION, "no insight", at=START)
    found = newest_entries("global", resolved().chain, each=2)
    assert [each.content.split()[1] for each in found] == ["3"] * 4 + ["2"] * 4
    assert {each.level for each in found} == set(LEVELS)
    then = newest_entries("global", resolved().chain, at=START + HOUR, each=50)
    assert {each.content.split()[1] for each in then} == {"0", "1"}
    above = newest_entries("global", resolved("project").chain)
    assert {each.level for each in above} == {"global", "project"}
