"""How a running server ends a socket: with a code and a reason, as a client receives them."""

import asyncio
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from tests.instances import Instance
from tests.system.sockets import address, opened


async def ending(socket: ClientConnection) -> tuple[int | None, str | None]:
    """Code and reason that the server gives; 1006 when it just hangs up."""
    async with asyncio.timeout(30):
        await socket.wait_closed()
    return socket.close_code, socket.close_reason


def test_sockets_are_told_why_they_end(start_instance: Any) -> None:
    instance: Instance = start_instance()
    key = instance.credentials()["agent_key"]

    async def scene() -> None:
        wrong = {"Authorization": "Bearer ctx_wrong"}
        async with connect(address(instance.url), additional_headers=wrong) as socket:
            assert await ending(socket) == (4401, "no valid credential")
        large = await opened(instance.url, key)
        await large.send("x" * (2**20 + 1))
        assert await ending(large) == (4409, "a frame was too large")
        # The end of the server is not the client's: it may come back at once.
        left = [await opened(instance.url, key) for _ in range(20)]
        assert await asyncio.to_thread(instance.stop) == 0
        for socket in left:
            assert await ending(socket) == (1012, "the server ends")

    asyncio.run(scene())
