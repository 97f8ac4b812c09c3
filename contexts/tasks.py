"""What Celery does for the domain. Tasks may run twice and hold only retry policy."""

import logging
from typing import Any

from celery import shared_task
from django.db import InterfaceError, OperationalError

from contexts import compaction
from contexts.transcripts import pending

logger = logging.getLogger("contextsys.capture")

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


@shared_task(**PATIENT)  # type: ignore[untyped-decorator]
def finish_calls() -> None:
    pending.finish_all()


def ask_to_finish_calls() -> None:
    """Asks a worker for `finish_calls`; one that cannot be asked is found by the schedule."""
    try:
        finish_calls.apply_async(retry=False, expires=60)
    except Exception as error:
        logger.warning("the broker does not answer (%s): the schedule asks", type(error).__name__)
