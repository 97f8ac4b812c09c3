"""The change log as events for sockets: pages of it, and where a subscription begins."""

from dataclasses import dataclass

from contexts import access, documents
from contexts.access import Caller
from contexts.errors import NotFound
from contexts.history import present_change
from contexts.levels import Key, Level, keys_of
from contexts.models import Change, Feed, owned, versions
from contexts.subscriptions import Event

PAGE = 500


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a feed goes, and which one it is."""

    epoch: str
    floor: int
    head: int

    def can_replay(self, epoch: str | None, since: int | None) -> bool:
        """Whether all that came after `since` of `epoch` can still be told."""
        return epoch in (None, self.epoch) and (since is None or self.floor <= since <= self.head)


def reach_of(organization_id: str) -> Reach:
    """The organization's feed as it is now."""
    feed = owned(organization_id, Feed).get()
    return Reach(feed.epoch, feed.floor, feed.head)


def read_events(organization_id: str, since: int, limit: int = PAGE) -> list[Event]:
    """Up to `limit` events after number `since`, gapless, by one query."""
    later = owned(organization_id, Change, seq__gt=since).defer("document", "record")
    events = [_event(change) for change in later.order_by("seq")[:limit]]
    for expected, event in enumerate(events, since + 1):
        if event.seq != expected:
            raise AssertionError(f"the feed of {organization_id} has a gap before {event.seq}")
    return events


def _event(change: Change) -> Event:
    told = present_change(change)
    del told["previous_seq"]
    keys = keys_of(change.organization_id, change.level, change.context_id, change.path)
    # Without its closing brace: what differs from subscriber to subscriber comes last.
    return Event(change.seq, keys, documents.to_json(told).decode()[:-1])


def chain_at(caller: Caller, level: Level, context_id: str, since: int | None) -> tuple[Key, ...]:
    """The chain of a context, general first: as it is now, or as of number `since` of the log.

    A context that is deleted by now, or came later, can be followed from a number on. Raises
    `NotFound`.
    """
    organization_id = caller.organization_id
    if since is None:
        path = access.place(caller, level, context_id)
        return keys_of(organization_id, level.name, context_id, path)
    path = _path_at(organization_id, (level.name, context_id), since)
    keys = keys_of(organization_id, level.name, context_id, path)
    # One above may have been moved after the last change of what is below it.
    for place, key in enumerate(keys[1:-1], 2):
        above = keys_of(organization_id, *key, _path_at(organization_id, key, since))
        if len(above) == place:
            keys = above + keys[place:]
    return keys


def _path_at(organization_id: str, key: Key, since: int) -> str:
    """Where a context stood as of a number; before its first version, where it will stand."""
    logged = versions(organization_id, *key).values_list("path", flat=True)
    path = logged.filter(seq__lte=since).first()
    if path is None:
        path = logged.order_by("seq").first()
    if path is None:
        raise NotFound
    return path
