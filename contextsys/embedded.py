"""Celery inside the serving process, when no broker is configured: a worker and beat in threads.

They talk over Celery's memory transport. What it loses when the process ends is found again by
the schedule: tasks may run twice, and none carries anything that the database does not hold.
"""

import logging
import threading
import time
from collections.abc import Callable

from celery.beat import Service
from celery.worker import WorkController, state

from contextsys.beat import Scheduler
from contextsys.celery import app

logger = logging.getLogger("contextsys.embedded")
# How long beat may sleep at once, so how long ending it can take.
BEAT_SLEEP_SECONDS = 1
RESTART_SECONDS = 2.0


class EmbeddedCelery:
    """The two threads. One that dies is started again until `stop`."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._beat: Service | None = None
        self._threads = [
            threading.Thread(target=self._keep, args=(name, work), name=name, daemon=True)
            for name, work in (("celery-beat", self._tick), ("celery-worker", self._work))
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Asks both to end; returns at once."""
        self._stopping.set()
        if self._beat is not None:
            self._beat.stop()
        setattr(state, "should_stop", 0)  # noqa: B010 (its type says that it is always None)

    def join(self, seconds: float) -> None:
        """Waits for both to end, no longer than `seconds`: what is broken off is done again."""
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _keep(self, name: str, work: Callable[[], None]) -> None:
        while not self._stopping.is_set():
            try:
                work()
            except (Exception, SystemExit):
                if not self._stopping.is_set():
                    logger.exception("%s ended; it is started again", name)
            self._stopping.wait(RESTART_SECONDS)

    def _work(self) -> None:
        worker = WorkController(
            app=app,
            hostname="embedded",
            pool_cls="threads",
            without_mingle=True,
            without_gossip=True,
            without_heartbeat=True,
        )
        worker.start()

    def _tick(self) -> None:
        self._beat = Service(app, max_interval=BEAT_SLEEP_SECONDS, scheduler_cls=Scheduler)
        if not self._stopping.is_set():
            self._beat.start(embedded_process=False)
