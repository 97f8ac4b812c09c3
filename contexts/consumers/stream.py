"""What one socket is sent of the log: live from the tail, and what came before by replay."""

import asyncio

from contexts.consumers.messages import encode
from contexts.consumers.outgoing import Outgoing
from contexts.replay import read_events
from contexts.subscriptions import Event, Subscription, Subscriptions
from contexts.tail import Tail
from contexts.threads import in_thread

# A burst leaves requests and the other sockets their turn after so many frames.
FRAMES_A_TURN = 16


class Stream:
    """Sends each subscription what concerns it, once and in order.

    Everything up to `position` was considered for the subscriptions that keep pace. Those that
    began further back are behind: they are led up to it page by page, then keep pace too.
    """

    def __init__(self, tail: Tail, outgoing: Outgoing) -> None:
        self.subscriptions = Subscriptions()
        self._tail = tail
        self._outgoing = outgoing
        self._position = tail.cursor
        self._restarts = tail.restarts
        self._behind: list[Subscription] = []
        self._woken = asyncio.Event()
        self._told = 0

    @property
    def reached(self) -> int:
        """Everything up to this number was sent to all subscriptions that it concerns."""
        return min([self._position, *(each.reached for each in self._behind if each.active)])

    def add(self, subscription: Subscription) -> None:
        """Begins a subscription, in place of one of the same name."""
        self.subscriptions.add(subscription)
        if subscription.reached < self._position:
            subscription.behind = True
            self._behind.append(subscription)
        self.wake()

    def wake(self) -> None:
        """There may be something to send."""
        self._woken.set()

    async def run(self) -> None:
        """Sends until cancelled. Raises `Closed`."""
        while True:
            self._woken.clear()
            if self._restarts != self._tail.restarts:
                await self._begin_anew()
            busy = await self._go_on()
            if self._behind:
                await self._lead_up()
            elif not busy:
                await self._woken.wait()

    async def _go_on(self) -> bool:
        """Considers a page of what is new; whether there was any."""
        if not len(self.subscriptions):
            self._position = max(self._position, self._tail.cursor)
            return False
        events = await self._events_after(self._position)
        for event in events:
            hearing = self.subscriptions.hearing(event)
            # Before anything is awaited: one that begins meanwhile is behind then.
            self._position = event.seq
            for each in hearing:
                if each.active and not each.behind and each.reached < event.seq:
                    await self._tell(each, event)
        return bool(events)

    async def _lead_up(self) -> None:
        """Considers a page of what those that are behind have not heard of yet."""
        led = {each for each in self._behind if each.active}
        goal = self._position
        start = min((each.reached for each in led), default=goal)
        for event in await self._events_after(start):
            if event.seq > goal:
                break
            for each in self.subscriptions.hearing(event):
                if each in led and each.active and each.reached < event.seq:
                    await self._tell(each, event)
            start = event.seq
        if self._restarts != self._tail.restarts:
            return
        for each in led:
            each.reached = max(each.reached, start)
            each.behind = each.reached < goal
        self._behind = [each for each in self._behind if each.active and each.behind]

    async def _events_after(self, seq: int) -> list[Event]:
        """A page of events, never beyond what the tail has read; none of another log."""
        events = self._tail.after(seq)
        if events is not None:
            return events
        events = await in_thread(read_events, self._tail.organization_id, seq)
        if self._restarts != self._tail.restarts:
            return []
        return [event for event in events if event.seq <= self._tail.cursor]

    async def _tell(self, subscription: Subscription, event: Event) -> None:
        self.subscriptions.follow(subscription, event)
        await self._outgoing.send(subscription.frame(event))
        self._told += 1
        if self._told % FRAMES_A_TURN == 0:
            await asyncio.sleep(0)

    async def _begin_anew(self) -> None:
        """The log is another one: nothing that was sent continues in it."""
        self._restarts = self._tail.restarts
        self._position = head = self._tail.cursor
        self._behind = []
        for each in self.subscriptions:
            each.sent = each.reached = head
            each.behind = False
            level, context_id = each.key
            await self._outgoing.send(
                encode(
                    "reset",
                    subscription=each.name,
                    level=level,
                    context_id=context_id,
                    epoch=self._tail.epoch,
                    head=head,
                )
            )
