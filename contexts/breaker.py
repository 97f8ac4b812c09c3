"""Keeping away from a service that does not answer."""

import time

PAUSE_SECONDS = 5.0


class Breaker:
    """Keeps callers away from a service for a while after it failed."""

    def __init__(self) -> None:
        self._closed_until = 0.0

    @property
    def allows(self) -> bool:
        return time.monotonic() >= self._closed_until

    def failed(self) -> None:
        self._closed_until = time.monotonic() + PAUSE_SECONDS

    def worked(self) -> None:
        """It answers: nobody need keep away any more."""
        self._closed_until = 0.0
