"""`insert` and `update` write what `bulk_create` and `save` would, and fail as they do."""

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import Model
from django.forms.models import model_to_dict
from django.test.utils import CaptureQueriesContext

from contexts.models import Change, Entry
from contexts.statements import BATCH, insert, update
from syncing.models import JournalEntry, Lane

pytestmark = pytest.mark.django_db
AT = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)
DOCUMENTS: list[Any] = [
    None,
    {},
    {"ä": ["\U0001f600", 1e300, -0.5, 2**53 - 1, True, None, {"": "\\ '\" %s %%"}]},
    [],
    "a text",
    0,
    False,
]


def changes(organization: str, first: int, count: int, **more: Any) -> list[Change]:
    return [
        Change(
            organization_id=organization,
            seq=number,
            level="task",
            context_id=f"t{number}",
            operation=Change.Operation.UPDATED,
            version=number,
            revision=f"{number}-%s",
            makes_version=number % 2 == 0,
            document=DOCUMENTS[number % len(DOCUMENTS)],
            actor="ägent",
            born_at=AT if number % 3 else None,
            **more,
        )
        for number in range(first, first + count)
    ]


def columns(row: Model) -> dict[str, Any]:
    """What the database has of a row, but for its key and what is unique."""
    found = model_to_dict(row.__class__._default_manager.get(pk=row.pk))
    return {
        name: value
        for name, value in found.items()
        if name not in ("id", "seq", "stamp", "mutation_id")
    }


def test_rows_are_what_bulk_create_makes_of_them(organization: str) -> None:
    count = len(DOCUMENTS)
    mine = changes(organization, 7000, count, at=AT)
    theirs = changes(organization, 7000, count, at=AT)
    for number, row in enumerate(theirs):
        row.seq = 8000 + number
    insert(mine)
    Change.objects.bulk_create(theirs)
    assert [columns(row) for row in mine] == [columns(row) for row in theirs]
    assert {type(columns(row)["operation"]) for row in mine} == {str}


def test_each_row_of_many_learns_its_own_key(organization: str) -> None:
    rows = changes(organization, 7000, 2 * BATCH + 1)
    insert(rows)
    stored = dict(Change.objects.filter(seq__gte=7000).values_list("pk", "mutation_id"))
    assert stored == {row.pk: row.mutation_id for row in rows}
    keys = [row.pk for row in rows]
    assert keys == sorted(keys)
    assert not any(row._state.adding for row in rows)
    rows[0].save()
    assert Change.objects.filter(seq__gte=7000).count() == len(rows)


def test_rows_that_refer_to_each_other(organization: str) -> None:
    entry = Entry(
        organization_id=organization,
        level="task",
        context_id="t1",
        kind=Entry.Kind.ACTION,
        content="x",
        agent="a",
        details={"n": 1},
    )
    insert([entry])
    [change] = changes(organization, 7000, 1, entry=entry)
    insert([change])
    assert Change.objects.get(entry=entry).pk == change.pk
    assert Entry.objects.get().entry_id == entry.entry_id


def test_a_row_that_is_there_already_ends_the_transaction(organization: str) -> None:
    first, *others = changes(organization, 7000, 3)
    insert([first])
    with pytest.raises(IntegrityError), transaction.atomic():
        insert([*others, *changes(organization, 7000, 1)])
    assert Change.objects.filter(seq__gte=7000).count() == 1


def test_or_is_passed_over_where_that_is_asked(organization: str) -> None:
    lane = Lane.objects.create(organization_id=organization, level="task", context_id="t1")
    rows = changes(organization, 7000, 3)
    insert(rows)

    def journal(*found: Change) -> list[JournalEntry]:
        names = {"organization_id": organization, "lane": lane}
        return [JournalEntry(**names, change=each, seq=each.seq) for each in found]

    insert(journal(rows[0]), ignore_conflicts=True)
    insert(journal(*rows), ignore_conflicts=True)
    assert list(JournalEntry.objects.order_by("seq").values_list("seq", flat=True)) == [
        7000,
        7001,
        7002,
    ]


def test_nothing_is_nothing(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        insert([])


def test_the_marks_of_a_database_are_data_as_any(organization: str) -> None:
    [row] = changes(organization, 7000, 1, record={"%s": "?"}, mutation_id=uuid.UUID(int=7))
    insert([row])
    found = Change.objects.get(seq=7000)
    assert (found.record, found.mutation_id) == ({"%s": "?"}, uuid.UUID(int=7))


def test_an_update_writes_the_named_fields_of_its_row_alone(organization: str) -> None:
    row, other = changes(organization, 7000, 2, record={"n": 1})
    insert([row, other])
    row.record, row.actor, row.born_at = {"n": [2, None]}, "other", AT
    with CaptureQueriesContext(connection) as statements:
        update(row, ["record", "born_at"])
    assert len(statements) == 1
    found = Change.objects.get(pk=row.pk)
    assert (found.record, found.born_at, found.actor) == ({"n": [2, None]}, AT, "ägent")
    update(row)
    row.refresh_from_db()
    assert (row.actor, row.revision) == ("other", "7000-%s")
    assert columns(other)["record"] == {"n": 1}
