"""Hints to whoever waits for changes: "look at the log". Never the change itself.

A lost hint costs a listener its next look (within a second), never a change: the channel
layer may drop, the log may not.
"""

import asyncio
import hashlib
import logging
from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import InMemoryChannelLayer, get_channel_layer

from contexts.breaker import Breaker

logger = logging.getLogger("contextsys.broadcast")
# A layer that hangs costs a command this once, then nothing for a while; the server, nothing.
SEND_SECONDS = 0.2
breaker = Breaker()
_loop: asyncio.AbstractEventLoop | None = None


def group_of(organization_id: str) -> str:
    """The channel group of an organization; hashed, as group names may hold less than ids."""
    return "org." + hashlib.sha256(organization_id.encode()).hexdigest()[:32]


def attach_loop() -> None:
    """Remembers the server's event loop; called on it when the server begins to answer."""
    global _loop
    _loop = asyncio.get_running_loop()


def look(organization_id: str) -> None:
    """Tells all listeners of the organization to read the log.

    The in-memory layer is not thread-safe and reaches this process only: the message is handed
    to the server's loop, and without one nobody can be listening. Other layers are sent to
    through that loop too when there is one, as a loop of our own a message costs half a second.
    """
    layer = get_channel_layer()
    if layer is None:
        return
    if _loop is not None and _loop.is_running():
        asyncio.run_coroutine_threadsafe(_send(layer, organization_id), _loop)
    elif not isinstance(layer, InMemoryChannelLayer) and breaker.allows:
        async_to_sync(_send)(layer, organization_id)


async def _send(layer: Any, organization_id: str) -> None:
    try:
        async with asyncio.timeout(SEND_SECONDS):
            await layer.group_send(group_of(organization_id), {"type": "look"})
    except Exception:
        breaker.failed()
        logger.warning("the hint for new changes could not be sent; listeners look by themselves")


async def wait_for_hint(organization_id: str, seconds: float) -> None:
    """Returns when a hint came or after `seconds`, whatever the channel layer does."""
    layer = get_channel_layer()
    if layer is None:
        await asyncio.sleep(seconds)
        return
    started = asyncio.get_running_loop().time()
    try:
        async with asyncio.timeout(seconds):
            channel = await layer.new_channel()
            await layer.group_add(group_of(organization_id), channel)
            try:
                await layer.receive(channel)
            finally:
                await layer.group_discard(group_of(organization_id), channel)
    except TimeoutError:
        return
    except Exception:
        logger.warning("the channel layer does not answer; waiting without hints")
        elapsed = asyncio.get_running_loop().time() - started
        await asyncio.sleep(max(0.0, seconds - elapsed))
