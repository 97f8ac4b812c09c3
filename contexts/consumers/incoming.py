"""What a socket receives: one frame at a time, while the others wait on the client's side.

Daphne queues whatever comes. A client that sends faster than it is answered, or that does not
read the answers, would fill our memory: so we read from it only when nothing is left to answer.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from django.conf import settings

from contexts.consumers.outgoing import TOO_MUCH, Closed, Send, protocol_of
from contexts.errors import MalformedBody

Receive = Callable[[], Awaitable[dict[str, Any]]]


class Gone(Exception):
    """The client has left."""


class Incoming:
    """The receiving side of one connection."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._protocol = protocol_of(send)
        queue = getattr(receive, "__self__", None)
        self._queue = queue if isinstance(queue, asyncio.Queue) else None
        self._reading = True

    async def frame(self) -> str:
        """The next frame's text. Raises `Gone`, `MalformedBody`, `Closed` for one too large."""
        if self._queue is None or self._queue.empty():
            self._read(True)
        received = await self._receive()
        self._read(False)
        if received["type"] == "websocket.disconnect":
            raise Gone
        text: str | None = received.get("text")
        content = text.encode(errors="replace") if text is not None else received["bytes"]
        if len(content) > settings.CONTEXTSYS_MAX_DOCUMENT_BYTES:
            raise Closed(TOO_MUCH, "a frame was too large")
        if text is None:
            raise MalformedBody("Send text frames; this was a binary one.")
        return text

    def end(self) -> None:
        """From now on what comes is the protocol's, as the answer to a closing."""
        self._read(True)

    def _read(self, wanted: bool) -> None:
        transport = getattr(self._protocol, "transport", None)
        if transport is None or wanted == self._reading or not transport.connected:
            return
        self._reading = wanted
        if wanted:
            transport.resumeProducing()
        else:
            transport.pauseProducing()
