"""Many creations and deletions at once: one wins, parents are made once, no orphan is left."""

import contextlib
from collections.abc import Callable
from functools import partial

import pytest

from contexts import services
from contexts.changes import Author
from contexts.errors import IdTaken, NotFound, ParentMissing
from contexts.levels import BRANCH, GLOBAL, PROJECT, TASK
from contexts.models import Change
from tests.contexts.replay import assert_log_is_the_state
from tests.system.concurrency.deeds import OWNER, create_task
from tests.system.threads import failures, together

pytestmark = pytest.mark.django_db(transaction=True)


def test_of_many_creations_of_one_id_exactly_one_wins(shared_task: str) -> None:
    for name in ("first", "second", "third"):
        outcomes = together([partial(create_task, name, branch_id="b1")] * 8)
        assert outcomes.count(name) == 1
        assert {type(each) for each in failures(outcomes)} == {IdTaken}
    assert_log_is_the_state(OWNER.organization_id)


def test_many_can_make_the_same_missing_parents_at_once(shared_task: str) -> None:
    for branch in ("b2", "b3", "b4"):
        parents = {"branch_id": branch, "project_id": f"project-of-{branch}"}
        names = [f"{branch}-{number}" for number in range(8)]
        assert together([partial(create_task, name, **parents) for name in names]) == names
    replayed = assert_log_is_the_state(OWNER.organization_id)
    assert [key for key in replayed.contexts if key[0] == "branch"].count(("branch", "b2")) == 1


def test_of_many_creations_of_one_organization_exactly_one_wins(db: None) -> None:
    def make(number: int) -> str:
        author = Author("acme", f"admin-{number}")
        return services.create(author, GLOBAL, {}, context_id="acme").updated_by

    outcomes = together([partial(make, number) for number in range(8)])
    assert {type(each) for each in failures(outcomes)} == {IdTaken}
    assert len(failures(outcomes)) == 7
    assert_log_is_the_state("acme")


def test_parents_made_one_by_one_and_all_at_once_do_not_collide(shared_task: str) -> None:
    """Several kinds of creators meet at several heights of one missing chain."""

    def make_project(name: str) -> str:
        return services.create(OWNER, PROJECT, {}, context_id=name).context_id

    def make_branch(name: str) -> str:
        return services.create(
            OWNER,
            BRANCH,
            {},
            context_id=name,
            parent_ids={"project_id": f"project-of-{name}"},
            create_parents=True,
        ).context_id

    for branch in ("b2", "b3", "b4", "b5"):
        project = f"project-of-{branch}"
        makers: list[Callable[[], str]] = [
            partial(make_project, project),
            partial(make_branch, branch),
            partial(make_branch, branch),
        ]
        tasks = [
            partial(create_task, f"{branch}-{number}", branch_id=branch, project_id=project)
            for number in range(5)
        ]
        outcomes = together([*makers, *tasks])
        assert outcomes[3:] == [f"{branch}-{number}" for number in range(5)]
        assert {type(each) for each in failures(outcomes)} <= {IdTaken}
    assert_log_is_the_state(OWNER.organization_id)


def test_deleting_a_branch_while_tasks_are_made_in_it_leaves_no_orphan(shared_task: str) -> None:
    for number in range(10):
        branch = f"doomed-{number}"
        services.create(OWNER, BRANCH, {}, context_id=branch, parent_ids={"project_id": "p1"})
        creations = [partial(create_task, f"{branch}-{each}", branch_id=branch) for each in "abcd"]
        outcomes = together(
            [*creations, partial(services.delete, OWNER, BRANCH, branch, cascade=True)]
        )
        assert outcomes[-1] is None
        assert {type(each) for each in failures(outcomes)} <= {ParentMissing}
    replayed = assert_log_is_the_state(OWNER.organization_id)
    assert not [key for key in replayed.contexts if key[1].startswith("doomed")]


def test_deletions_and_creations_of_one_id_keep_its_versions_counting(shared_task: str) -> None:
    def work(branch: str) -> None:
        for _ in range(10):
            with contextlib.suppress(IdTaken):
                create_task("phoenix", branch_id=branch)
            with contextlib.suppress(NotFound):
                services.delete(OWNER, TASK, "phoenix")

    # Below two parents: their creators do not wait for each other's locks.
    services.create(OWNER, BRANCH, {}, context_id="b2", parent_ids={"project_id": "p1"})
    assert not failures(together([partial(work, branch) for branch in ("b1", "b2") * 3]))
    # Versions that count up by one are part of it.
    replayed = assert_log_is_the_state(OWNER.organization_id)
    assert replayed.newest["task", "phoenix"].version >= 20
    assert replayed.newest["task", "phoenix"].operation == Change.Operation.DELETED
