"""Asking for pushes after commits, from a thread that no write waits for. Pure."""

import logging
import os
import threading
import time
from collections.abc import Callable

logger = logging.getLogger("contextsys.sync")
# Many writes at once need only a few pushes.
REST_SECONDS = 0.05


class Nudger:
    """Tells `ask` of organizations that have something to push.

    Every nudge is followed by an `ask` that begins after it; those that come while another is
    under way share one. A broker that is away or hangs holds up this thread only, and is logged
    once when it goes and once when it is back. What gets lost then, the sweep finds.
    """

    def __init__(self, ask: Callable[[str], None]) -> None:
        self._ask = ask
        self._answers = True
        self._begin()
        # The thread does not come along into a child, but its locks would.
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._some = threading.Event()
        self._wanted: set[str] = set()
        self._thread: threading.Thread | None = None

    def nudge(self, organization_id: str) -> None:
        """Returns at once; raises nothing of the broker's."""
        with self._lock:
            self._wanted.add(organization_id)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="nudger", daemon=True)
                self._thread.start()
        self._some.set()

    def _run(self) -> None:
        while True:
            self._some.wait()
            self._some.clear()
            with self._lock:
                wanted, self._wanted = self._wanted, set()
            for organization_id in wanted:
                self._tell(organization_id)
            time.sleep(REST_SECONDS)

    def _tell(self, organization_id: str) -> None:
        try:
            self._ask(organization_id)
        except Exception as error:
            if self._answers:
                logger.warning(
                    "the broker does not answer (%s): the sweep will push", type(error).__name__
                )
            self._answers = False
            return
        if not self._answers:
            logger.info("the broker answers again")
        self._answers = True
