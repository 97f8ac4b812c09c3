"""Hints for those who wait: sent when they can be, and never in a writer's way."""

import asyncio
from typing import Any

import pytest
from channels.layers import InMemoryChannelLayer

from contexts import broadcast
from contexts.breaker import Breaker


class HangingLayer:
    """A channel layer whose Redis took the connection and never answers."""

    def __init__(self) -> None:
        self.asked = 0

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        self.asked += 1
        await asyncio.Event().wait()

    async def new_channel(self) -> str:
        raise ConnectionError


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> HangingLayer:
    layer = HangingLayer()
    monkeypatch.setattr(broadcast, "get_channel_layer", lambda: layer)
    monkeypatch.setattr(broadcast, "breaker", Breaker())
    monkeypatch.setattr(broadcast, "_loop", None)
    return layer


def test_a_layer_that_hangs_is_asked_once_and_then_left_alone(hanging: HangingLayer) -> None:
    for _ in range(3):
        broadcast.look("global")
    assert hanging.asked == 1


def test_without_a_layer_waiting_is_only_waiting(hanging: HangingLayer) -> None:
    asyncio.run(broadcast.wait_for_hint("global", 0.01))


def test_a_hint_wakes_who_waits_for_that_organization_only(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = InMemoryChannelLayer()
    monkeypatch.setattr(broadcast, "get_channel_layer", lambda: layer)

    async def scene() -> tuple[bool, bool]:
        broadcast.attach_loop()
        ours = asyncio.create_task(broadcast.wait_for_hint("ours", 30))
        theirs = asyncio.create_task(broadcast.wait_for_hint("theirs", 30))
        while len(layer.groups) < 2:
            await asyncio.sleep(0)
        await asyncio.to_thread(broadcast.look, "ours")
        await asyncio.wait_for(ours, 10)
        waits_on = not theirs.done()
        theirs.cancel()
        return ours.done(), waits_on

    assert asyncio.run(scene()) == (True, True)
    assert not layer.groups, "who no longer waits is no longer told"
