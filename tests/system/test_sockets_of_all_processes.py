"""The limit on an agent's sockets, over several web processes that share a Redis."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from contexts.consumers.quota import LOST_SECONDS, MOST_SOCKETS
from tests.faults.services import PrivateRedis
from tests.instances import Instance, temporary_database
from tests.system.sockets import opened

pytestmark = pytest.mark.services
TOO_MANY = 4429


@pytest.fixture
def redis() -> Iterator[PrivateRedis]:
    service = PrivateRedis()
    try:
        service.start()
        yield service
    finally:
        service.close()


@pytest.fixture
def webs(tmp_path: Path, redis: PrivateRedis) -> Iterator[list[Instance]]:
    """Two web processes of one site."""
    with temporary_database(tmp_path) as database, contextlib.ExitStack() as stack:
        made = [
            Instance(tmp_path / "home", database, {"REDIS_URL": redis.url(0)}) for _ in range(2)
        ]
        for web in made:
            stack.callback(web.kill)
            web.start()
        yield made


async def one(web: Instance) -> ClientConnection | None:
    """One more socket of the first agent at a process; None when it is one too many."""
    try:
        return await opened(web.url, web.credentials()["agent_key"])
    except ConnectionClosed as closed:
        if closed.rcvd is None or closed.rcvd.code != TOO_MANY:
            raise
        return None


@contextlib.asynccontextmanager
async def many(web: Instance, count: int) -> AsyncIterator[list[ClientConnection]]:
    """So many more, which must all be let in soon."""
    sockets: list[ClientConnection] = []
    try:
        async with asyncio.timeout(LOST_SECONDS * 4):
            while len(sockets) < count:
                if (socket := await one(web)) is not None:
                    sockets.append(socket)
                else:
                    await asyncio.sleep(0.2)
        yield sockets
    finally:
        for socket in sockets:
            await socket.close()


async def full(*webs: Instance) -> bool:
    """Whether one more is too many at each."""
    return [await one(web) for web in webs] == [None] * len(webs)


def test_an_agents_sockets_are_counted_over_all_processes(
    webs: list[Instance], redis: PrivateRedis
) -> None:
    first, second = webs

    async def scene() -> None:
        async with many(first, 60) as there, many(second, MOST_SOCKETS - 60):
            assert await full(first, second)
            await there.pop().close()
            async with many(second, 1):
                assert await full(first, second)
            # What was killed holds nothing: what it had may come back elsewhere.
            first.kill()
            async with many(second, 60):
                assert await full(second)
                # Each for itself while Redis is away, which locks nobody out.
                redis.kill()
                assert await full(second)
            async with many(second, 60):
                assert await full(second)

    asyncio.run(scene())
