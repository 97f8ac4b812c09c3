"""Asking for a push after a commit: at once for the writer, and never for nothing."""

import logging
import threading
from collections.abc import Iterator

import pytest

from syncing.nudging import Nudger

SECONDS = 10.0


class Broker:
    """Takes messages while it is open."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.open.set()
        self.away = False
        self.began: list[str] = []
        self.asked = threading.Semaphore(0)

    def ask(self, organization_id: str) -> None:
        self.began.append(organization_id)
        self.asked.release()
        assert self.open.wait(SECONDS)
        if self.away:
            raise ConnectionError


@pytest.fixture
def broker() -> Iterator[Broker]:
    broker = Broker()
    yield broker
    broker.open.set()


def test_a_nudge_asks_once(broker: Broker) -> None:
    nudger = Nudger(broker.ask)
    for number in range(3):
        nudger.nudge("global")
        assert broker.asked.acquire(timeout=SECONDS)
        assert broker.began == ["global"] * (number + 1)


def test_a_broker_that_hangs_holds_up_nobody_and_later_nudges_share_one_message(
    broker: Broker,
) -> None:
    nudger = Nudger(broker.ask)
    broker.open.clear()
    nudger.nudge("global")
    assert broker.asked.acquire(timeout=SECONDS)
    for _ in range(100):
        nudger.nudge("global")
    assert broker.began == ["global"]
    broker.open.set()
    assert broker.asked.acquire(timeout=SECONDS)
    nudger.nudge("last")
    assert broker.asked.acquire(timeout=SECONDS)
    assert broker.began == ["global", "global", "last"]


def test_a_broker_that_is_away_is_logged_when_it_goes_and_when_it_is_back(
    broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "contextsys.sync")
    nudger = Nudger(broker.ask)
    for away in (False, True, True, True, False, False):
        broker.away = away
        nudger.nudge("global")
        assert broker.asked.acquire(timeout=SECONDS)
        # Asked again, so that one is over.
        nudger.nudge("global")
        assert broker.asked.acquire(timeout=SECONDS)
    assert caplog.messages == [
        "the broker does not answer (ConnectionError): the sweep will push",
        "the broker answers again",
    ]
