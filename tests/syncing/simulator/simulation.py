"""Chance at work: who acts next, when time passes, and how all comes to rest."""

from datetime import timedelta
from typing import Any

from contexts import compaction
from contexts.models import Feed, owned
from syncing import journal, pull
from syncing.errors import SyncError
from syncing.models import Receipt
from syncing.push import push_due
from tests.syncing.simulator.agents import Agent
from tests.syncing.simulator.checks import check, kept, rests, unrest
from tests.syncing.simulator.parties import ORGANIZATION, Party
from tests.syncing.simulator.wire import Crash, Wire
from tests.syncing.simulator.world import CALM, World


class Simulation(World):
    """A world in which chance has agents write, nodes sync and time pass."""

    def step(self) -> None:
        """One act of someone, or of time."""
        party = self.random.choice(self.parties)
        act = self.random.random()
        if act < 0.5:
            self.write(party)
        elif act < 0.9 and not party.is_hub:
            self.sync(party)
        elif self.late and act < 0.93:
            self.late.pop(self.random.randrange(len(self.late)))()
        else:
            self.now += timedelta(seconds=self.random.choice([0.5, 2, 10, 60]))
            if self.skewed:
                party.clock = timedelta(seconds=self.random.uniform(-90_000, 90_000))

    def steps(self, count: int) -> None:
        for _ in range(count):
            self.step()

    def synchronize(self) -> None:
        """Comes to rest once, and goes on under the same chances."""
        chances = self.chances
        self.come_to_rest()
        self.chances = chances

    def write(self, party: Party) -> None:
        Agent(self, party).write()

    def write_on_nodes(self, count: int) -> None:
        for _ in range(count):
            self.write(self.random.choice(self.nodes))

    def sync(self, node: Party) -> None:
        """A push, a pull or both, as far as the network lets them."""
        client: Any = Wire(self, node)
        with self.acting(node):
            try:
                journal.sweep(ORGANIZATION)
                if self.random.random() < 0.6:
                    push_due(ORGANIZATION, client)
                if self.random.random() < 0.7:
                    pull.pull_once(ORGANIZATION, client)
                self.note(node, "synced")
            except SyncError as error:
                self.note(node, f"not synced: {type(error).__name__}")
            except Crash:
                self.note(node, "crashed")

    def raise_floor(self) -> None:
        """The hub forgets all superseded documents, what they held with them, and its receipts."""
        found = kept(self)
        self.acknowledged = [
            (level, context_id, value)
            for level, context_id, value in self.acknowledged
            if value not in found.get((level, context_id), "")
        ]
        with self.acting(self.hub):
            feed = owned(ORGANIZATION, Feed)
            feed.update(floor=feed.get().head)
            self.now += timedelta(seconds=1)
            compaction.compact(ORGANIZATION, self.now)
            owned(ORGANIZATION, Receipt).delete()
        self.note(self.hub, "compacted its history")

    def come_to_rest(self) -> None:
        """Nobody writes any more and the network works: all that waits gets through."""
        self.chances = CALM
        while self.late:
            self.late.pop(0)()
        for _ in range(60):
            self.now += timedelta(seconds=400)
            for node in self.nodes:
                client: Any = Wire(self, node)
                with self.acting(node):
                    journal.sweep(ORGANIZATION)
                    push_due(ORGANIZATION, client)
                    while pull.pull_once(ORGANIZATION, client).more:
                        pass
            if all(rests(self, node) for node in self.nodes):
                return
        raise AssertionError("they do not come to rest\n" + unrest(self))


def simulate(
    seed: int, operations: int, *, skewed: bool = False, page_at_rest: int = 40
) -> Simulation:
    """Runs `operations` acts under the seed, lets everything come to rest and checks it."""
    world = Simulation(seed, skewed=skewed, page_at_rest=page_at_rest)
    with world.running():
        world.steps(operations)
        world.come_to_rest()
        check(world)
    return world
