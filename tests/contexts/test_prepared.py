"""Queries that are composed once, and planned once a connection where PostgreSQL answers."""

import uuid
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from unittest import mock

import pytest
from django.db import OperationalError, connection
from django.db.transaction import TransactionManagementError
from pytest_django import DjangoAssertNumQueries

from contexts import entries, services
from contexts.access import Caller
from contexts.levels import LEVELS, TASK
from contexts.models import Change, Entry, owned
from contexts.prepared import Prepared, PreparedRow, planning_cursor
from tests.conftest import make_chain
from tests.syncing.simulator.parties import new_database, using

RESTLESS = {"%s": "' OR 1=1 --", "quoted": '"\\', "marked": "\x010.0"}


def with_data(values: dict[str, Any], **data: Any) -> dict[str, Any]:
    return {**values, "data": data}


def query() -> Prepared:
    return Prepared(
        lambda organization_id, mutation_id: owned(
            organization_id, Change, mutation_id=mutation_id
        ).values_list("seq", "context_id"),
        str,
        uuid.UUID,
    )


def test_it_finds_what_django_finds(
    owner: Caller, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_chain(owner)
    asked = query()
    for change in Change.objects.all():
        with django_assert_num_queries(1):
            found = asked.first("global", change.mutation_id)
        assert found == (change.seq, change.context_id)
        assert asked.first("elsewhere", change.mutation_id) is None
    assert asked.first("global", uuid.UUID(int=0)) is None


@pytest.mark.parametrize("text", RESTLESS.values(), ids=list(RESTLESS))
def test_a_parameter_is_never_part_of_the_statement(owner: Caller, text: str) -> None:
    make_chain(owner)
    assert query().first(text, Change.objects.first().mutation_id) is None  # type: ignore[union-attr]


@pytest.mark.services
def test_postgresql_plans_it_once_a_connection(owner: Caller) -> None:
    make_chain(owner)
    asked = query()
    for _ in range(5):
        for change in Change.objects.all():
            asked.first("global", change.mutation_id)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), sum(generic_plans + custom_plans) FROM pg_prepared_statements"
            " WHERE statement LIKE %s",
            ['SELECT "contexts_change"."seq"%mutation_id%'],
        )
        statements, runs = cursor.fetchone()
    assert (statements, runs) == (1, 5 * Change.objects.count())


@pytest.mark.services
def test_what_goes_wrong_is_django_s_error(owner: Caller) -> None:
    with pytest.raises(OperationalError), planning_cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    connection.close()


def test_a_row_is_what_django_makes_of_it(
    owner: Caller, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_chain(owner)
    services.update(
        owner, TASK, "t1", lambda old: {**old, "data": {"n": [1.5, None]}, "next_steps": ["a"]}
    )
    asked = PreparedRow(
        lambda organization_id, context_id: TASK.rows(organization_id, context_id=context_id),
        str,
        str,
    )
    theirs = TASK.rows("global", context_id="t1").get()
    asked.find("global", "t1")
    with django_assert_num_queries(1):
        mine = asked.find("global", "t1")
        assert TASK.path(mine) == "p1/b1/t1"
    assert type(mine) is type(theirs)
    for field in theirs._meta.concrete_fields:
        assert getattr(mine, field.attname) == getattr(theirs, field.attname)
    parents = [each.parent.get_deferred_fields() for each in (mine, theirs)]  # type: ignore[attr-defined]
    assert parents[0] == parents[1] != set()
    assert not mine._state.adding
    assert asked.find("global", "t2") is None
    assert asked.find("elsewhere", "t1") is None


def test_lists_may_have_any_length_and_few_statements_are_made_of_them(
    owner: Caller, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_chain(owner)
    for number in range(20):
        services.update(owner, TASK, "t1", partial(with_data, n=number))
    mutations = list(Change.objects.order_by("seq").values_list("mutation_id", flat=True))
    asked = PreparedRow(
        lambda organization_id, levels, ids: owned(
            organization_id, Change, level__in=levels, mutation_id__in=ids
        ).order_by("seq"),
        *(str, [str], [uuid.UUID]),
    )
    for length in range(1, len(mutations) + 1):
        with django_assert_num_queries(1):
            found = asked.all("global", LEVELS, mutations[:length])
        assert [change.mutation_id for change in found] == mutations[:length]
        of_tasks = asked.all("global", {"task"}, set(mutations[:length]))
        assert of_tasks == [change for change in found if change.level == "task"]
    with django_assert_num_queries(0):
        assert asked.all("global", [], mutations) == asked.all("global", LEVELS, []) == []
    assert len(mutations) == 24
    assert len(asked._composed) == 2 * len((1, 2, 4, 8, 16, 32))


def test_lists_may_be_longer_than_a_statement_has_parameters_and_are_then_not_kept(
    owner: Caller,
) -> None:
    make_chain(owner)
    asked = PreparedRow(
        lambda seqs, ids: Change.objects.filter(seq__in=seqs, id__in=ids).order_by("seq"),
        *([int], [int]),
    )
    many = range(70_000 if connection.vendor == "postgresql" else 15_000)
    assert asked.all(many, many) == list(Change.objects.filter(pk__in=many).order_by("seq"))
    assert asked.all(many, [-1]) == []
    assert not asked._composed


def test_numbers_and_times_are_compared_as_django_compares_them(owner: Caller) -> None:
    make_chain(owner)
    asked = PreparedRow(
        lambda seq, at: Change.objects.filter(seq__gt=seq, at__lte=at).order_by("seq"),
        *(int, datetime),
    )
    for change in Change.objects.all():
        for at in (change.at, change.at - timedelta(microseconds=1)):
            theirs = Change.objects.filter(seq__gt=change.seq - 2, at__lte=at).order_by("seq")
            assert asked.all(change.seq - 2, at) == list(theirs)
            assert asked.all(change.seq - 2, at, most=1) == list(theirs[:1])


def test_what_is_related_may_be_missing(
    owner: Caller, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_chain(owner)
    entries.add(owner, TASK, "t1", Entry.Kind.INSIGHT, "It works.")
    asked = PreparedRow(
        lambda organization_id: (
            owned(organization_id, Change).select_related("entry").order_by("seq")
        ),
        str,
    )
    found = asked.all("global")
    with django_assert_num_queries(0):
        told = [change.entry.content if change.entry is not None else None for change in found]
    assert told == [None, None, None, None, "It works."]


def test_a_lock_needs_a_transaction_on_every_database(owner: Caller) -> None:
    make_chain(owner)
    found = services.lock(TASK, "global", "t1")
    assert found.context_id == "t1"
    outside = mock.patch.object(connection, "in_atomic_block", False)
    with outside, pytest.raises(TransactionManagementError):
        services.lock(TASK, "global", "t1")


@pytest.mark.services
def test_what_is_kept_of_one_database_is_not_used_for_another(owner: Caller) -> None:
    asked = PreparedRow(
        lambda organization_id: owned(organization_id, Change).order_by("seq"),
        str,
    )
    asked.find("global")
    with using(new_database()):
        assert asked.find("global") is None
    found = asked.find("global")
    assert found.mutation_id == Change.objects.get(seq=1).mutation_id
