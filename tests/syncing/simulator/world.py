"""The world that all parties are in: its time, its chances, and what can happen to a database."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from unittest import mock

import time_machine
from django.conf import settings
from django.db.backends.sqlite3.base import DatabaseWrapper
from django.test import override_settings

from contexts import services
from contexts.levels import GLOBAL
from syncing import tasks
from syncing.identity import identity, start_anew
from tests.syncing.simulator.parties import ORGANIZATION, Party, empty_database, new_database, using

START = datetime(2026, 1, 1, tzinfo=UTC)


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
class World:
    """All parties, what is under way between them, and what was acknowledged."""

    seed: int
    skewed: bool = False
    page_at_rest: int = 40
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

    @property
    def page(self) -> int:
        """How many changes a page has."""
        return self.page_at_rest if self.chances is CALM else 7

    @contextmanager
    def running(self) -> Iterator["World"]:
        """Time stands still but where `now` is moved; nobody is nudged."""
        random.seed(self.seed)
        with (
            override_settings(CONTEXTSYS_CLOUD_URL="", CONTEXTSYS_CLOUD_KEY="key"),
            time_machine.travel(self.now, tick=False) as self.traveller,
            mock.patch.object(tasks, "nudge"),
        ):
            try:
                for party in self.parties:
                    with self.acting(party):
                        start_anew()
                        services.create(party.caller(), GLOBAL, {}, context_id=ORGANIZATION)
                yield self
            finally:
                for party in self.parties:
                    # Django keeps one in memory open.
                    party.database.connection.close()

    @contextmanager
    def acting(self, party: Party) -> Iterator[None]:
        before = settings.CONTEXTSYS_CLOUD_URL, datetime.now(UTC)
        settings.CONTEXTSYS_CLOUD_URL = "" if party.is_hub else "http://hub.invalid"
        self.traveller.move_to(self.now + party.clock)
        try:
            with using(party.database):
                yield
        finally:
            settings.CONTEXTSYS_CLOUD_URL, at = before
            self.traveller.move_to(at)

    def note(self, party: Party, what: str) -> None:
        self.trace.append(f"{(self.now - START).total_seconds():.1f} {party.name}: {what}")

    def name_of(self, party: Party) -> str:
        with self.acting(party):
            return identity().node

    def copy_of(self, party: Party) -> DatabaseWrapper:
        """The party's database as it is now, beside it."""
        database = empty_database()
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
