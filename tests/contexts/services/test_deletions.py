"""Deleting contexts, with all below, and making or reverting to them again."""

import pytest

from contexts import services
from contexts.access import Caller
from contexts.changes import Author
from contexts.errors import Gone, HasChildren, NotFound, ParentMissing
from contexts.history import head_of, read_feed
from contexts.levels import BRANCH, PROJECT, TASK
from contexts.models import Change, owned
from tests.conftest import make_organization
from tests.contexts.replay import assert_log_is_the_state, stored
from tests.contexts.services.tasks import make_task, rows_and_head


def test_a_context_with_children_is_deleted_with_them_or_not_at_all(owner: Caller) -> None:
    for name in ("t1", "t2"):
        make_task(owner, name)
    make_organization("elsewhere")
    make_task(Author("elsewhere", "stranger"))
    before = rows_and_head(owner.organization_id)
    for level, context_id in ((PROJECT, "p1"), (BRANCH, "b1")):
        with pytest.raises(HasChildren):
            services.delete(owner, level, context_id)
    assert rows_and_head(owner.organization_id) == before
    services.delete(owner, PROJECT, "p1", cascade=True)
    told = read_feed(owner.organization_id, before[1], 10).changes
    # From the leaves up: at no number stands a child without its parent.
    assert [(each.context_id, each.operation, each.version) for each in told] == [
        ("t1", "deleted", 2),
        ("t2", "deleted", 2),
        ("b1", "deleted", 2),
        ("p1", "deleted", 2),
    ]
    assert {key[0] for key in stored(owner.organization_id)} == {"global"}
    assert len(stored("elsewhere")) == 4
    assert_log_is_the_state(owner.organization_id)


def test_a_cascade_over_many_rows_is_one_stretch_of_the_feed(owner: Caller) -> None:
    for number in range(600):
        make_task(owner, f"t{number}")
    head = head_of(owner.organization_id)
    services.delete(owner, PROJECT, "p1", cascade=True)
    assert head_of(owner.organization_id) == head + 602
    assert_log_is_the_state(owner.organization_id)


def test_what_is_made_again_under_its_id_goes_on_counting_versions(owner: Caller) -> None:
    first = make_task(owner, data={"a": 1})
    services.delete(owner, TASK, "t1")
    again = make_task(owner, data={"a": 1})
    assert (again.version, again.revision.split("-")[0]) == (3, "3")
    assert again.revision.split("-")[1] != first.revision.split("-")[1]
    assert again.created_at > first.created_at
    assert_log_is_the_state(owner.organization_id)


def test_reverting_makes_the_old_document_a_new_version(owner: Caller) -> None:
    task = make_task(owner, data={"a": 1}, progress=10)
    services.update(owner, TASK, "t1", lambda values: {**values, "data": {}, "progress": 20})
    back = services.revert(owner, TASK, "t1", 1)
    assert (back.version, back.data, TASK.values(back)["progress"]) == (3, {"a": 1}, 10)
    assert back.revision != task.revision
    head = head_of(owner.organization_id)
    assert services.revert(owner, TASK, "t1", 3).version == 3
    assert head_of(owner.organization_id) == head


def test_reverting_brings_a_deleted_context_back(owner: Caller) -> None:
    make_task(owner, data={"a": 1})
    services.delete(owner, TASK, "t1")
    with pytest.raises(NotFound):
        services.revert(owner, TASK, "t1", 2)
    with pytest.raises(NotFound):
        services.revert(owner, TASK, "t1", 9)
    back = services.revert(owner, TASK, "t1", 1)
    assert (back.version, back.data) == (3, {"a": 1})
    services.delete(owner, BRANCH, "b1", cascade=True)
    with pytest.raises(ParentMissing):
        services.revert(owner, TASK, "t1", 1)
    assert_log_is_the_state(owner.organization_id)


def test_a_compacted_version_cannot_be_reverted_to(owner: Caller) -> None:
    make_task(owner)
    services.update(owner, TASK, "t1", lambda values: {**values, "progress": 1})
    owned(owner.organization_id, Change, context_id="t1", version=1).update(document=None)
    with pytest.raises(Gone):
        services.revert(owner, TASK, "t1", 1)
