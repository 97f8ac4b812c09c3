"""Following the hub's feed: a page and how far it goes are stored in one transaction."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from contexts import services
from contexts.errors import ContextError
from contexts.levels import Document
from contexts.models import Feed, owned
from contexts.services import ForeignChange, foreign
from contexts.services.members import uuid_of
from syncing import journal, link, wire
from syncing.ahead import Ahead
from syncing.client import CloudClient
from syncing.digests import digests
from syncing.errors import HistoryGone, HubAway, HubFailed, SyncError
from syncing.identity import identity
from syncing.models import Checkpoint, Link, unsettled
from syncing.takeover import Takeover

logger = logging.getLogger("contextsys.sync")
PAGE = 200
ATTEMPTS = 5


@dataclass(frozen=True)
class Pulled:
    """What one look brought: how many changes of others, and whether there are more."""

    changes: int
    more: bool


def pull_once(
    organization_id: str,
    client: CloudClient,
    *,
    wait: float = 0,
    seconds: float | None = None,
    hasty: bool = False,
    ahead: Ahead | None = None,
) -> Pulled:
    """Takes the next page of the hub's feed over.

    The hub holds an empty answer for `wait` seconds; `seconds` bounds the whole request. When its
    history is no longer the one we know, begins where both agree. Raises `SyncError`; whether the
    hub answers is noted. A `hasty` look leaves what takes longer, and the judgement that the hub
    is away, to the others. With `ahead` the page after this one is on its way already.
    """
    try:
        return _pull(organization_id, client, ahead or client, wait, seconds, hasty=hasty)
    except SyncError as error:
        if not (hasty and isinstance(error, HubAway | HistoryGone)):
            link.note(organization_id, error)
        raise


def _pull(
    organization_id: str,
    client: CloudClient,
    feed: CloudClient | Ahead,
    wait: float,
    seconds: float | None,
    *,
    hasty: bool,
) -> Pulled:
    try:
        tie = link.contact(organization_id, client)
        node = identity().node
        page = feed.changes(
            node=node,
            since=tie.cursor,
            epoch=tie.hub_epoch,
            last=tie.last_stamp,
            limit=PAGE,
            wait=wait,
            seconds=seconds,
        )
    except HistoryGone as gone:
        link.came(organization_id)
        if hasty:
            raise
        _recover(organization_id, client, gone)
        return Pulled(0, more=True)
    link.came(organization_id)
    if page.get("epoch") != tie.hub_epoch:
        raise HubFailed(200, "The hub's answer is of another epoch than was asked for.")
    changes = _read(page, node)
    stored = _store(organization_id, tie, page, changes)
    others = sum(1 for change in changes if change.origin_node)
    return Pulled(others if stored else 0, bool(page.get("more")) or not stored)


def _read(page: Document, node: str) -> list[ForeignChange]:
    """The changes of a page. Raises `HubFailed` for what no hub of ours sends."""
    found = page.get("changes")
    if not isinstance(found, list) or not all(isinstance(body, dict) for body in found):
        raise HubFailed(200, "The hub's answer has no changes.")
    try:
        return [foreign.read(wire.inward(body, node)) for body in found]
    except ContextError as error:
        raise HubFailed(200, f"The hub sent what is no change: {error.sentence}") from error


def _store(
    organization_id: str, seen: Link, page: Document, changes: Sequence[ForeignChange]
) -> bool:
    """Stores a page with its place; whether it still belonged there. Raises `HubFailed`."""
    bodies: list[Any] = page["changes"]
    for expected, body in enumerate(bodies, seen.cursor + 1):
        if type(body.get("seq")) is not int or body["seq"] != expected:
            raise HubFailed(200, f"The hub's feed has a gap: its change {expected} is missing.")
    reached = seen.cursor + len(bodies)
    last = _stamp(page) if bodies else None

    def write() -> bool:
        tie = owned(organization_id, Link).select_for_update().get()
        if (tie.cursor, tie.hub_epoch) != (seen.cursor, seen.hub_epoch):
            return False
        Takeover(organization_id, changes, reached).run()
        link.reached(tie, reached, last, timezone.now())
        journal.no_longer_missing(organization_id, {change.key for change in changes})
        return True

    return _at_once(write)


def _stamp(page: Document) -> UUID:
    """The stamp of the change that a page ends with. Raises `HubFailed`."""
    try:
        return uuid_of(page, "last")
    except ContextError as error:
        raise HubFailed(200, "The hub does not tell the stamp of its change.") from error


def _at_once(write: Any) -> bool:
    cause: Exception | None = None
    for _ in range(ATTEMPTS):
        try:
            with transaction.atomic():
                return bool(write())
        except (IntegrityError, services.Overtaken) as error:
            # A local write made the same at this moment: what stands here is another by now.
            cause = error
        except ContextError as error:
            raise HubFailed(
                200, f"What the hub has cannot be taken over: {error.sentence}"
            ) from error
    raise cause or services.Overtaken


def settle(organization_id: str) -> None:
    """Settles entries that got their verdict after the feed had told of them already."""

    def write() -> bool:
        tie = owned(organization_id, Link).select_for_update().get()
        Takeover(organization_id, [], tie.cursor).run()
        return True

    _at_once(write)


def _recover(organization_id: str, client: CloudClient, gone: HistoryGone) -> None:
    """Finds where the hub's history and ours are the same, and goes on from there."""
    tie = link.link_of(organization_id)
    if gone.epoch != tie.hub_epoch:
        # It may be another organization's altogether.
        link.ask_who(organization_id, client)
    node = identity().node
    here = Checkpoint(hub_seq=tie.cursor, stamp=tie.last_stamp or UUID(int=0))
    behind = list(owned(organization_id, Checkpoint).order_by("-hub_seq"))
    for place in [here] * (tie.last_stamp is not None and tie.cursor > 0) + behind:
        try:
            client.changes(
                node=node,
                since=place.hub_seq,
                epoch=gone.epoch,
                last=place.stamp,
                limit=1,
            )
        except HistoryGone:
            continue
        offered = link.rewind(organization_id, gone.epoch, None if place is here else place)
        logger.warning(
            "the hub's history is another one after its change %s (an older database was put "
            "back): going on from there, offering it %s changes again",
            place.hub_seq,
            offered,
        )
        return
    _begin_anew(organization_id, client)


