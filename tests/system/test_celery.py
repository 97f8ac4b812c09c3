"""What Celery's own processes are told and tell."""

import json
import logging
import traceback
from collections.abc import Iterator

import pytest
from django.conf import settings

from contextsys import logs
from contextsys.celery import app


@pytest.fixture
def json_log() -> Iterator[None]:
    logs.configure("INFO", "json")
    yield
    logs.configure(settings.CONTEXTSYS_LOG_LEVEL, settings.CONTEXTSYS_LOG_FORMAT)


def test_beat_tells_of_a_broker_that_is_away_without_a_stack(
    json_log: None, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        raise ConnectionError("redis://user:secret@broker")
    except ConnectionError as error:
        # As celery.beat says it.
        told = "Message Error: %s\n%s", error, traceback.format_stack()
        logging.getLogger("celery.beat").error(*told, exc_info=True)
    (line,) = map(json.loads, capsys.readouterr().err.splitlines())
    assert line["event"] == "Message Error: ConnectionError\n"
    assert line["exception"] == "ConnectionError"
    assert "secret" not in str(line)


def test_a_worker_follows_the_hub_and_still_has_hands_to_push() -> None:
    assert app.conf.worker_concurrency >= 2
    assert app.conf.worker_prefetch_multiplier == 1


def test_others_on_the_broker_keep_their_queue() -> None:
    assert app.conf.task_default_queue == "contextsys"
