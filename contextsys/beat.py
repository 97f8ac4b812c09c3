"""Beat, for machines whose clock may be set back."""

from typing import Any

from celery.beat import PersistentScheduler


class Scheduler(PersistentScheduler):
    """Celery's own, but after the clock was set back it goes on at once.

    Celery would wait until the time that it had before comes again: a day without a sweep.
    """

    def tick(self, *args: Any, **kwargs: Any) -> Any:
        """Sends what is due; returns in how many seconds to look again."""
        now = self.app.now()
        entries = self.schedule.values()
        ahead = [each for each in entries if each.last_run_at and each.last_run_at > now]
        if ahead:
            for entry in ahead:
                entry.last_run_at = now
            # In order of the times as they were: they are worked out anew.
            self._heap = None
        return super().tick(*args, **kwargs)
