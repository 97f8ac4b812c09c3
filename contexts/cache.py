"""The resolve cache: of each context its fold, with the revisions that it was made from.

A revision names its content, so what is found for the right ones can never be stale and nothing
invalidates it; a fold of newer ones takes its place. Near is a bounded LRU in the process; with
`REDIS_URL` there is a shared one behind it, which a breaker leaves alone for a while after a
failure: without Redis reading is slower, never wrong.
"""

import hashlib
import logging
import threading
from collections import OrderedDict
from typing import Any

from django.conf import settings
from django.core.cache import cache as shared

from contexts.breaker import Breaker

logger = logging.getLogger("contextsys.cache")
SHARED_SECONDS = 3600


class LRU:
    """The most recently used values, up to `most_bytes` in all. Thread-safe."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._values: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: str) -> bytes | None:
        with self._lock:
            value = self._values.get(key)
            if value is not None:
                self._values.move_to_end(key)
            return value

    def put(self, key: str, value: bytes) -> None:
        if len(value) > self._most_bytes // 8:
            return  # It would push out all others for one.
        with self._lock:
            self._bytes -= len(self._values.pop(key, b""))
            self._values[key] = value
            self._bytes += len(value)
            while self._bytes > self._most_bytes:
                _, dropped = self._values.popitem(last=False)
                self._bytes -= len(dropped)

    def clear(self) -> None:
        with self._lock:
            self._values.clear()
            self._bytes = 0


class Counts:
    """Hits and misses since the start; `health/` and `/metrics` show them."""

    hits = 0
    misses = 0

    @property
    def hit_rate(self) -> float:
        """Between 0 and 1; 0 before the first read."""
        reads = self.hits + self.misses
        return self.hits / reads if reads else 0.0


def status() -> str:
    """`degraded` while the shared cache is left alone because it did not answer."""
    return "healthy" if breaker.allows else "degraded"


near = LRU(most_bytes=64 * 2**20)
breaker = Breaker()
counts = Counts()


def get(subject: str, state: str) -> bytes | None:
    """What is kept of a subject (a chain's ids) if it was made in that state (its revisions)."""
    key, prefix = _key(subject), _prefix(state)
    kept = near.get(key)
    if kept is None or not kept.startswith(prefix):
        kept = _ask_shared("get", key)
        if kept is not None and kept.startswith(prefix):
            near.put(key, kept)
        else:
            counts.misses += 1
            return None
    counts.hits += 1
    return kept[len(prefix) :]


def put(subject: str, state: str, value: bytes) -> None:
    """Keeps it instead of what was made of the subject in another state."""
    key, kept = _key(subject), _prefix(state) + value
    near.put(key, kept)
    _ask_shared("set", key, kept, SHARED_SECONDS)


def _key(subject: str) -> str:
    return "kept:" + hashlib.sha256(subject.encode()).hexdigest()


def _prefix(state: str) -> bytes:
    return state.encode() + b"\n"


def _ask_shared(method: str, *arguments: Any) -> Any:
    if not (settings.CONTEXTSYS_REDIS_URL and breaker.allows):
        return None
    try:
        return getattr(shared, method)(*arguments)
    except Exception as error:
        breaker.failed()
        logger.warning("the shared cache does not answer (%s)", type(error).__name__)
        return None