def _begin_anew(organization_id: str, client: CloudClient) -> None:
    """Reads the hub's snapshot; all that we have is offered to it, as it may have lost that."""
    offered = link.begin_anew(organization_id, offer=True)
    logger.warning(
        "the hub's feed does not go on where we stopped: reading all it has, and offering it "
        "our %s changes",
        offered,
    )
    read_snapshot(organization_id, client)


def read_snapshot(organization_id: str, client: CloudClient) -> int:
    """Takes the hub's current state over and goes on behind it; returns how many changes."""
    node = identity().node
    after: str | None = ""
    begun: tuple[str, int, UUID | None] | None = None
    asked, count = set[str](), 0
    while after is not None:
        page = client.snapshot(node=node, after=after, limit=PAGE)
        asked.add(after)
        begun = begun or _place(page)
        if page.get("epoch") != begun[0]:
            raise HistoryGone(str(page.get("epoch")), 0, 0)
        after = page.get("next", "")
        if after is not None and (not isinstance(after, str) or after in asked):
            raise HubFailed(200, "The hub's snapshot does not end.")
        changes = _read(page, node)
        count += len(changes)

        def write(changes: Sequence[ForeignChange] = changes) -> bool:
            owned(organization_id, Link).select_for_update().get()
            Takeover(organization_id, changes, 0).run()
            return True

        _at_once(write)
    with transaction.atomic():
        tie = owned(organization_id, Link).select_for_update().get()
        if begun is not None:
            tie.hub_epoch, tie.cursor, tie.last_stamp = begun
        tie.synced_at = timezone.now()
        tie.save()
    return count


def _place(page: Document) -> tuple[str, int, UUID | None]:
    """Where to follow the feed from behind a snapshot: epoch, number, the stamp there.

    Raises `HubFailed`.
    """
    epoch, head, last = page.get("epoch"), page.get("head"), page.get("last")
    try:
        if isinstance(epoch, str) and 0 < len(epoch) <= 32 and type(head) is int and head >= 0:
            return epoch, head, _stamp(page) if last is not None else None
    except ContextError:
        pass
    raise HubFailed(200, "The hub's snapshot does not tell where its feed goes on.")


def compare(organization_id: str, client: CloudClient) -> bool | None:
    """Whether hub and node hold the same; None when that cannot be told now.

    When they do not, everything is read and offered again, and that is reported.
    """
    tie = link.link_of(organization_id)
    if unsettled(organization_id).exists() or not tie.hub_epoch:
        return None
    told = client.status()
    if told.get("head") != tie.cursor:
        return None
    feed, mine = digests.of(organization_id)
    same = told.get("digest") == mine
    # A digest takes its time, and what comes meanwhile may be in it: a difference counts only when
    # nothing came on either side.
    if not same and client.status().get("head") != tie.cursor:
        return None
    moved = owned(organization_id, Feed).get().head != feed.head
    if moved or unsettled(organization_id).exists():
        return None
    owned(organization_id, Link).update(checked_at=timezone.now(), checked_cursor=tie.cursor)
    if same:
        return True
    logger.error("hub and node hold different documents: comparing all of them")
    _begin_anew(organization_id, client)
    return False
