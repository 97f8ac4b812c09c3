"""The hub's next page asked for while the last one is being stored: both work at once."""

import threading
from concurrent.futures import Future
from typing import Any

from contexts.levels import Document
from syncing.client import CloudClient

# What a page is asked for by; how long the hub may take for it is not of it.
PLACE = ("node", "since", "epoch", "last", "limit")


class Ahead:
    """Pages of the feed of one hub for one who reads them one after the other, in one thread.

    Safe however far that gets: a page that is not asked for next is thrown away, and the hub is
    told with `stored` that what was asked ahead of is not stored yet.
    """

    def __init__(self, client: CloudClient) -> None:
        self._client = client
        self._place: list[str] = []
        self._page: Future[Document] = Future()

    def changes(self, **query: Any) -> Document:
        """`CloudClient.changes`, and begins to ask for the page behind it if there is one."""
        ahead, self._place = self._place, []
        found = self._page.result() if ahead == _place(query) else self._client.changes(**query)
        since, last = found.get("next"), found.get("last")
        if found.get("more") and isinstance(since, int) and isinstance(last, str):
            following = {**query, "since": since, "last": last, "stored": query["since"], "wait": 0}
            self._place, self._page = _place(following), Future()
            # No pool: Python waits for those of one before it ends, and for a hub that is silent.
            threading.Thread(target=self._ask, args=(following, self._page), daemon=True).start()
        return found

    def _ask(self, query: dict[str, Any], page: Future[Document]) -> None:
        try:
            page.set_result(self._client.changes(**query))
        except BaseException as error:
            page.set_exception(error)


def _place(query: dict[str, Any]) -> list[str]:
    return [str(query[name]) for name in PLACE]
