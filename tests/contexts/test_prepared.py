"""Queries that are composed once, and planned once a connection where PostgreSQL answers."""

import uuid

import pytest
from django.db import OperationalError, connection
from pytest_django import DjangoAssertNumQueries

from contexts.access import Caller
from contexts.models import Change, owned
from contexts.prepared import Prepared, planning_cursor
from tests.conftest import make_chain

RESTLESS = {"%s": "' OR 1=1 --", "quoted": '"\\', "marked": "\x010"}


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
            ["%contexts_change%mutation_id%"],
        )
        statements, runs = cursor.fetchone()
    assert (statements, runs) == (1, 5 * Change.objects.count())


@pytest.mark.services
def test_what_goes_wrong_is_django_s_error(owner: Caller) -> None:
    with pytest.raises(OperationalError), planning_cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    connection.close()
