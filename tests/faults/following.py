"""When what was written somewhere is seen elsewhere."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import httpx

from tests.faults.cluster import Site

WAIT_SECONDS = 5


class Follower(threading.Thread):
    """Reads a site's feed as it grows; `seen` tells when each context's first change came."""

    def __init__(self, site: Site) -> None:
        super().__init__(daemon=True)
        self.site = site
        self.seen: dict[str, float] = {}
        self.since = int(site.get("changes/")["head"])
        self._over = threading.Event()

    def run(self) -> None:
        with self.site.client() as client:
            while not self._over.is_set():
                query = {"since": self.since, "wait": WAIT_SECONDS, "limit": 500}
                try:
                    answer = client.get(f"{self.site.url}api/v1/changes/", params=query)
                except httpx.TransportError:
                    # It was killed; it comes back.
                    self._over.wait(0.05)
                    continue
                if answer.status_code != 200:
                    self._over.wait(0.05)
                    continue
                now = time.monotonic()
                page = answer.json()
                self.since = page["next"]
                for change in page["changes"]:
                    self.seen.setdefault(change["context_id"], now)

    def end(self) -> None:
        self._over.set()

    def when(self, context_id: str, deadline: float) -> float:
        """When the context turned up. Fails when it has not by `deadline`."""
        while context_id not in self.seen:
            assert time.monotonic() < deadline, f"{context_id} did not come to {self.site.name}"
            time.sleep(0.02)
        return self.seen[context_id]


@contextmanager
def followed(sites: Sequence[Site]) -> Iterator[list[Follower]]:
    """A follower of each site."""
    followers = [Follower(site) for site in sites]
    for each in followers:
        each.start()
    try:
        yield followers
    finally:
        for each in followers:
            each.end()
        for each in followers:
            each.join(WAIT_SECONDS + 10)
