"""What an agent sees: the fold of a chain, always current, and as it was at any time."""

import json
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import hypothesis
import pytest
import time_machine
from hypothesis import HealthCheck, given, strategies
from pytest_django import DjangoAssertNumQueries

from contexts import cache, completion, delegations, entries, merging, services
from contexts.access import Caller
from contexts.compaction import compact
from contexts.errors import Gone, NotFound
from contexts.levels import BRANCH, GLOBAL, LEVELS, PROJECT, TASK, Document, Level
from contexts.models import Entry, Role
from contexts.queries import Resolved, newest_entries, resolve, resolve_as_of
from tests.conftest import make_chain, make_organization

IDS = {"global": "global", "project": "p1", "branch": "b1", "task": "t1"}
START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def whole(resolved: Resolved) -> Document:
    """All that `resolved/` can tell."""
    told: Document = json.loads(resolved.answer(with_sources=True))
    return told


@pytest.fixture
def cold_cache(settings: Any) -> Iterator[None]:
    """Nothing is cached, in Redis neither: equal histories of other runs have equal keys."""
    own = {**settings.CACHES["default"], "KEY_PREFIX": uuid.uuid4().hex}
    settings.CACHES = {"default": own}
    cache.near.clear()
    yield
    cache.near.clear()


@pytest.fixture
def chain(owner: Caller, cold_cache: None) -> Caller:
    """The owner of an organization with one empty context a level."""
    make_chain(owner)
    return owner


def set_data(author: Caller, level_name: str, data: Document) -> None:
    services.update(
        author,
        LEVELS[level_name],
        IDS[level_name],
        lambda values: {**values, "data": data},
    )


def resolved(level_name: str = "task", context_id: str | None = None) -> Resolved:
    return resolve(LEVELS[level_name], "global", context_id or IDS[level_name])


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
            assert merging.same(resolved(level.name).data, merging.fold(general_first))


@pytest.mark.parametrize("level", list(LEVELS.values()), ids=list(LEVELS))
def test_one_query_when_the_fold_is_known_and_two_when_not(
    chain: Caller, level: Level, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(2):
        fresh = whole(resolved(level.name))
    with django_assert_num_queries(1):
        assert whole(resolved(level.name)) == fresh


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


Write = Callable[[Caller], object]


def _recreate(caller: Caller) -> None:
    services.delete(caller, TASK, "t1")
    services.create(caller, PROJECT, {"data": {"other": 1}}, context_id="p2")
    services.create(
        caller,
        TASK,
        {},
        context_id="t1",
        parent_ids={"branch_id": "b2", "project_id": "p2"},
        create_parents=True,
    )


def _approve(caller: Caller) -> None:
    writer = Caller(caller.organization_id, "writer", Role.WRITER)
    asked = delegations.delegate(writer, TASK, "t1", to="global", data={"approved": 1})
    delegations.decide(caller, asked.delegation_id, delegations.Status.APPROVED)


def _revert(caller: Caller) -> None:
    set_data(caller, "branch", {"gone": 1})
    resolved()
    services.revert(caller, BRANCH, "b1", 1)


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        *[
            pytest.param(
                lambda caller, name=name: set_data(caller, name, {"new": name}),
                {"new": name},
                id=f"update of {name}",
            )
            for name in LEVELS
        ],
        pytest.param(_recreate, {"other": 1}, id="made again under another parent"),
        pytest.param(_approve, {"approved": 1}, id="approved delegation"),
        pytest.param(_revert, {}, id="reverted"),
        pytest.param(
            lambda caller: delegations.delegate(caller, TASK, "t1", to="project", data={"d": 1}),
            {"d": 1},
            id="delegation",
        ),
    ],
)
def test_it_is_current_after_every_kind_of_write(
    chain: Caller, write: Write, expected: Document
) -> None:
    assert resolved().data == {}
    write(chain)
    assert resolved().data == expected


def test_a_completed_task_resolves_as_completed(chain: Caller) -> None:
    assert resolved().data == {}
    completion.complete(chain, "t1", "done")
    assert resolved().data["status"] == "completed"


@pytest.mark.parametrize("level_name", list(LEVELS))
def test_documents_that_change_between_the_two_reads_are_never_kept_as_the_old_ones(
    chain: Caller, monkeypatch: pytest.MonkeyPatch, level_name: str
) -> None:
    """The second read sees more than the first: the fold belongs to what it saw."""
    before = LEVELS[level_name].rows("global").get().revision
    look_up = cache.get

    def look_up_late(key: str) -> bytes | None:
        monkeypatch.setattr(cache, "get", look_up)
        set_data(chain, level_name, {"late": 1})
        return look_up(key)

    monkeypatch.setattr(cache, "get", look_up_late)
    seen = resolved("task")
    assert seen.data == {"late": 1}
    assert whole(seen)["revisions"][level_name] != before
    set_data(chain, level_name, {"late": 2})
    assert resolved("task").data == {"late": 2}
    # Nothing was kept under the revisions of the first read.
    assert whole(resolved("task"))["revisions"] != whole(seen)["revisions"]


