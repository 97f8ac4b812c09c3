"""The tail of an organization's change log, read once a process for all its sockets."""

import asyncio
import logging
from collections.abc import Callable

from contexts import broadcast
from contexts.replay import PAGE, reach_of, read_events
from contexts.subscriptions import Event
from contexts.threads import in_thread

logger = logging.getLogger("contextsys.socket")
# How many of the last events are kept; who is further behind reads the log itself.
KEPT = 1000
# The head is looked at this often anyway, as hints may be lost.
LOOK_SECONDS = 5.0
LOOK_SECONDS_WITHOUT_HINTS = 1.0
RETRY_SECONDS = 1.0


class Tail:
    """Follows one organization's log: hints tell it when to look, a timer makes it certain.

    `cursor` is the number of the last event read. `restarts` counts how often the log turned out
    to be another one (a backup put back): what was told of it is void then.
    """

    def __init__(self, organization_id: str, wake: Callable[[], None]) -> None:
        self.organization_id = organization_id
        self.epoch = ""
        self.cursor = 0
        self.restarts = 0
        self._wake = wake
        self._wanted = 0
        self._news = asyncio.Event()
        self._events: list[Event] = []
        self._relay = broadcast.Relay(organization_id, self._news.set)
        self._tasks: list[asyncio.Task[None]] = []
        self._end_listening: Callable[[], None] = lambda: None

    async def start(self) -> None:
        """Joins, then reads where the log stands."""
        self._end_listening = broadcast.listen(self.organization_id, self._hear)
        self._tasks.append(asyncio.create_task(self._relay.run()))
        reach = await in_thread(reach_of, self.organization_id)
        self.epoch, self.cursor = reach.epoch, reach.head
        self._tasks.append(asyncio.create_task(self._follow()))

    def stop(self) -> None:
        """Ends what `start` began, without waiting for it."""
        self._end_listening()
        self._relay.end()
        for task in self._tasks:
            task.cancel()

    @property
    def look_seconds(self) -> float:
        """How often the database must be looked at without being told."""
        return LOOK_SECONDS if self._relay.works else LOOK_SECONDS_WITHOUT_HINTS

    def after(self, seq: int) -> list[Event] | None:
        """A page of the events after number `seq`; None when those are not kept any more."""
        if seq >= self.cursor:
            return []
        start = seq + 1 - (self.cursor - len(self._events) + 1)
        return self._events[start : start + PAGE] if start >= 0 else None

    def _hear(self, hint: broadcast.Hint) -> None:
        if hint["type"] == broadcast.LOOK:
            head = hint["head"]
            # Without a number there may be something; with one that we have, there is nothing.
            if not head or head > self.cursor:
                self._wanted = max(self._wanted, head or self.cursor + 1)
                self._news.set()

    async def _follow(self) -> None:
        loop = asyncio.get_running_loop()
        looked = loop.time()
        while True:
            try:
                async with asyncio.timeout_at(looked + self.look_seconds):
                    await self._news.wait()
            except TimeoutError:
                pass
            self._news.clear()
            try:
                if loop.time() >= looked + self.look_seconds:
                    await self._look()
                    looked = loop.time()
                elif self._wanted > self.cursor:
                    await self._read()
            except Exception as error:
                # The database may be away: nothing is lost, as we go on from the cursor.
                logger.warning("the log could not be read (%s)", type(error).__name__)
                await asyncio.sleep(RETRY_SECONDS)
                self._news.set()

    async def _look(self) -> None:
        reach = await in_thread(reach_of, self.organization_id)
        if reach.epoch != self.epoch or reach.head < self.cursor:
            self.epoch, self.cursor = reach.epoch, reach.head
            self._events.clear()
            self._wanted = 0
            self.restarts += 1
            self._wake()
        self._wanted = max(self._wanted, reach.head)
        if self._wanted > self.cursor:
            await self._read()

    async def _read(self) -> None:
        """Reads all there is after the cursor."""
        while True:
            events = await in_thread(read_events, self.organization_id, self.cursor)
            if events:
                self._events += events
                if len(self._events) >= 2 * KEPT:
                    del self._events[:-KEPT]
                self.cursor = events[-1].seq
                self._wake()
            if len(events) < PAGE:
                return
