"""How many messages a second reach 200 clients of one organization, against a bare consumer.

`python -m tests.benchmarks.fanout [CLIENTS] [CHANGES] [ROUNDS]`, on the database and the Redis
of the environment. Both servers run under daphne on the same channel layer, one after the other
in turns; prints the figures as JSON.
"""

import asyncio
import base64
import json
import os
import statistics
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from tests.benchmarks import servers
from tests.instances import Instance, temporary_database


class Client(asyncio.Protocol):
    """Reads frames as fast as Python can, and counts those that hold `mark`."""

    def __init__(self, mark: bytes) -> None:
        self.count = 0
        self.answers = 0
        self.last_at = 0.0
        self.last = b""
        self._mark = mark
        self._buffer = b""
        self._shaken = False

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def shake(self, host: str, path: str, key: str) -> None:
        nonce = base64.b64encode(os.urandom(16)).decode()
        lines = [
            f"GET {path} HTTP/1.1",
            f"Host: {host}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {nonce}",
            "Sec-WebSocket-Version: 13",
            f"Authorization: Bearer {key}",
        ]
        self.transport.write("\r\n".join([*lines, "", ""]).encode())

    def say(self, text: str) -> None:
        data = text.encode()
        length = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + len(data).to_bytes(2)
        self.transport.write(b"\x81" + length + b"\0\0\0\0" + data)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._shaken:
            head, found, rest = self._buffer.partition(b"\r\n\r\n")
            if not found:
                return
            assert b" 101 " in head, head
            self._shaken, self._buffer = True, rest
            self.answers += 1
        place, buffer, end = 0, self._buffer, len(self._buffer)
        while end - place >= 2:
            size, start = buffer[place + 1], place + 2
            if size == 126:
                size, start = int.from_bytes(buffer[place + 2 : place + 4]), place + 4
            if end - start < size:
                break
            if buffer.startswith(self._mark, start):
                self.count += 1
                self.last_at = time.time()
                self.last = buffer[start : start + size]
            else:
                self.answers += 1
            place = start + size
        self._buffer = buffer[place:]


async def connected(url: str, path: str, keys: list[str], mark: bytes, count: int) -> list[Client]:
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    clients = []
    for number in range(count):
        _, client = await asyncio.get_running_loop().create_connection(
            lambda: Client(mark), parts.hostname, parts.port
        )
        client.shake(parts.netloc, path, keys[number % len(keys)])
        clients.append(client)
    await settled(clients, 1)
    return clients


async def settled(clients: list[Client], answers: int) -> None:
    async with asyncio.timeout(120):
        while any(each.answers < answers for each in clients):
            await asyncio.sleep(0.02)


async def delivered(clients: list[Client], each: int) -> tuple[int, float]:
    """How many messages came, and when the last did; when all are there, or nothing comes."""
    while True:
        before = sum(client.count for client in clients)
        if before == each * len(clients):
            break
        await asyncio.sleep(0.02 if before == 0 else 3.0)
        if before and before == sum(client.count for client in clients):
            break
    return before, max(client.last_at for client in clients)


async def ours(instance: Instance, keys: list[str], count: int, changes: int) -> dict[str, float]:
    """One commit of many changes, to all: from there to the last message."""
    key = instance.credentials()["agent_key"]
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=instance.url, headers=headers, timeout=120) as http:
        api = "api/v1/contexts/"
        for number in range(changes - 2):
            body = {"id": f"t{number}", "branch_id": "b", "project_id": "p"}
            answer = await http.post(f"{api}task/?create_parents=true", json=body)
            answer.raise_for_status()
        mark = b'{"type":"context_changed"'
        clients = await connected(instance.url, "/ws/contexts/", keys, mark, count)
        place = {"level": "project", "context_id": "p", "descendants": True}
        await settled(clients, 2)
        for client in clients:
            client.say(json.dumps({"type": "subscribe", **place}))
        await settled(clients, 3)
        deleting = asyncio.create_task(http.delete(f"{api}project/p/?cascade=true"))
        number, ended = await delivered(clients, changes)
        (await deleting).raise_for_status()
        # When the last of them was made, which is just before they were committed together.
        at = datetime.fromisoformat(json.loads(clients[0].last)["timestamp"])
        started = at.timestamp()
        for client in clients:
            client.transport.abort()
    return {"delivered": number / (count * changes), "a_second": number / (ended - started)}


async def bare(url: str, count: int, changes: int) -> dict[str, float]:
    """The same number of messages, each sent to the group of all."""
    clients = await connected(url, "/", ["none"], b'{"seq"', count)
    clients[0].say(str(changes))
    started = time.time()
    number, ended = await delivered(clients, changes)
    for client in clients:
        client.transport.abort()
    return {"delivered": number / (count * changes), "a_second": number / (ended - started)}


def main(count: int, changes: int, rounds: int) -> None:
    """Prints each round, and the medians with their ratio."""
    figures: dict[str, list[float]] = {"ours": [], "bare": []}
    with tempfile.TemporaryDirectory() as scratch, temporary_database(Path(scratch)) as database:
        folder = Path(scratch)
        home = {**os.environ, "CONTEXTSYS_HOME": str(folder / "bare")}
        instance = Instance(folder / "home", database, {"CONTEXTSYS_LOG_LEVEL": "WARNING"})
        for number in range(rounds):
            instance.start()
            # An agent may have a hundred sockets.
            keys = [
                instance.manage("create_agent", f"listener-{each}").stdout.strip()
                for each in range(count // 80 + 1)
            ]
            try:
                told = asyncio.run(ours(instance, keys, count, changes))
            finally:
                instance.kill()
            with servers.daphne("tests.benchmarks.bare:application", home) as url:
                plain = asyncio.run(bare(url, count, changes))
            figures["ours"].append(told["a_second"])
            figures["bare"].append(plain["a_second"])
            print(json.dumps({"round": number, "ours": told, "bare": plain}), flush=True)
    medians = {name: statistics.median(values) for name, values in figures.items()}
    print(json.dumps({**medians, "ratio": round(medians["ours"] / medians["bare"], 2)}))


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:4]]
    main(*(given + [200, 300, 3][len(given) :]))
