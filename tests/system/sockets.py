"""Clients of a running server's socket that come back when they are cut off, and miss nothing."""

import asyncio
import json
import random
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.contexts.talking import Frame, checked

BACK_SECONDS = 0.1
CUT_OFF = (ConnectionClosed, InvalidHandshake, OSError, TimeoutError, EOFError)


def address(url: str) -> str:
    """The socket of the server at `url`."""
    return url.replace("http://", "ws://") + "ws/contexts/"


async def opened(url: str, key: str, **options: Any) -> ClientConnection:
    """A connection that has heard `connected`."""
    options.setdefault("max_queue", None)
    socket = await connect(
        address(url),
        additional_headers={"Authorization": f"Bearer {key}"},
        open_timeout=60,
        ping_interval=None,
        compression=None,
        **options,
    )
    assert (await hear(socket))["type"] == "connected"
    return socket


async def cut_off(socket: ClientConnection) -> None:
    """Pulls the plug, and waits until the connection is gone from here."""
    socket.transport.abort()
    await socket.wait_closed()


async def hear(socket: ClientConnection, seconds: float = 60) -> Frame:
    """The next frame, as documented."""
    async with asyncio.timeout(seconds):
        return checked(json.loads(await socket.recv()))


async def say(socket: ClientConnection, kind: str, **fields: Any) -> None:
    await socket.send(json.dumps({"type": kind, **fields}))


@dataclass
class Listener:
    """A client of one subscription that keeps what it heard, over any number of connections.

    It refuses what breaks the chain: something doubled, skipped or out of order.
    """

    urls: list[str]
    key: str
    level: str
    context_id: str
    descendants: bool = False
    epoch: str | None = None
    since: int | None = None
    heard: list[Frame] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    resets: int = 0
    connections: int = 0
    socket: ClientConnection | None = None
    begun: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Listens until cancelled, coming back whenever it is cut off."""
        while True:
            try:
                await self._listen()
            except CUT_OFF:
                await asyncio.sleep(random.uniform(0, BACK_SECONDS))

    async def _listen(self) -> None:
        self.socket = await opened(random.choice(self.urls), self.key)
        try:
            self.connections += 1
            place: dict[str, Any] = {"level": self.level, "context_id": self.context_id}
            if self.since is not None:
                place |= {"since": self.since, "epoch": self.epoch}
            await say(self.socket, "subscribe", **place, descendants=self.descendants)
            while True:
                self._take(checked(json.loads(await self.socket.recv())))
        finally:
            await cut_off(self.socket)

    def _take(self, frame: Frame) -> None:
        if frame["type"] == "subscribed":
            self.epoch = frame["epoch"]
            self.since = frame["head"] if self.since is None else self.since
            self.begun.set()
        elif frame["type"] == "context_changed":
            assert frame["previous_seq"] == self.since, (frame, self.since)
            assert frame["seq"] > frame["previous_seq"]
            self.since = frame["seq"]
            self.heard.append(frame)
            at = _seconds(frame["timestamp"])
            self.late.append(time.time() - at)
        else:
            assert frame["type"] == "heartbeat", frame

    def cut(self) -> None:
        """Pulls the plug."""
        if self.socket is not None:
            self.socket.transport.abort()


def _seconds(timestamp: str) -> float:
    return datetime.fromisoformat(timestamp).timestamp()


def seqs(listener: Listener) -> list[int]:
    return [frame["seq"] for frame in listener.heard]


def p99(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.99)]


async def until(condition: Any, seconds: float = 120) -> None:
    """Returns when `condition()` holds; fails after a while."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to be"
        await asyncio.sleep(0.05)
