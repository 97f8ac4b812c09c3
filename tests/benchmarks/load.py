"""Requests over HTTP/1.1 from a fixed number of kept-alive connections, as fast as they go."""

import asyncio
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import cycle
from urllib.parse import urlsplit


@dataclass
class Measured:
    """What came back in a stretch: how many answers a second, and how long each took."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)

    @property
    def a_second(self) -> float:
        return len(self.latencies) / self.seconds

    def quantile(self, share: float) -> float:
        """In milliseconds."""
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Connection(asyncio.Protocol):
    """One connection: sends the next request as soon as the last one is answered."""

    def __init__(self, requests: Iterator[bytes], status: bytes, measured: Measured) -> None:
        self.requests, self.status, self.measured = requests, status, measured
        self.ended = asyncio.get_running_loop().create_future()
        self._buffer = b""
        self._missing = -1
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self.transport = transport
        self._next()

    def _next(self) -> None:
        request = next(self.requests, None)
        if request is None:
            self.transport.close()
            return
        self._sent = time.perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._missing < 0:
            head, found, body = self._buffer.partition(b"\r\n\r\n")
            if not found:
                return
            assert head[9:12] == self.status, self._buffer[:2000]
            self._missing = 0 if self.status == b"304" else _length(head)
            self._buffer = body
        if len(self._buffer) >= self._missing:
            self._buffer, self._missing = b"", -1
            self.measured.latencies.append(time.perf_counter() - self._sent)
            self._next()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(None)


def _place(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    raise AssertionError(f"an answer without its length: {head!r}")


def request(
    url: str, path: str, key: str = "", *, method: str = "GET", body: bytes = b"", etag: str = ""
) -> bytes:
    """The bytes of a request."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {urlsplit(url).netloc}"]
    if key:
        lines.append(f"Authorization: Bearer {key}")
    if etag:
        lines.append(f"If-None-Match: {etag}")
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def measure(
    url: str,
    requests: Iterable[bytes],
    *,
    connections: int = 4,
    seconds: float = 0.0,
    status: int = 200,
) -> Measured:
    """Sends the requests, over and over for `seconds`, or each just once when that is 0."""
    return asyncio.run(_measure(url, requests, connections, seconds, str(status).encode()))


async def _measure(
    url: str, requests: Iterable[bytes], connections: int, seconds: float, status: bytes
) -> Measured:
    measured = Measured()
    end = time.perf_counter() + seconds

    def until_the_end() -> Iterator[bytes]:
        for each in cycle(requests):
            if time.perf_counter() > end:
                return
            yield each

    source = until_the_end() if seconds else iter(requests)
    host, port = _place(url)
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    opened = [
        await loop.create_connection(lambda: Connection(source, status, measured), host, port)
        for _ in range(connections)
    ]
    await asyncio.gather(*(protocol.ended for _, protocol in opened))
    measured.seconds = time.perf_counter() - began
    return measured
