"""A hub and three nodes in one process, on a network that loses, doubles and delays.

Each party has an SQLite database in memory; the one that acts is Django's default database.
Only the HTTP in between is made up: what crosses it goes through JSON. Everything that chance
decides comes from one seed, so a run can be had again.
"""

import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock
from uuid import UUID

import time_machine
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from django.db.backends.sqlite3.base import DatabaseWrapper
from django.test import override_settings

from contexts import compaction, delegations, documents, entries, merging, services
from contexts.access import Caller
from contexts.breaker import Breaker
from contexts.documents import to_json
from contexts.errors import ContextError, Gone
from contexts.levels import BRANCH, GLOBAL, LEVELS, PROJECT, TASK, Document, Level
from contexts.models import Change, Delegation, Entry, Feed, Role, owned
from contexts.queries import present, present_delegation, present_entry
from syncing import feeding, journal, link, peers, pull, tasks
from syncing.conflicts import Strategy
from syncing.errors import HistoryGone, HubAway, NodeCloned, SyncError
from syncing.identity import identity, start_anew
from syncing.models import Conflict, Lane, unsettled
from syncing.push import push_due
from syncing.receiving import receive
from syncing.settling import present as present_conflict
from syncing.settling import resolve

ORGANIZATION = "global"
START = datetime(2026, 1, 1, tzinfo=UTC)
DEEPEST = 80
LEVEL_IDS = {
    GLOBAL: ["global"],
    PROJECT: ["p1", "p2"],
    BRANCH: ["b1", "b2", "b3"],
    TASK: ["t1", "t2", "t3", "t4"],
}
PARENTS = {"b1": "p1", "b2": "p1", "b3": "p2", "t1": "b1", "t2": "b1", "t3": "b2", "t4": "b3"}
PATHS = [("a",), ("b",), ("c", "d"), ("c", "e"), ("list",), ("things",)]


class Crash(BaseException):
    """The process ends here."""


@dataclass
class Chances:
    """How likely what goes wrong is, for one message."""

    dropped: float = 0.07
    doubled: float = 0.07
    delayed: float = 0.06
    answer_lost: float = 0.1
    crash: float = 0.03


CALM = Chances(0, 0, 0, 0, 0)


@dataclass
class Party:
    """The hub or a node: its database and its clock."""

    name: str
    database: DatabaseWrapper
    is_hub: bool = False
    clock: timedelta = timedelta()
    acted: int = 0

    def caller(self) -> Caller:
        return Caller(ORGANIZATION, f"agent-{self.name}", Role.ADMIN)


_template: sqlite3.Connection | None = None


def new_database() -> DatabaseWrapper:
    """A migrated database with the organization in it."""
    global _template
    if _template is None:
        first = _empty_database()
        with _acting(first):
            call_command("migrate", verbosity=0)
        _template = first.connection
    database = _empty_database()
    database.ensure_connection()
    _template.backup(database.connection)
    return database


def _empty_database() -> DatabaseWrapper:
    defaults = {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": ":memory:",
        "ATOMIC_REQUESTS": False,
        "AUTOCOMMIT": True,
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": False,
        "OPTIONS": {"transaction_mode": "IMMEDIATE"},
        "TIME_ZONE": None,
        "USER": "",
        "PASSWORD": "",
        "HOST": "",
        "PORT": "",
        "TEST": {},
    }
    return DatabaseWrapper(defaults, "default")


@contextmanager
def _acting(database: DatabaseWrapper) -> Iterator[None]:
    before = connections["default"]
    connections["default"] = database
    try:
        yield
    finally:
        connections["default"] = before


