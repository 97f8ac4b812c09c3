"""The breaker opens when nobody answers, and closes with any answer."""

import pytest

from contexts import breaker
from tests.syncing.hubs import ScriptedHub, always, away, failure_of


class Clock:
    """Time as the breaker sees it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


def test_the_breaker_opens_for_a_while_when_the_hub_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, hub = Clock(), ScriptedHub()
    monkeypatch.setattr(breaker, "time", clock)
    client = hub.client()
    assert client.breaker.allows
    hub.script = away
    failure_of(client.status)
    assert not client.breaker.allows
    clock.now += breaker.PAUSE_SECONDS - 0.1
    assert not client.breaker.allows
    clock.now += 0.2
    assert client.breaker.allows


def test_an_answer_closes_the_breaker(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, hub = Clock(), ScriptedHub()
    monkeypatch.setattr(breaker, "time", clock)
    client = hub.client()
    hub.script = away
    failure_of(client.status)
    hub.script = lambda _: None
    client.status()
    assert client.breaker.allows


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 409, 413, 500])
def test_an_answer_of_any_kind_leaves_the_breaker_closed(status: int) -> None:
    hub = ScriptedHub()
    client = hub.client()
    hub.script = always(status)
    failure_of(client.status)
    assert client.breaker.allows
