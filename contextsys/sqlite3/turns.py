"""Who writes next, among the threads of this process.

SQLite lets one write at a time; the others look again after pauses of up to 100 ms, and who comes
later may be faster each time. Measured with four agents that tell what they do as fast as they
can: one event in fifteen took longer than 200 ms, the slowest of a hundred 700. Threads that wait
for each other are woken at once.
"""

import os
import threading

# Longer than any transaction should take; then SQLite's own waiting has to do.
SECONDS = 5.0


class Turns:
    """One holder at a time for each database file."""

    def __init__(self) -> None:
        self._locks: dict[str, threading.Lock] = {}

    def take(self, file: str) -> "threading.Lock | None":
        """The lock of a file, taken, and for whoever has it to release; None when others kept it
        for too long.
        """
        lock = self._locks.setdefault(file, threading.Lock())
        return lock if lock.acquire(timeout=SECONDS) else None

    def forget(self) -> None:
        """In a new process: its parent's threads, which hold locks, are not here."""
        self._locks.clear()


turns = Turns()
os.register_at_fork(after_in_child=turns.forget)
