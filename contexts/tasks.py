"""What Celery does for the domain. Tasks may run twice and hold only retry policy."""

from typing import Any

from celery import shared_task
from django.db import InterfaceError, OperationalError

from contexts import compaction

# A database that is away comes back: again after seconds, then minutes, with jitter.
PATIENT: dict[str, Any] = {
    "autoretry_for": (OperationalError, InterfaceError),
    "retry_backoff": 5,
    "retry_backoff_max": 600,
    "max_retries": 10,
}


@shared_task(**PATIENT)  # type: ignore[untyped-decorator]
def expire_idempotency_records() -> None:
    compaction.expire_answers()


@shared_task(**PATIENT)  # type: ignore[untyped-decorator]
def compact_history() -> None:
    compaction.compact_all()