@dataclass
class World:
    """All parties, the network between them, and what was acknowledged."""

    seed: int
    skewed: bool = False
    chances: Chances = field(default_factory=Chances)
    hub: Party = field(init=False)
    nodes: list[Party] = field(init=False)
    acknowledged: list[tuple[str, str, str]] = field(default_factory=list)
    trace: list[str] = field(default_factory=list)
    late: list[Callable[[], Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.now = START
        self.hub = Party("hub", new_database(), is_hub=True)
        self.nodes = [Party(f"n{number}", new_database()) for number in (1, 2, 3)]

    @property
    def parties(self) -> list[Party]:
        return [self.hub, *self.nodes]

    @contextmanager
    def running(self) -> Iterator["World"]:
        """Time stands still but for `pass_time`; nobody is nudged."""
        random.seed(self.seed)
        with (
            override_settings(CONTEXTSYS_CLOUD_URL="", CONTEXTSYS_CLOUD_KEY="key"),
            time_machine.travel(self.now, tick=False) as self.traveller,
            mock.patch.object(tasks, "nudge"),
        ):
            try:
                for party in self.parties:
                    with self.acting(party):
                        services.create(party.caller(), GLOBAL, {}, context_id=ORGANIZATION)
                yield self
            finally:
                for party in self.parties:
                    party.database.close()

    @contextmanager
    def acting(self, party: Party) -> Iterator[None]:
        before = settings.CONTEXTSYS_CLOUD_URL, datetime.now(UTC)
        settings.CONTEXTSYS_CLOUD_URL = "" if party.is_hub else "http://hub.invalid"
        self.traveller.move_to(self.now + party.clock)
        try:
            with _acting(party.database):
                yield
        finally:
            settings.CONTEXTSYS_CLOUD_URL, at = before
            self.traveller.move_to(at)

    def note(self, party: Party, what: str) -> None:
        self.trace.append(f"{(self.now - START).total_seconds():.1f} {party.name}: {what}")

    # What chance does

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

    def write_on_nodes(self, count: int) -> None:
        for _ in range(count):
            self.write(self.random.choice(self.nodes))

    def name_of(self, party: Party) -> str:
        with self.acting(party):
            return identity().node

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

    def write(self, party: Party) -> None:
        """Something that an agent does; what was answered well is noted."""
        party.acted += 1
        value = f"{party.name}.{party.acted}"
        deed = self.random.choices(
            [self._edit, self._delete, self._add_entry, self._delegate, self._decide, self._settle],
            [60, 6, 12, 5, 4, 8],
        )[0]
        with self.acting(party):
            try:
                deed(party, value)
            except ContextError as error:
                self.note(party, f"{deed.__name__} refused: {error.code}")

    def _pick(self) -> tuple[Level, str]:
        level = self.random.choices(list(LEVEL_IDS), [1, 2, 3, 6])[0]
        return level, self.random.choice(LEVEL_IDS[level])

    def _edit(self, party: Party, value: str) -> None:
        level, context_id = self._pick()
        path = self.random.choice(PATHS)
        if services.find_locked(level, ORGANIZATION, context_id) is None:
            self._create(party, level, context_id, value)
            return

        def edit(values: Document) -> Document:
            return {**values, "data": self._edited(values["data"], path, value)}

        services.update(party.caller(), level, context_id, edit)
        self.note(party, f"{level.name} {context_id} {'.'.join(path)} = {value}")
        self.acknowledged.append((level.name, context_id, value))

    def _edited(self, data: Document, path: tuple[str, ...], value: str) -> Document:
        if path == ("list",):
            return {**data, "list": [*data.get("list", []), value][-3:]}
        if path == ("things",):
            things = list(data.get("things", []))
            if things and self.random.random() < 0.3:
                things.pop(self.random.randrange(len(things)))
            return {**data, "things": [*things, {"id": value, "by": value}][-4:]}
        if self.random.random() < 0.1:
            data = {name: item for name, item in data.items() if name != path[0]}
        nested: Any = value
        for name in reversed(path):
            nested = {name: nested}
        merged: Document = merging.deep_merge(data, nested)
        return merged

    def _create(self, party: Party, level: Level, context_id: str, value: str) -> None:
        parents = {}
        if level.names_its_parent:
            parent = PARENTS[context_id]
            parents = {level.parent_field: parent}
            if level.parent is not None and level.parent.names_its_parent:
                parents[level.parent.parent_field] = PARENTS[parent]
        services.create(
            party.caller(),
            level,
            {"data": {"made": value}},
            context_id=context_id,
            parent_ids=parents,
            create_parents=True,
        )
        self.note(party, f"made {level.name} {context_id} {value}")
        self.acknowledged.append((level.name, context_id, value))

    def _delete(self, party: Party, value: str) -> None:
        level, context_id = self._pick()
        if level is not GLOBAL:
            cascade = self.random.random() < 0.5
            services.delete(party.caller(), level, context_id, cascade=cascade)
            self.note(party, f"deleted {level.name} {context_id}")

    def _add_entry(self, party: Party, value: str) -> None:
        level, context_id = self._pick()
        entries.add(party.caller(), level, context_id, Entry.Kind.INSIGHT, value)
        self.note(party, f"entry {value} at {level.name} {context_id}")
        self.acknowledged.append((level.name, context_id, value))

    def _delegate(self, party: Party, value: str) -> None:
        to = self.random.choice(["project", "branch", "global"])
        caller = Caller(ORGANIZATION, f"agent-{party.name}", Role.WRITER)
        task = self.random.choice(LEVEL_IDS[TASK])
        delegations.delegate(caller, TASK, task, to=to, data={"from": {task: value}})
        self.note(party, f"delegated {value} from {task} to {to}")

    def _decide(self, party: Party, value: str) -> None:
        waiting = owned(ORGANIZATION, Delegation, status=Delegation.Status.PENDING)
        found = waiting.order_by("created_at", "delegation_id").first()
        if found is not None:
            status = self.random.choice([Delegation.Status.APPROVED, Delegation.Status.REJECTED])
            delegations.decide(party.caller(), found.delegation_id, status)
            self.note(party, f"{status} a delegation")

    def _settle(self, party: Party, value: str) -> None:
        found = owned(ORGANIZATION, Conflict, status=Conflict.Status.OPEN).order_by("at").first()
        if found is not None:
            strategy = self.random.choice(list(Strategy))
            resolve(party.caller(), found.conflict_id, strategy)
            self.note(party, f"settled a conflict of {found.level} {found.context_id}: {strategy}")

    # What happens to whole databases

    def copy_of(self, party: Party) -> DatabaseWrapper:
        """The party's database as it is now, beside it."""
        database = _empty_database()
        database.ensure_connection()
        party.database.connection.backup(database.connection)
        return database

    def put_back(self, party: Party, database: DatabaseWrapper) -> None:
        """An older copy takes the place of the party's database."""
        party.database.close()
        party.database = database
        self.note(party, "was put back")

    def clone(self, node: Party) -> Party:
        """A copy of the node, database and all; both are started."""
        twin = Party(f"{node.name}-twin", self.copy_of(node))
        self.nodes.append(twin)
        for each in (node, twin):
            with self.acting(each):
                start_anew()
        self.note(node, "was copied")
        return twin

    def raise_floor(self) -> None:
        """The hub forgets all superseded documents, and what they held with them."""
        kept = self._kept()
        self.acknowledged = [
            (level, context_id, value)
            for level, context_id, value in self.acknowledged
            if value not in kept.get((level, context_id), "")
        ]
        with self.acting(self.hub):
            feed = owned(ORGANIZATION, Feed)
            feed.update(floor=feed.get().head)
            self.now += timedelta(seconds=1)
            compaction.compact(ORGANIZATION, self.now)
        self.note(self.hub, "compacted its history")

    # What must hold in the end

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
            if all(self._rests(node) for node in self.nodes):
                return
        raise AssertionError("they do not come to rest\n" + self.unrest())

    def _rests(self, node: Party) -> bool:
        with self.acting(self.hub):
            head = owned(ORGANIZATION, Feed).get().head
        with self.acting(node):
            waits = unsettled(ORGANIZATION).exists()
            apart = owned(ORGANIZATION, Lane, upstream__isnull=False).exists()
            return not waits and not apart and link.link_of(ORGANIZATION).cursor == head

    def unrest(self) -> str:
        """What still waits where."""
        told = []
        for node in self.nodes:
            with self.acting(node):
                for entry in unsettled(ORGANIZATION).select_related("lane", "change"):
                    told.append(
                        f"{node.name}: {entry.state} {entry.change} {entry.verdict} "
                        f"{entry.code} {entry.last_error} {entry.hub_seq}"
                    )
                for lane in owned(ORGANIZATION, Lane, upstream__isnull=False):
                    told.append(f"{node.name}: {lane} apart from {lane.upstream}")
        return "\n".join([*self.trace[-60:], *told])

    def state(self, party: Party) -> dict[str, Any]:
        """Everything that must be the same everywhere."""
        with self.acting(party):
            found: dict[str, Any] = {}
            for level in LEVELS.values():
                for row in level.rows(ORGANIZATION):
                    found[f"{level.name} {row.context_id}"] = present(level, row)
            log = owned(ORGANIZATION, Change, makes_version=True).order_by(
                "level", "context_id", "version", "seq"
            )
            found["history"] = [
                (
                    *(each.level, each.context_id, each.version, each.revision, each.operation),
                    *(each.actor, each.at, to_json(each.document) if each.document else None),
                )
                for each in log
            ]
            found["entries"] = sorted(
                (to_json(present_entry(each)) for each in owned(ORGANIZATION, Entry)),
            )
            found["delegations"] = sorted(
                to_json(present_delegation(each)) for each in owned(ORGANIZATION, Delegation)
            )
            found["conflicts"] = sorted(
                to_json(present_conflict(each)) for each in owned(ORGANIZATION, Conflict)
            )
            return found

    def check(self, *, history: bool = True) -> None:
        """Raises `AssertionError` with the trace when something does not hold."""
        there = self.state(self.hub)
        for node in self.nodes:
            here = self.state(node)
            for name in sorted({*there, *here} - (set() if history else {"history"})):
                mine, hubs = here.get(name), there.get(name)
                if mine != hubs:
                    if isinstance(mine, list) and isinstance(hubs, list):
                        only = [each for each in mine if each not in hubs]
                        hubs, mine = [each for each in hubs if each not in mine], only
                    raise AssertionError(
                        f"seed {self.seed}: {name} differs on {node.name}\n"
                        f"hub:  {hubs}\n{node.name}:   {mine}\n" + "\n".join(self.trace)
                    )
        kept = self._kept()
        for level, context_id, value in self.acknowledged:
            if value not in kept.get((level, context_id), ""):
                raise AssertionError(
                    f"seed {self.seed}: {value} of {level} {context_id} is lost\n"
                    + "\n".join(self.trace)
                )

    def _kept(self) -> dict[tuple[str, str], str]:
        """All that the hub still has of each context: versions, entries, sides of conflicts."""
        kept: dict[tuple[str, str], str] = {}

        def add(level: str, context_id: str, *told: Any) -> None:
            text = " ".join(to_json(each).decode().replace('"', " ") for each in told)
            kept[level, context_id] = kept.get((level, context_id), "") + text

        with self.acting(self.hub):
            for change in owned(ORGANIZATION, Change, makes_version=True):
                add(change.level, change.context_id, change.document)
            for conflict in owned(ORGANIZATION, Conflict):
                add(conflict.level, conflict.context_id, conflict.ours, conflict.theirs)
            for entry in owned(ORGANIZATION, Entry):
                add(entry.level, entry.context_id, entry.content)
        return kept


class Wire:
    """The hub as a node's client sees it, over a network that chance rules."""

    def __init__(self, world: World, node: Party) -> None:
        self.world, self.node = world, node
        self.breaker = Breaker()

    def _ask(self, what: str, question: Callable[[], Document]) -> Any:
        """The hub's answer to what `question` computes there."""
        world, chances = self.world, self.world.chances
        if world.random.random() < chances.dropped:
            raise HubAway(f"{what} was dropped")
        if world.random.random() < chances.delayed:
            # It arrives, some day, and nobody waits for the answer.
            world.late.append(lambda: self._deliver(question))
            raise HubAway(f"{what} was late")
        answer = self._deliver(question)
        if world.random.random() < chances.doubled:
            answer = self._deliver(question)
        if world.random.random() < chances.answer_lost:
            raise HubAway(f"the answer to {what} was lost")
        if world.random.random() < chances.crash:
            raise Crash
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _deliver(self, question: Callable[[], Document]) -> Document | Exception:
        with self.world.acting(self.world.hub):
            try:
                answer: Document = documents.parse(to_json(question()), DEEPEST)
                return answer
            except Gone as gone:
                details = gone.details
                return HistoryGone(details["epoch"], details["floor"], details["head"])
            except peers.NodeCloned as cloned:
                return NodeCloned(cloned.sentence)

    def status(self) -> Any:
        return self._ask("status", lambda: feeding.status(ORGANIZATION, identity().node))

    def changes(
        self,
        *,
        node: str,
        since: int,
        epoch: str,
        last: UUID | None,
        limit: int,
        wait: float = 0,
        seconds: float | None = None,
    ) -> Any:
        return self._ask(
            "changes",
            lambda: feeding.changes_page(
                ORGANIZATION, identity().node, since, epoch, last, min(limit, 7)
            ),
        )

    def snapshot(self, *, node: str, after: str, limit: int) -> Any:
        return self._ask(
            "snapshot",
            lambda: feeding.snapshot_page(ORGANIZATION, identity().node, after, min(limit, 7)),
        )

    def push(self, body: Document) -> Any:
        pushed = documents.parse(to_json(body), DEEPEST)

        def judged() -> Document:
            hub = identity().node
            caller = Caller(ORGANIZATION, self.node.name, Role.ADMIN)
            peers.recognize(caller, pushed["node"], pushed["incarnation"], pushed["previous"])
            last = UUID(pushed["last"]) if pushed["last"] else None
            feeding.check_place(ORGANIZATION, pushed["since"], pushed["epoch"], last)
            results = receive(caller, pushed["node"], hub, pushed["entries"])
            return {"results": results}

        return self._ask("push", judged)


def simulate(seed: int, operations: int, *, skewed: bool = False) -> World:
    """Runs `operations` acts under the seed, lets everything come to rest and checks it."""
    world = World(seed, skewed=skewed)
    with world.running():
        world.steps(operations)
        world.come_to_rest()
        world.check()
    return world
