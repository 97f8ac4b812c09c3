"""Hints to whoever waits for changes: "look at the log". Never the change itself.

A lost hint costs a listener its next look (within a second), never a change: the channel
layer may drop, the log may not. Listeners in this process are told directly, those of other
processes through the channel layer.
"""

import asyncio
import hashlib
import logging
from collections.abc import Callable
from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import InMemoryChannelLayer, get_channel_layer

from contexts.breaker import Breaker

logger = logging.getLogger("contextsys.broadcast")
Hint = dict[str, Any]
Hear = Callable[[Hint], None]
# What a hint asks for: to read the log, or to look whether keys and roles still hold.
LOOK, CHECK = "look", "check"
# A layer that hangs costs a command this once, then nothing for a while; the server, nothing.
SEND_SECONDS = 0.2
# In the server nobody waits for it, and what comes meanwhile goes with the next message.
PATIENT_SECONDS = 2.0
breaker = Breaker()
_loop: asyncio.AbstractEventLoop | None = None
_leaving: dict[tuple[str, str], Hint] = {}
_tasks: set[asyncio.Task[None]] = set()
_listeners: dict[str, set[Hear]] = {}


def group_of(organization_id: str) -> str:
    """The channel group of an organization; hashed, as group names may hold less than ids."""
    return "org." + hashlib.sha256(organization_id.encode()).hexdigest()[:32]


def attach_loop() -> None:
    """Remembers the server's event loop; called on it when the server begins to answer."""
    global _loop
    loop = asyncio.get_running_loop()
    if loop is not _loop:
        _loop = loop
        _leaving.clear()


def reaches_others() -> bool:
    """Whether the channel layer carries hints between processes."""
    layer = get_channel_layer()
    return layer is not None and not isinstance(layer, InMemoryChannelLayer)


def listen(organization_id: str, hear: Hear) -> Callable[[], None]:
    """Calls `hear` on the server's loop with every hint; returns what ends that."""
    _listeners.setdefault(organization_id, set()).add(hear)

    def end() -> None:
        hearing = _listeners.get(organization_id, set())
        hearing.discard(hear)
        if not hearing:
            _listeners.pop(organization_id, None)

    return end


def tell(organization_id: str, hint: Hint) -> None:
    """Gives a hint to the listeners of this process; on the server's loop."""
    for hear in tuple(_listeners.get(organization_id, ())):
        hear(hint)


def look(organization_id: str, head: int = 0) -> None:
    """Tells all listeners of the organization to read the log, which has come to `head`."""
    _announce(organization_id, {"type": LOOK, "head": head})


def check(organization_id: str) -> None:
    """Tells the sockets of the organization that a key or a role may have ended."""
    _announce(organization_id, {"type": CHECK})


def _announce(organization_id: str, hint: Hint) -> None:
    """
    The in-memory layer is not thread-safe and reaches this process only: the message is handed
    to the server's loop, and without one nobody can be listening. Other layers are sent to
    through that loop too when there is one, as a loop of our own a message costs half a second.
    """
    layer = get_channel_layer()
    loop = _loop
    if loop is not None and loop.is_running():
        loop.call_soon_threadsafe(_pass_on, layer, organization_id, hint)
    elif layer is not None and reaches_others() and breaker.allows:
        async_to_sync(_send)(layer, organization_id, hint, SEND_SECONDS)


def _pass_on(layer: Any, organization_id: str, hint: Hint) -> None:
    tell(organization_id, hint)
    if layer is None:
        return
    key = organization_id, hint["type"]
    on_its_way = key in _leaving
    _leaving[key] = hint
    if not on_its_way:
        task = asyncio.get_running_loop().create_task(_send_newest(layer, key))
        _tasks.add(task)
        task.add_done_callback(_tasks.discard)


async def _send_newest(layer: Any, key: tuple[str, str]) -> None:
    """Sends the newest hint of its kind, and again when there was a newer one by then."""
    try:
        sent: Hint = {}
        while (hint := _leaving.get(key, sent)) is not sent:
            sent = hint
            await _send(layer, key[0], hint, PATIENT_SECONDS)
    finally:
        _leaving.pop(key, None)


async def _send(layer: Any, organization_id: str, hint: Hint, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await layer.group_send(group_of(organization_id), hint)
    except Exception:
        if breaker.allows:
            logger.warning("a hint for new changes could not be sent; listeners look by themselves")
        breaker.failed()


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


class Relay:
    """Passes the hints of other processes to the listeners of this one.

    It sends itself an echo through the layer every second: a layer that went away, came back or
    forgot us is noticed, and joined anew. `works` tells whether hints can be relied on.
    """

    ECHO_SECONDS = 1.0

    def __init__(self, organization_id: str, when_broken: Callable[[], None]) -> None:
        self.works = False
        # Redis' client swallows a cancellation that comes while it connects.
        self._ended = False
        self._organization_id = organization_id
        self._when_broken = when_broken
        self._echo = asyncio.Event()

    async def run(self) -> None:
        """Relays until it is ended; returns at once when the layer reaches no other process."""
        while reaches_others() and not self._ended:
            try:
                await self._follow(get_channel_layer())
            except Exception as error:
                if self.works:
                    logger.warning("the channel layer is away (%s)", type(error).__name__)
                self.works = False
                self._when_broken()
            await asyncio.sleep(self.ECHO_SECONDS)

    def end(self) -> None:
        """Lets `run` return at its next step; cancel its task as well, which then takes no time."""
        self._ended = True

    async def _follow(self, layer: Any) -> None:
        group = group_of(self._organization_id)
        async with asyncio.timeout(self.ECHO_SECONDS):
            channel = await layer.new_channel()
            await layer.group_add(group, channel)
        receiving = asyncio.create_task(self._receive(layer, channel))
        try:
            while not receiving.done() and not self._ended:
                self._echo.clear()
                async with asyncio.timeout(self.ECHO_SECONDS):
                    await layer.send(channel, {"type": "echo"})
                    await self._echo.wait()
                if not self.works:
                    self.works = True
                    # What was told before we had joined.
                    tell(self._organization_id, {"type": LOOK, "head": 0})
                    tell(self._organization_id, {"type": CHECK})
                await asyncio.sleep(self.ECHO_SECONDS)
        finally:
            receiving.cancel()
            await asyncio.wait([receiving], timeout=SEND_SECONDS)
            try:
                async with asyncio.timeout(SEND_SECONDS):
                    await layer.group_discard(group, channel)
            except Exception:
                logger.debug("the channel layer did not let go of a channel")

    async def _receive(self, layer: Any, channel: str) -> None:
        while True:
            hint = await layer.receive(channel)
            if hint["type"] == "echo":
                self._echo.set()
            else:
                tell(self._organization_id, hint)
