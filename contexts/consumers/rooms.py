"""The sockets of an organization in this process: their tail, and whether they still may listen."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from contexts import agents, broadcast
from contexts.consumers.admission import Credential, KeyCredential
from contexts.consumers.quota import Quota
from contexts.tail import Tail
from contexts.threads import in_thread

logger = logging.getLogger("contextsys.socket")
RETRY_SECONDS = 1.0


class Member(Protocol):
    """A socket as its room knows it."""

    counted_as: str
    credential: Credential

    def wake(self) -> None:
        """There is something to send."""

    def ask_again(self) -> None:
        """Its credential may hold no more."""


class Room:
    """One organization's sockets."""

    def __init__(self, organization_id: str) -> None:
        self.members: dict[Member, None] = {}
        self.quota = Quota()
        self.tail = Tail(organization_id, self._wake)
        self.ready: asyncio.Task[None] = asyncio.create_task(self._open())
        self._check = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._everyone = False
        self._end_listening = broadcast.listen(organization_id, self._hear)

    async def _open(self) -> None:
        await self.tail.start()
        for work in (self._keep_guard(), self.quota.keep_telling()):
            self._tasks.append(asyncio.create_task(work))

    def close(self) -> None:
        """Ends all that it does, when the last member has left."""
        self._end_listening()
        self.ready.cancel()
        for task in self._tasks:
            task.cancel()
        self.tail.stop()

    def _wake(self) -> None:
        for member in self.members:
            member.wake()

    def _hear(self, hint: broadcast.Hint) -> None:
        if hint["type"] == broadcast.CHECK:
            self._everyone = True
            self._check.set()

    async def _keep_guard(self) -> None:
        """Looks for keys that ended: when told, and as often as the log's head is looked at."""
        while True:
            try:
                async with asyncio.timeout(self.tail.look_seconds):
                    await self._check.wait()
            except TimeoutError:
                pass
            self._check.clear()
            everyone, self._everyone = self._everyone, False
            try:
                await self._look_at_keys(everyone)
            except Exception as error:
                logger.warning("keys could not be checked (%s)", type(error).__name__)
                await asyncio.sleep(RETRY_SECONDS)

    async def _look_at_keys(self, everyone: bool) -> None:
        keys = {
            member: member.credential.key_hash
            for member in self.members
            if isinstance(member.credential, KeyCredential)
        }
        valid = await in_thread(agents.still_valid, set(keys.values())) if keys else {}
        for member in list(self.members):
            ended = member in keys and keys[member] not in valid
            if ended or (everyone and member not in keys):
                member.ask_again()


_rooms: dict[tuple[asyncio.AbstractEventLoop, str], Room] = {}


@asynccontextmanager
async def room_of(organization_id: str, member: Member) -> AsyncIterator[Room]:
    """The organization's room with `member` in it, open and at the log's head.

    Raises `Closed` when the member's caller has too many sockets already.
    """
    place = asyncio.get_running_loop(), organization_id
    room = _rooms.get(place)
    if room is None:
        room = _rooms[place] = Room(organization_id)
    room.members[member] = None
    try:
        await room.quota.enter(member.counted_as)
        try:
            await asyncio.shield(room.ready)
            yield room
        finally:
            room.quota.leave(member.counted_as)
    finally:
        del room.members[member]
        if not room.members and _rooms.get(place) is room:
            del _rooms[place]
            room.close()
