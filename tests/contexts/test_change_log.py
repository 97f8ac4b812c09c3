"""The change log is the state, whatever was done, and equal histories have equal revisions."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import time_machine
from django.db import transaction
from hypothesis import HealthCheck, given, settings, strategies
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from contexts.access import Caller
from contexts.errors import ContextError
from contexts.history import head_of, read_feed
from contexts.levels import BRANCH, GLOBAL, LEVELS, PROJECT, TASK, Level
from contexts.models import Change, Entry, Role, owned
from tests.conftest import make_organization
from tests.contexts.deeds import IDS, Deed, parents_of, perform
from tests.contexts.oracle import NOW, Oracle, Refused
from tests.contexts.replay import assert_log_is_the_state, replay, stored

pytestmark = pytest.mark.django_db

OWNER = Caller("global", "owner", Role.ADMIN)

keys = strategies.sampled_from(["a", "b", "c"])
numbers = strategies.sampled_from(
    [0, 1, 1.0, -0.0, 1.5, 1e2, 1e16, 1e22, 1e308, -5e-324, 2**53 - 1]
)
leaves = (
    strategies.none() | strategies.booleans() | numbers | strategies.sampled_from(["", "ü", "x"])
)
values = strategies.recursive(
    leaves,
    lambda inner: (
        strategies.lists(inner, max_size=3) | strategies.dictionaries(keys, inner, max_size=3)
    ),
    max_leaves=6,
)
objects = strategies.dictionaries(keys, values, max_size=3)
names = strategies.sampled_from(["", "one", "two"])


def fields_of(level: Level) -> strategies.SearchStrategy[dict[str, Any]]:
    """Values for any of a level's writable fields."""
    kinds: dict[str, strategies.SearchStrategy[Any]] = {
        "object": objects,
        "list": strategies.lists(values, max_size=2),
        "text": names,
        "percent": strategies.integers(0, 100),
    }
    optional = {field.name: kinds[field.kind] for field in level.fields}
    return strategies.fixed_dictionaries({}, optional=optional)


@strategies.composite
def places(draw: strategies.DrawFn, above_task: bool = False) -> tuple[Level, str]:
    """A level and one of its few ids; tasks more often than what they hang on."""
    levels = [PROJECT, BRANCH] if above_task else [PROJECT, BRANCH, TASK, TASK]
    level = draw(strategies.sampled_from(levels))
    return level, draw(strategies.sampled_from(IDS[level.name]))


@strategies.composite
def creations(draw: strategies.DrawFn) -> Deed:
    level, context_id = draw(places())
    parents = parents_of(level, lambda ids: draw(strategies.sampled_from(ids)))
    if draw(strategies.integers(0, 4)) == 0:
        parents.pop(draw(strategies.sampled_from(sorted(parents))), None) if parents else None
    detail = {
        "values": draw(fields_of(level)),
        "parents": parents,
        "create_parents": draw(strategies.integers(0, 3)) > 0,
    }
    if not detail["create_parents"]:
        detail["parents"] = {
            name: each for name, each in parents.items() if name == level.parent_field
        }
    return Deed("create", level.name, context_id, detail)


pointers = strategies.lists(keys, max_size=2).map(lambda parts: "/".join(["/data", *parts]))
operations = strategies.one_of(
    strategies.fixed_dictionaries(
        {
            "op": strategies.sampled_from(["add", "replace", "test"]),
            "path": pointers,
            "value": values,
        }
    ),
    strategies.fixed_dictionaries({"op": strategies.just("remove"), "path": pointers}),
    strategies.fixed_dictionaries(
        {"op": strategies.sampled_from(["move", "copy"]), "from": pointers, "path": pointers}
    ),
)


@strategies.composite
def edits(draw: strategies.DrawFn) -> Deed:
    level, context_id = draw(
        strategies.one_of(places(), strategies.just((GLOBAL, OWNER.organization_id)))
    )
    what = draw(strategies.sampled_from(["merge", "merge_patch", "json_patch", "replace"]))
    fields = fields_of(level)
    bodies = {
        "merge": fields,
        "replace": fields,
        "merge_patch": fields | strategies.just({"data": None}) | strategies.just({"other": 1}),
        "json_patch": strategies.lists(operations, max_size=3),
    }
    return Deed(what, level.name, context_id, draw(bodies[what]))


@strategies.composite
def deletions(draw: strategies.DrawFn) -> Deed:
    level, context_id = draw(places())
    return Deed("delete", level.name, context_id, draw(strategies.integers(0, 3)) == 0)


@strategies.composite
def reversions(draw: strategies.DrawFn) -> Deed:
    level, context_id = draw(places())
    return Deed("revert", level.name, context_id, draw(strategies.integers(1, 4)))


@strategies.composite
def notes(draw: strategies.DrawFn) -> Deed:
    level, context_id = draw(places())
    detail = {
        "kind": draw(strategies.sampled_from(list(Entry.Kind))),
        "content": draw(names),
        "importance": draw(strategies.sampled_from(["", "low", "high", "critical"])),
        "entry_id": draw(strategies.uuids(version=4)),
    }
    return Deed("entry", level.name, context_id, detail)


@strategies.composite
def handings_up(draw: strategies.DrawFn) -> Deed:
    level, context_id = draw(places())
    detail = {
        # To the organization as a writer most often: that one waits for a decision.
        "to": draw(strategies.sampled_from(["global", *LEVELS])),
        "data": draw(objects),
        "role": draw(strategies.sampled_from(["writer", "writer", "admin"])),
    }
    return Deed("delegate", level.name, context_id, detail)


