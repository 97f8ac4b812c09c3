"""`manage.py sync`: one full exchange with the hub, told in plain words."""

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from contexts.management.base import PlainCommand, require_organization
from contexts.models import owned
from syncing import journal, link, pull, wire
from syncing.ahead import Ahead
from syncing.client import client
from syncing.errors import SyncError
from syncing.models import Conflict, JournalEntry, unsettled
from syncing.push import push_due

# How many of what is left are named.
SHOWN = 50
# Others push at the same time; what they have leased comes back when they are done or dead.
PATIENCE_SECONDS = 20.0
State = JournalEntry.State


class Command(PlainCommand):
    help = "One full pull and push with the hub, by hand; what the hub refused is tried again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="accepted; once is what it does")

    def handle(self, *args: Any, **options: Any) -> None:
        organization_id: str = settings.CONTEXTSYS_ORGANIZATION
        if not settings.CONTEXTSYS_CLOUD_URL:
            raise CommandError(
                "No hub is configured: set CONTEXTSYS_CLOUD_URL to the address of the instance to "
                "sync with, and CONTEXTSYS_CLOUD_KEY to a key of it."
            )
        require_organization(organization_id)
        link.link_of(organization_id)
        journal.sweep(organization_id)
        journal.retry_dead(organization_id)
        link.wait_no_longer(organization_id)
        moved = _Moved()
        try:
            self._exchange(organization_id, moved)
            same = pull.compare(organization_id, client())
        except SyncError as error:
            if moved:
                self._report(organization_id, moved)
            raise CommandError(f"Not synced: {error}{_waiting(organization_id)}") from error
        self._report(organization_id, moved)
        if same is not None:
            words = "hold the same" if same else "differed; all was offered again"
            self.stdout.write(f"Hub and node {words}.")

    def _exchange(self, organization_id: str, moved: "_Moved") -> None:
        """Pulls and pushes until nothing is left that moves; raises `SyncError`."""
        deadline, ahead = time.monotonic() + PATIENCE_SECONDS, Ahead(client())
        while True:
            more = True
            while more:
                found = pull.pull_once(organization_id, client(), ahead=ahead)
                moved.pulled, more = moved.pulled + found.changes, found.more
            pushed = push_due(organization_id, client())
            taken = Counter({verdict: pushed.verdicts[verdict] for verdict in wire.TAKEN_IN})
            moved.pushed += taken
            if pushed.failure is not None:
                raise pushed.failure
            on_the_way = unsettled(organization_id).exclude(state=State.DEAD)
            if taken.total():
                # The feed tells of it next.
                continue
            if not on_the_way.exists() or time.monotonic() > deadline:
                return
            time.sleep(0.2)

    def _report(self, organization_id: str, moved: "_Moved") -> None:
        """What was moved, what could not be, and what waits for a decision."""
        told = ", ".join(f"{count} {verdict}" for verdict, count in moved.pushed.items() if count)
        pushed = _changes(moved.pushed.total())
        self.stdout.write(f"Pulled {_changes(moved.pulled)} from {settings.CONTEXTSYS_CLOUD_URL}.")
        self.stdout.write(f"Pushed {pushed}{f': {told}' if told else ''}.")
        left = unsettled(organization_id).select_related("change", "lane")
        for entry in left[:SHOWN]:
            words = "refused" if entry.state == State.DEAD else "waits"
            why = entry.code or entry.last_error or entry.state
            self.stdout.write(
                f"  {words}: change {entry.seq} of {entry.lane.level} {entry.lane.context_id} "
                f"({why})"
            )
        if more := max(0, left.count() - SHOWN):
            self.stdout.write(f"  and {more} more")
        if count := owned(organization_id, Conflict, status=Conflict.Status.OPEN).count():
            self.stdout.write(
                f"{count} conflicts wait for a decision."
                if count > 1
                else "1 conflict waits for a decision."
            )


@dataclass
class _Moved:
    """What went over: changes of others, and ours by what became of them."""

    pulled: int = 0
    pushed: Counter[str] = field(default_factory=Counter)

    def __bool__(self) -> bool:
        return bool(self.pulled or self.pushed.total())


def _changes(count: int) -> str:
    return "1 change" if count == 1 else f"{count} changes"


def _waiting(organization_id: str) -> str:
    count = unsettled(organization_id).count()
    waits = "waits" if count == 1 else "wait"
    return f" {_changes(count)} {waits} for the hub." if count else ""
