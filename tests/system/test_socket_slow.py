"""Clients of a running server that do not read, send too much, or go on for ever."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.instances import Instance
from tests.system.sockets import Listener, cut_off, hear, opened, say, seqs, until
from tests.system.test_socket_exactness import listening

pytestmark = pytest.mark.once
MEGABYTE = 2**20
# The same document again and again would change nothing: a flood of entries is many frames.
LONG_NAME = "x" * 200


def resident(instance: Instance) -> int:
    """The server's memory, in bytes."""
    assert instance.process is not None
    status = Path(f"/proc/{instance.process.pid}/status").read_text()
    line = next(each for each in status.splitlines() if each.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


def is_held(client: ClientConnection) -> bool:
    """Whether the server still has its end of a client's connection."""
    port = f":{client.local_address[1]:04X}"
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    # The other side of the connection is ours; 01 is established.
    return any(line.split()[2].endswith(port) and line.split()[3] == "01" for line in lines)


async def deaf(instance: Instance, names: int) -> ClientConnection:
    """A client with many subscriptions of long names that reads none of what comes of them."""
    narrow = socket.create_connection(("127.0.0.1", int(instance.url.rsplit(":")[2].strip("/"))))
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**18)
    narrow.setblocking(False)
    client = await opened(instance.url, instance.credentials()["agent_key"], sock=narrow)
    for number in range(names):
        name = f"{number}{LONG_NAME}"
        await say(client, "subscribe", level="global", context_id="global", subscription=name,
                  descendants=True)  # fmt: skip
        assert (await hear(client))["type"] == "subscribed"
    client.transport.pause_reading()
    return client


async def to_the_end(client: ClientConnection) -> None:
    """Hears all there is. Raises `ConnectionClosed`."""
    while True:
        async with asyncio.timeout(15):
            await client.recv()


def flood(instance: Instance, entries: int) -> None:
    with instance.client() as client:
        client.post("api/v1/contexts/project/", json={"id": "flood"})
        for number in range(entries):
            answer = client.post(
                "api/v1/contexts/project/flood/progress/", json={"content": str(number)}
            )
            answer.raise_for_status()


def test_who_does_not_read_is_closed_in_time_and_costs_little_memory(
    start_instance: Callable[..., Instance],
) -> None:
    instance = start_instance()

    async def play() -> None:
        key = instance.credentials()["agent_key"]
        reader = Listener([instance.url], key, "global", "global", True)
        async with listening([reader]):
            await asyncio.to_thread(flood, instance, 20)
            before = resident(instance)
            slow = await deaf(instance, 500)
            assert is_held(slow)
            # 200 changes for 500 subscriptions: 45 MiB that nobody takes.
            await asyncio.to_thread(flood, instance, 200)
            full_at = time.monotonic()
            grown = [resident(instance) - before]
            while is_held(slow):
                grown.append(resident(instance) - before)
                assert time.monotonic() - full_at < 30, "it is still open"
                await asyncio.sleep(0.2)
            assert max(grown) < 20 * MEGABYTE, f"{max(grown) / MEGABYTE:.1f} MiB"
            print(f"closed after {time.monotonic() - full_at:.1f} s, "
                  f"grown by {max(grown) / MEGABYTE:.1f} MiB")  # fmt: skip
            # The others were not held up, and it may come back for what it missed.
            with instance.client() as client:
                head = client.get("api/v1/changes/").json()["head"]
            await until(lambda: reader.since == head, 20)
            await cut_off(slow)
            again = Listener([instance.url], key, "global", "global", True)
            again.since, again.epoch = reader.heard[0]["previous_seq"], reader.epoch
            async with listening([again]):
                await until(lambda: again.since == head, 30)
                assert seqs(again) == seqs(reader)

    asyncio.run(play())


def test_who_reads_again_before_that_is_told_that_it_was_too_slow(
    start_instance: Callable[..., Instance],
) -> None:
    instance = start_instance()

    async def code_of(slow: ClientConnection, wait: float) -> int | None:
        """What it is closed with, beginning to read after a while; None when it is cut off."""
        await asyncio.sleep(wait)
        slow.transport.resume_reading()
        code: int | None = None
        try:
            await to_the_end(slow)
        except ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd is not None else None
        except TimeoutError:
            # It read in time, and listens on.
            code = 1000
        await cut_off(slow)
        return code

    async def play() -> None:
        slow = [await deaf(instance, 400) for _ in range(8)]
        reading = [
            asyncio.create_task(code_of(each, 14 + 3 * number)) for number, each in enumerate(slow)
        ]
        await asyncio.to_thread(flood, instance, 40)
        codes = await asyncio.gather(*reading)
        # Full at some moment after the flood began, told 15 seconds later, cut off after 6 more.
        assert 4408 in codes, codes
        assert set(codes) <= {1000, 4408, None}

    asyncio.run(play())


def test_a_frame_of_any_size_over_the_limit_ends_the_socket(
    start_instance: Callable[..., Instance],
) -> None:
    instance = start_instance(CONTEXTSYS_MAX_DOCUMENT_BYTES="100000")

    async def play() -> None:
        key = instance.credentials()["agent_key"]
        before = resident(instance)
        for size in (100_001, 150_000, 30 * MEGABYTE):
            client = await opened(instance.url, key)
            with contextlib.suppress(ConnectionClosed):
                await client.send("x" * size)
            await asyncio.wait_for(client.wait_closed(), 20)
            assert client.close_code == 4409, size
        assert resident(instance) - before < 20 * MEGABYTE
        client = await opened(instance.url, key)
        await client.send('{"type": "ping"}'.ljust(100_000))
        assert (await hear(client))["type"] == "pong"
        await client.close()

    asyncio.run(play())


def test_who_sends_without_end_and_does_not_read_costs_little_memory(
    start_instance: Callable[..., Instance],
) -> None:
    instance = start_instance()

    async def play() -> None:
        key = instance.credentials()["agent_key"]
        await (await opened(instance.url, key)).close()
        before = resident(instance)
        client = await opened(instance.url, key)
        client.transport.pause_reading()
        ping = '{"type": "ping", "request_id": "' + "x" * 200 + '"}'

        async def send() -> None:
            while True:
                await client.send(ping)

        sending = asyncio.create_task(send())
        most = 0
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and not sending.done():
            await asyncio.sleep(0.2)
            most = max(most, resident(instance) - before)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        await cut_off(client)
        assert most < 20 * MEGABYTE, f"{most / MEGABYTE:.1f} MiB"
        # And the server has time for others.
        other = await opened(instance.url, key)
        await say(other, "ping")
        assert (await hear(other))["type"] == "pong"
        await other.close()

    asyncio.run(play())


def test_a_foreign_origin_gets_no_handshake(instance: Instance) -> None:
    async def play() -> None:
        key = instance.credentials()["agent_key"]
        with pytest.raises(InvalidStatus) as refused:
            await opened(instance.url, key, origin="https://evil.example")
        assert refused.value.response.status_code == 403
        client = await opened(instance.url, key, origin=instance.url.rstrip("/"))
        await client.close()

    asyncio.run(play())
