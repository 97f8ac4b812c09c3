"""What an agent sees is current, whatever is written and whatever is cached."""

from collections.abc import Callable

import pytest

from contexts import cache, completion, delegations, services
from contexts.access import Caller
from contexts.errors import NotFound
from contexts.levels import BRANCH, LEVELS, PROJECT, TASK, Document
from contexts.models import Role
from tests.contexts.resolution.chains import resolved, set_data, whole

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

    def look_up_late(subject: str, state: str) -> bytes | None:
        monkeypatch.setattr(cache, "get", look_up)
        set_data(chain, level_name, {"late": 1})
        return look_up(subject, state)

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
    def look_up_and_lose(subject: str, state: str) -> None:
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
