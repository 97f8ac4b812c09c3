"""What a socket sends: paused while its client does not read, given up when that lasts.

Daphne takes whatever it is given into memory, so we look into its transport's buffer before
each frame. Other servers make `send` wait, which is bounded here too.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

Send = Callable[[dict[str, Any]], Awaitable[None]]
MOST_FRAMES = 256
MOST_BYTES = 2**20
# Together below the 30 seconds after which a client that does not read is gone (CONTRACT §3): it
# takes a while until the buffers of the two systems in between are full and we notice.
SLOW_SECONDS = 15.0
CLOSE_SECONDS = 6.0
LONGEST_LOOK = 0.05


def protocol_of(send: Send) -> Any:
    """Daphne's protocol, which holds the transport, if the connection is one of Daphne's."""
    bound = send.args if isinstance(send, partial) else ()
    return next((each for each in bound if hasattr(each, "transport")), None)


class Closed(Exception):
    """The conversation ends: the close code, and why in a few words."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


NOT_AUTHENTICATED, ORIGIN, TOO_SLOW, TOO_MUCH, TOO_MANY = 4401, 4403, 4408, 4409, 4429
GOING_AWAY, SERVER_ERROR = 1012, 1011


class Outgoing:
    """The sending side of one connection."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._protocol = protocol_of(send)
        self._frames = 0

    @property
    def _unsent(self) -> int:
        """How many bytes the transport holds that the client's side did not take yet."""
        transport = getattr(self._protocol, "transport", None)
        if transport is None or not hasattr(transport, "dataBuffer"):
            return 0
        return int(len(transport.dataBuffer) - transport.offset + transport._tempDataLen)

    async def send(self, text: str) -> None:
        """Sends one frame, when the client has room for it. Raises `Closed` when it never has."""
        if self._protocol is None:
            try:
                async with asyncio.timeout(SLOW_SECONDS):
                    await self._send({"type": "websocket.send", "text": text})
            except TimeoutError:
                raise Closed(TOO_SLOW, "too slow") from None
            return
        unsent = self._unsent
        self._frames = self._frames + 1 if unsent else 1
        if self._frames > MOST_FRAMES or unsent > MOST_BYTES:
            await self._drained()
        await self._send({"type": "websocket.send", "text": text})

    async def _drained(self) -> None:
        """Returns when the client has read most of what was sent. Raises `Closed`."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + SLOW_SECONDS
        pause = 0.0
        # A turn of the loop lets the transport write.
        while (unsent := self._unsent) > MOST_BYTES // 4 or (unsent and self._frames > MOST_FRAMES):
            if loop.time() > deadline:
                raise Closed(TOO_SLOW, "too slow")
            await asyncio.sleep(pause)
            pause = min(LONGEST_LOOK, pause * 2 or 0.001)
        self._frames = 1

    async def close(self, code: int, reason: str) -> None:
        """Ends the connection; a client that does not answer is cut off after a while."""
        if self._protocol is None:
            await self._send({"type": "websocket.close", "code": code, "reason": reason})
            return
        self._protocol.closeHandshakeTimeout = CLOSE_SECONDS
        # Daphne gives no reason on, and by its way 1011 and 1012 are refused: those are a server's.
        self._protocol.sendCloseFrame(code=code, reasonUtf8=reason.encode())
