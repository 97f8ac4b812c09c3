"""Many decisions about one delegation and many completions of one task at once: one counts."""

import contextlib
from functools import partial

import pytest

from contexts import completion, delegations, entries, services
from contexts.access import Caller
from contexts.errors import AlreadyDecided, IdTaken, NotFound
from contexts.levels import TASK
from contexts.models import Change, Delegation, Entry, Role, owned
from tests.contexts.replay import assert_log_is_the_state
from tests.system.concurrency.deeds import OWNER, create_task
from tests.system.threads import failures, together

pytestmark = pytest.mark.django_db(transaction=True)


def test_of_many_decisions_about_a_delegation_exactly_one_counts(shared_task: str) -> None:
    writer = Caller(OWNER.organization_id, "writer", Role.WRITER)
    asked = delegations.delegate(writer, TASK, shared_task, to="global", data={"a": 1})
    statuses = [Delegation.Status.APPROVED, Delegation.Status.REJECTED] * 4
    outcomes = together(
        [partial(delegations.decide, OWNER, asked.delegation_id, each) for each in statuses]
    )
    assert {type(each) for each in failures(outcomes)} == {AlreadyDecided}
    assert len(failures(outcomes)) == 7
    assert_log_is_the_state(OWNER.organization_id)


def test_completing_a_task_many_times_at_once_completes_it_once(shared_task: str) -> None:
    entries.add(OWNER, TASK, shared_task, Entry.Kind.INSIGHT, "reuse", importance="high")
    outcomes = together(
        [partial(completion.complete, OWNER, shared_task, f"by {number}") for number in range(6)]
    )
    assert not failures(outcomes)
    assert {task.revision for task, _ in outcomes} == {outcomes[0][0].revision}
    assert owned(OWNER.organization_id, Delegation).count() == 1
    versions = owned(OWNER.organization_id, Change, context_id=shared_task, makes_version=True)
    assert versions.count() == 2
    assert_log_is_the_state(OWNER.organization_id)


def test_completing_a_task_that_moves_between_projects_takes_its_locks_from_the_top(
    shared_task: str,
) -> None:
    """Deleted and made again elsewhere between the look at its project and the locks."""

    def move(number: int) -> None:
        for step in range(15):
            with contextlib.suppress(NotFound):
                services.delete(OWNER, TASK, "nomad")
            project = f"project-{(number + step) % 2}"
            with contextlib.suppress(IdTaken):
                create_task("nomad", branch_id=f"branch-of-{project}", project_id=project)
            with contextlib.suppress(NotFound):
                entries.add(OWNER, TASK, "nomad", Entry.Kind.INSIGHT, "reuse", importance="high")

    def complete() -> None:
        for _ in range(30):
            with contextlib.suppress(NotFound):
                completion.complete(OWNER, "nomad", "done")

    movers = [partial(move, number) for number in range(3)]
    assert not failures(together([*movers, *[complete] * 5]))
    assert_log_is_the_state(OWNER.organization_id)