def test_a_context_deleted_between_the_two_reads_is_not_found(
    chain: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look_up_and_lose(key: str) -> None:
        services.delete(chain, PROJECT, "p1", cascade=True)

    monkeypatch.setattr(cache, "get", look_up_and_lose)
    with pytest.raises(NotFound):
        resolved()


def test_a_cached_fold_of_the_old_parent_is_not_shown_for_the_new_one(chain: Caller) -> None:
    """Two parents of one id, one after the other: their revisions differ, so their folds do."""
    set_data(chain, "project", {"a": 1})
    assert resolved().data == {"a": 1}
    services.delete(chain, PROJECT, "p1", cascade=True)
    with pytest.raises(NotFound):
        resolved()
    services.create(
        chain,
        TASK,
        {},
        context_id="t1",
        parent_ids={"branch_id": "b1", "project_id": "p1"},
        create_parents=True,
    )
    assert resolved().data == {}


@pytest.fixture
def past(db: None, cold_cache: None) -> Caller:
    """A history an hour a step, from `START` on."""
    caller = Caller("global", "owner", Role.ADMIN)
    parents = {"branch_id": "b1", "project_id": "p1"}

    def make(data: Document, **parent_ids: str) -> None:
        services.create(
            caller,
            TASK,
            {"data": data},
            context_id="t1",
            parent_ids=parent_ids,
            create_parents=True,
        )

    steps: list[Callable[[], object]] = [
        lambda: make_organization("global"),
        lambda: make({"task": 1}, **parents),
        lambda: set_data(caller, "project", {"project": 1}),
        lambda: set_data(caller, "task", {"task": 2}),
        lambda: services.delete(caller, TASK, "t1"),
        lambda: make({"task": 3}, branch_id="b2", project_id="p2"),
        lambda: set_data(caller, "global", {"global": 1}),
        lambda: services.delete(caller, PROJECT, "p1", cascade=True),
    ]
    for number, step in enumerate(steps):
        with time_machine.travel(START + number * HOUR, tick=False):
            step()
    return caller


@pytest.mark.parametrize(
    ("hour", "data", "ids"),
    [
        (1, {"task": 1}, ["t1", "b1", "p1", "global"]),
        (1.5, {"task": 1}, ["t1", "b1", "p1", "global"]),
        (2, {"project": 1, "task": 1}, ["t1", "b1", "p1", "global"]),
        (3, {"project": 1, "task": 2}, ["t1", "b1", "p1", "global"]),
        (3.99, {"project": 1, "task": 2}, ["t1", "b1", "p1", "global"]),
        (5, {"task": 3}, ["t1", "b2", "p2", "global"]),
        (6, {"global": 1, "task": 3}, ["t1", "b2", "p2", "global"]),
        (9999, {"global": 1, "task": 3}, ["t1", "b2", "p2", "global"]),
    ],
)
def test_it_can_be_seen_as_it_was(
    past: Caller, hour: float, data: Document, ids: list[str]
) -> None:
    body = whole(resolve_as_of(TASK, "global", "t1", START + hour * HOUR))
    assert (body["data"], body["inheritance_chain"]) == (data, ids)
    names = {path: source["level"] for path, source in body["sources"].items()}
    assert names == {f"/{name}": name for name in data}


@pytest.mark.parametrize("hour", [-9999, 0, 0.99, 4, 4.5])
def test_it_was_not_there_before_it_was_made_and_after_it_was_deleted(
    past: Caller, hour: float
) -> None:
    with pytest.raises(NotFound):
        resolve_as_of(TASK, "global", "t1", START + hour * HOUR)


def test_the_past_of_a_context_deleted_since_stays_visible(past: Caller) -> None:
    seen = resolve_as_of(BRANCH, "global", "b1", START + 3 * HOUR)
    assert seen.data == {"project": 1}
    with pytest.raises(NotFound):
        resolve_as_of(BRANCH, "global", "b1", START + 7 * HOUR)
    with pytest.raises(NotFound):
        resolve_as_of(TASK, "elsewhere", "t1", START + 3 * HOUR)


def test_now_and_as_of_now_are_the_same(past: Caller) -> None:
    now = resolve(TASK, "global", "t1")
    assert whole(resolve_as_of(TASK, "global", "t1", datetime.now(UTC))) == whole(now)


def test_what_is_compacted_is_gone_and_never_shown_wrong(past: Caller) -> None:
    compact("global", START + 5.5 * HOUR)
    with pytest.raises(Gone):
        resolve_as_of(TASK, "global", "t1", START + 1 * HOUR)
    assert resolve_as_of(TASK, "global", "t1", START + 6 * HOUR).data == {"global": 1, "task": 3}


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
