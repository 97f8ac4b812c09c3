"""Before an operation that must be fresh: what the hub has, if that takes no time (CONTRACT §2)."""

import logging
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta

from django.db import close_old_connections, connection, connections
from django.utils import timezone

from contexts.breaker import Breaker
from contexts.models import owned
from syncing import journal, pull
from syncing.client import client
from syncing.models import Conflict, JournalEntry, Link, unsettled

logger = logging.getLogger("contextsys.sync")
FRESH_SECONDS = 2.0
LOOK_SECONDS = 0.3


class Hub:
    """This node's hub, as the domain needs it (`contexts.upstream`)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._looking: Future[None] | None = None
        self._looker = ThreadPoolExecutor(1, thread_name_prefix="pre-sync")
        self._fresh_until = 0.0
        # Not the client's: a hub that is too slow to look at can be pushed to.
        self._breaker = Breaker()

    def refresh(self, organization_id: str) -> bool:
        """Returns when what is here is younger than 2 s, or after 300 ms, or at once while the
        hub is known not to answer. Whether it was asked. Raises nothing.
        """
        if not journal.has_hub(organization_id) or time.monotonic() < self._fresh_until:
            return False
        if not (self._breaker.allows and client().breaker.allows) or connection.in_atomic_block:
            return False
        known = owned(organization_id, Link).values_list("reachable", "synced_at").first()
        reachable, synced = known or (True, None)
        if not reachable:
            return False
        if synced is not None:
            age = timezone.now() - synced
            if timedelta(0) <= age < timedelta(seconds=FRESH_SECONDS):
                self._fresh_until = time.monotonic() + FRESH_SECONDS - age.total_seconds()
                return False
        with self._lock:
            if self._looking is None or self._looking.done():
                self._looking = self._looker.submit(self._look, organization_id)
            looking = self._looking
        try:
            looking.result(LOOK_SECONDS)
        except TimeoutError:
            # It is too slow for those who wait now; the look itself goes on.
            self._breaker.failed()
        return True

    def _look(self, organization_id: str) -> None:
        try:
            close_old_connections()
            pull.pull_once(organization_id, client(), seconds=LOOK_SECONDS, hasty=True)
            self._fresh_until = time.monotonic() + FRESH_SECONDS
        except Exception as error:
            self._breaker.failed()
            logger.debug("no fresh look at the hub: %s", type(error).__name__)
        finally:
            connections.close_all()

    def standing(self, organization_id: str, level: str, context_id: str) -> str:
        """How far the hub has a context (CONTRACT §2)."""
        at = {"level": level, "context_id": context_id}
        if owned(organization_id, Conflict, status=Conflict.Status.OPEN, **at).exists():
            return "conflict"
        if not journal.has_hub(organization_id):
            return "disabled"
        on_the_way = {f"lane__{name}": value for name, value in at.items()}
        return "pending" if self._waiting(organization_id, on_the_way) else "synced"

    def _waiting(self, organization_id: str, lookups: dict[str, str]) -> bool:
        waiting = unsettled(organization_id).filter(**lookups)
        return waiting.exclude(state=JournalEntry.State.SENT).exists()