decisions = strategies.builds(
    lambda place, status: Deed("decide", GLOBAL.name, "global", (place, status)),
    strategies.integers(0, 4),
    strategies.sampled_from(["approved", "rejected"]),
)
completions = strategies.builds(
    lambda context_id, summary: Deed("complete", TASK.name, context_id, summary),
    strategies.sampled_from(IDS["task"]),
    names,
)
deeds = strategies.one_of(
    creations(), creations(), edits(), edits(), deletions(), reversions(), notes(), handings_up()
) | (decisions | completions)


# One chain with a sibling task and one beside it.
BEGINNING = [
    Deed(
        "create",
        TASK.name,
        task_id,
        {
            "values": {},
            "create_parents": True,
            "parents": {"branch_id": branch, "project_id": "p1"},
        },
    )
    for task_id, branch in (("t1", "b1"), ("t2", "b1"), ("t3", "b2"))
]


@contextmanager
def wiped_organization() -> Iterator[None]:
    """The organization `global` in a transaction that leaves nothing; the clock stands still."""
    with time_machine.travel(NOW, tick=False), transaction.atomic():
        make_organization(OWNER.organization_id)
        yield
        transaction.set_rollback(True)


class Log(RuleBasedStateMachine):
    """Does to the services and to the oracle the same, and compares after every step."""

    def __init__(self) -> None:
        super().__init__()
        self.organization = wiped_organization()
        self.organization.__enter__()
        self.oracle = Oracle(OWNER.organization_id)

    def do(self, deed: Deed) -> None:
        expected = code = ""
        try:
            self.oracle.expect(deed)
        except Refused as refused:
            expected = refused.code
        try:
            perform(OWNER, deed)
        except ContextError as error:
            code = error.code
        assert code == expected

    @initialize()
    def begin_with_two_chains(self) -> None:
        for deed in BEGINNING:
            self.do(deed)

    # A rule each, so that none is rare.
    create = rule(deed=creations())(do)
    edit = rule(deed=edits())(do)
    delete = rule(deed=deletions())(do)
    revert = rule(deed=reversions())(do)
    note = rule(deed=notes())(do)
    delegate = rule(deed=handings_up())(do)
    decide = rule(deed=decisions)(do)
    complete = rule(deed=completions)(do)

    @invariant()
    def the_rows_are_as_asked(self) -> None:
        held = stored(OWNER.organization_id)
        assert {key: each.document for key, each in held.items()} == self.oracle.current
        assert {key: each.version for key, each in held.items()} == {
            key: len(self.oracle.versions[key]) for key in self.oracle.current
        }
        assert head_of(OWNER.organization_id) == self.oracle.head

    def teardown(self) -> None:
        try:
            replayed = assert_log_is_the_state(OWNER.organization_id)
            assert [each["status"] for each in replayed.delegations.values()] == [
                each.status for each in self.oracle.delegations
            ]
            versions: dict[tuple[str, str], list[Any]] = {}
            for change in owned(OWNER.organization_id, Change, makes_version=True).order_by("seq"):
                key = (change.level, change.context_id)
                versions.setdefault(key, []).append(change.document)
            assert versions == self.oracle.versions
        finally:
            self.organization.__exit__(None, None, None)


@pytest.mark.parametrize(
    "examples",
    [pytest.param(25, id="some"), pytest.param(500, id="many", marks=pytest.mark.nightly)],
)
def test_the_log_replayed_is_the_state_and_both_are_what_was_asked(examples: int) -> None:
    run_state_machine_as_test(
        Log,
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def revisions_of(history: list[Deed]) -> list[tuple[str, str, str, int, str]]:
    """Does `history` in an empty organization; every change's context, operation and revision."""
    with wiped_organization():
        for deed in [*BEGINNING, *history]:
            try:
                perform(OWNER, deed)
            except ContextError:
                continue
        assert_log_is_the_state(OWNER.organization_id)
        return [
            (each.level, each.context_id, each.operation, each.version, each.revision)
            for each in read_feed(OWNER.organization_id, 0, 1000).changes
        ]


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(history=strategies.lists(deeds, min_size=5, max_size=25))
def test_equal_histories_have_equal_revisions(history: list[Deed]) -> None:
    assert revisions_of(history) == revisions_of(history)


def test_histories_that_differ_anywhere_have_other_revisions_ever_after() -> None:
    first = Deed("create", "project", "p2", {"values": {}, "parents": {}, "create_parents": False})
    same_end = Deed("replace", "project", "p2", {"data": {"a": 1}})
    detour = Deed("replace", "project", "p2", {"data": {"a": 2}})
    straight = revisions_of([first, same_end])
    around = revisions_of([first, detour, same_end])
    assert straight[-1][0:3] == around[-1][0:3]
    assert straight[-1][4] != around[-1][4]
    assert straight[:-1] == around[:-2]


def test_numbers_that_are_equal_make_no_new_version(owner: Caller) -> None:
    detail = {"values": {"data": {"a": 100, "b": 1e308}}, "parents": {}, "create_parents": False}
    made = perform(owner, Deed("create", "project", "p1", detail))
    head = head_of(owner.organization_id)
    again = perform(owner, Deed("replace", "project", "p1", {"data": {"a": 1e2, "b": 1e308}}))
    assert (again.version, again.revision) == (1, made.revision)
    assert head_of(owner.organization_id) == head
    other = perform(owner, Deed("replace", "project", "p1", {"data": {"a": True, "b": 1e308}}))
    assert other.version == 2


def test_a_refused_write_leaves_neither_row_nor_number(owner: Caller) -> None:
    before = (replay(owner.organization_id).contexts, head_of(owner.organization_id))
    detail = {"values": {}, "parents": {"branch_id": "b1"}, "create_parents": False}
    with pytest.raises(ContextError, match="Parent context must exist"):
        perform(owner, Deed("create", "task", "t1", detail))
    assert (replay(owner.organization_id).contexts, head_of(owner.organization_id)) == before
