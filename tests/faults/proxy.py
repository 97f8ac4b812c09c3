"""A TCP proxy between a node and its hub, over which a test rules the network."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import urlsplit

CHUNK = 65536
PUSH = b"POST /api/v1/sync/push/ "
ANSWERS = {
    "500": b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    "503": b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
}
# What may become of one push: answered in the hub's place, broken before it, broken after it.
FAILURES = ("500", "503", "broken", "answer_lost")


class Proxy:
    """Listens on a port that stays the same while the hub behind it comes and goes.

    `target` tells the hub's URL of the moment. A direction that is cut holds what comes, as
    TCP would: healed, it arrives late; `reset` breaks all connections off instead.
    """

    def __init__(self, target: Callable[[], str]) -> None:
        self._target = target
        self._open: set[Link] = set()
        self._failures: list[str] = []
        self.failed = 0
        self.refuses = False
        self.delay = 0.0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.port: int = self._on_loop(self._listen())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _on_loop(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self) -> int:
        self.up, self.down = asyncio.Event(), asyncio.Event()
        self.up.set()
        self.down.set()
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=CHUNK)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    # What a test does to the network

    def cut(self, *, up: bool, down: bool) -> None:
        """Holds what the node sends (`up`), what the hub sends (`down`), or both."""

        async def apply() -> None:
            for gate, closed in ((self.up, up), (self.down, down)):
                if closed:
                    gate.clear()

        self._on_loop(apply())

    def heal(self, *, reset: bool = False) -> None:
        """Lets everything through again; with `reset` what was held is lost."""

        async def apply() -> None:
            self.refuses = False
            if reset:
                self._abort()
            self.up.set()
            self.down.set()

        self._on_loop(apply())

    def refuse(self) -> None:
        """Breaks all connections, and every new one at once, as a machine that is off."""

        async def apply() -> None:
            self.refuses = True
            self._abort()

        self._on_loop(apply())

    def fail_next_push(self, how: str) -> None:
        """Lets one push fail as one of `FAILURES`, and all else through."""

        async def apply() -> None:
            self._failures.append(how)

        self._on_loop(apply())

    def close(self) -> None:
        async def apply() -> None:
            self._server.close()
            self._abort()
            while self._open:
                await asyncio.sleep(0.01)

        self._on_loop(apply())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    # What it does with them

    def _abort(self) -> None:
        for each in list(self._open):
            each.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = Link(self, reader, writer)
        self._open.add(link)
        try:
            await link.run(urlsplit(self._target()).port or 0)
        finally:
            self._open.discard(link)

    def take_failure(self) -> str:
        """How the push that has just begun must fail; "" when it need not."""
        if not self._failures:
            return ""
        self.failed += 1
        return self._failures.pop(0)


class Link:
    """One connection of a node's, with the one to the hub that belongs to it."""

    def __init__(
        self, proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.proxy, self.reader, self.node = proxy, reader, writer
        self.hub: asyncio.StreamWriter | None = None
        self.tasks: list[asyncio.Task[None]] = []
        self.swallows_answers = False

    def abort(self) -> None:
        for writer in (self.node, self.hub):
            if writer is not None:
                writer.transport.abort()
        for task in self.tasks:
            task.cancel()

    async def run(self, port: int) -> None:
        """Carries bytes both ways until both sides have ended, or one broke."""
        if self.proxy.refuses:
            self.abort()
            return
        try:
            from_hub, self.hub = await asyncio.open_connection("127.0.0.1", port, limit=CHUNK)
        except OSError:
            self.abort()
            return
        self.tasks = [
            asyncio.create_task(self._carry_up(self.reader, self.hub)),
            asyncio.create_task(self._carry_down(from_hub)),
        ]
        ended = await asyncio.gather(*self.tasks, return_exceptions=True)
        if any(ended):
            self.abort()
        for writer in (self.node, self.hub):
            writer.close()

    async def _carry_up(self, reader: asyncio.StreamReader, hub: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK):
            failure = self.proxy.take_failure() if data.startswith(PUSH) else ""
            if failure in ANSWERS:
                self.node.write(ANSWERS[failure])
                while await reader.read(CHUNK):
                    pass
                break
            if failure == "broken":
                self.abort()
                return
            self.swallows_answers = self.swallows_answers or failure == "answer_lost"
            await self._pass(self.proxy.up, data, hub)
        hub.write_eof()

    async def _carry_down(self, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(CHUNK):
            if self.swallows_answers:
                self.abort()
                return
            await self._pass(self.proxy.down, data, self.node)
        await self.proxy.down.wait()
        self.node.write_eof()

    async def _pass(self, gate: asyncio.Event, data: bytes, writer: asyncio.StreamWriter) -> None:
        if self.proxy.delay:
            await asyncio.sleep(self.proxy.delay)
        await gate.wait()
        writer.write(data)
        await writer.drain()
