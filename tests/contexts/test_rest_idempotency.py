"""A write sent again over REST with its `Idempotency-Key`: answered again, done once."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from rest_framework.test import APIClient

from contexts.models import IdempotencyRecord
from tests.contexts.rest import TASKS, head, make_task


def test_a_repeated_idempotency_key_does_nothing_twice(teammate_client: APIClient) -> None:
    make_task(teammate_client)
    url, body = f"{TASKS}t1/progress/", {"content": "once"}
    first = teammate_client.post(url, body, format="json", HTTP_IDEMPOTENCY_KEY="k")
    before = head(teammate_client)
    again = teammate_client.post(url, body, format="json", HTTP_IDEMPOTENCY_KEY="k")
    assert (again.status_code, again.content) == (201, first.content)
    assert head(teammate_client) == before
    other = teammate_client.post(url, {"content": "no"}, format="json", HTTP_IDEMPOTENCY_KEY="k")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert head(teammate_client) == before
    make = {"id": "t2", "branch_id": "b1"}
    made = teammate_client.post(TASKS, make, format="json", HTTP_IDEMPOTENCY_KEY="m")
    same = teammate_client.post(TASKS, make, format="json", HTTP_IDEMPOTENCY_KEY="m")
    assert (same.status_code, same["Location"], same["ETag"]) == (
        201,
        made["Location"],
        made["ETag"],
    )


def test_a_refusal_is_repeated_too(teammate_client: APIClient) -> None:
    body = {"id": "t1", "branch_id": "b1"}
    first = teammate_client.post(TASKS, body, format="json", HTTP_IDEMPOTENCY_KEY="k")
    make_task(teammate_client, "t0")
    again = teammate_client.post(TASKS, body, format="json", HTTP_IDEMPOTENCY_KEY="k")
    assert (first.status_code, again.status_code) == (400, 400)
    assert again.content == first.content


@pytest.mark.parametrize("data", [{"password": 5}, {"note": "password:"}, {"a": "PGPASSWORD="}])
def test_a_repeated_answer_is_the_first_byte_for_byte(
    teammate_client: APIClient, data: dict[str, Any]
) -> None:
    make_task(teammate_client)
    body = {"id": "t2", "branch_id": "b1", "data": data}
    first, again = (
        teammate_client.post(TASKS, body, format="json", HTTP_IDEMPOTENCY_KEY="k") for _ in "12"
    )
    assert again.content == first.content
    unknown = {**body, "password": "x"}
    first, again = (
        teammate_client.post(TASKS, unknown, format="json", HTTP_IDEMPOTENCY_KEY="u") for _ in "12"
    )
    assert again.content == first.content
    first, again = (teammate_client.delete(f"{TASKS}t2/", HTTP_IDEMPOTENCY_KEY="d") for _ in "12")
    assert (again.status_code, again.headers.keys()) == (204, first.headers.keys())


def test_keys_belong_to_their_caller_and_end_after_a_day(
    teammate_client: APIClient, owner_client: APIClient
) -> None:
    make_task(teammate_client)
    url = f"{TASKS}t1/progress/"
    teammate_client.post(url, {"content": "a"}, format="json", HTTP_IDEMPOTENCY_KEY="k")
    other = owner_client.post(url, {"content": "b"}, format="json", HTTP_IDEMPOTENCY_KEY="k")
    assert other.status_code == 201
    with time_machine.travel(timezone.now() + timedelta(hours=25)):
        late = teammate_client.post(url, {"content": "c"}, format="json", HTTP_IDEMPOTENCY_KEY="k")
        assert late.status_code == 201
    assert IdempotencyRecord.objects.count() == 2


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb"])
def test_a_key_that_is_none_is_refused(teammate_client: APIClient, key: str) -> None:
    make_task(teammate_client)
    answer = teammate_client.post(
        f"{TASKS}t1/progress/", {"content": "a"}, format="json", HTTP_IDEMPOTENCY_KEY=key
    )
    assert answer.status_code == 400
