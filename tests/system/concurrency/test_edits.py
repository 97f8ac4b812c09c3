"""Many edits of one task at once, and many entries."""

import uuid
from functools import partial

import pytest

from contexts import entries, services
from contexts.errors import RevisionMismatch
from contexts.levels import TASK, Document
from contexts.models import Entry, owned
from tests.contexts.replay import assert_log_is_the_state
from tests.system.concurrency.deeds import OWNER
from tests.system.threads import failures, together

pytestmark = pytest.mark.django_db(transaction=True)


def test_twenty_insights_at_once_on_one_task_are_twenty_insights(shared_task: str) -> None:
    def add(number: int) -> Entry:
        return entries.add(OWNER, TASK, shared_task, Entry.Kind.INSIGHT, f"insight {number}")

    assert not failures(together([partial(add, number) for number in range(20)]))
    kept = owned(OWNER.organization_id, Entry).values_list("content", flat=True)
    assert sorted(kept) == sorted(f"insight {number}" for number in range(20))
    assert_log_is_the_state(OWNER.organization_id)


def test_the_same_entry_sent_by_many_at_once_is_one_entry(shared_task: str) -> None:
    entry_id = uuid.uuid4()

    def add() -> uuid.UUID:
        return entries.add(
            OWNER, TASK, shared_task, Entry.Kind.ACTION, "ran", entry_id=entry_id
        ).entry_id

    assert together([add] * 8) == [entry_id] * 8
    assert owned(OWNER.organization_id, Entry).count() == 1
    assert_log_is_the_state(OWNER.organization_id)


def test_writers_of_one_context_never_undo_each_other(shared_task: str) -> None:
    def count_up(values: Document) -> Document:
        return {**values, "data": {"count": values["data"].get("count", 0) + 1}}

    def work() -> None:
        for _ in range(25):
            services.update(OWNER, TASK, shared_task, count_up)

    assert not failures(together([work] * 4))
    row = TASK.rows(OWNER.organization_id, context_id=shared_task).get()
    assert row.data == {"count": 100}
    assert row.version == 101


def test_of_many_edits_of_one_revision_exactly_one_is_written(shared_task: str) -> None:
    revision = TASK.rows(OWNER.organization_id, context_id=shared_task).get().revision

    def edit(number: int) -> int:
        return services.update(
            OWNER,
            TASK,
            shared_task,
            lambda values: {**values, "progress": number},
            precondition=lambda current: current == revision,
        ).version

    outcomes = together([partial(edit, number) for number in range(1, 9)])
    assert [each for each in outcomes if not isinstance(each, Exception)] == [2]
    assert {type(each) for each in failures(outcomes)} == {RevisionMismatch}
