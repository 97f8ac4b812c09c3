"""The tie to the hub: first contact, whether it answers, what has been agreed on."""

import logging
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from contexts.levels import Document
from contexts.models import Feed, owned
from contexts.prepared import Prepared, PreparedRow
from contexts.statements import update
from syncing import journal, wire
from syncing.client import CloudClient
from syncing.errors import (
    HubAway,
    HubBusy,
    HubRefused,
    OrganizationMismatch,
    Refused,
    SyncError,
)
from syncing.journal import State
from syncing.models import Checkpoint, JournalEntry, Lane, Link, unsettled

logger = logging.getLogger("contextsys.sync")
# Checkpoints lie this far apart at first; the older ones are thinned out.
SPACING = 50
MOST_CHECKPOINTS = 64
_LINK = PreparedRow(lambda organization: owned(organization, Link), str)
_NEWEST_CHECKPOINT = Prepared(
    lambda organization: (
        owned(organization, Checkpoint).order_by("-hub_seq").values_list("hub_seq")
    ),
    str,
)
_APART = Prepared(
    lambda organization: (
        owned(organization, Link).exclude(reachable=True, parked="").values_list("cursor")
    ),
    str,
)


def link_of(organization_id: str) -> Link:
    """The organization's link, made when there is none yet."""
    found: Link | None = _LINK.find(organization_id)
    if found is None:
        Link.objects.bulk_create([Link(organization_id=organization_id)], ignore_conflicts=True)
        found = owned(organization_id, Link).get()
    return found


def contact(organization_id: str, client: CloudClient) -> Link:
    """Asks the hub who it is, at the first time. Raises `SyncError`."""
    link = link_of(organization_id)
    if link.hub_epoch:
        return link
    told = ask_who(organization_id, client)
    owned(organization_id, Link, hub_epoch="").update(hub_epoch=str(told.get("epoch")))
    return link_of(organization_id)


def ask_who(organization_id: str, client: CloudClient) -> Document:
    """What the hub says of itself, if it is one for that organization. Raises `SyncError`."""
    told = client.status()
    if told.get("organization") != organization_id:
        raise OrganizationMismatch(str(told.get("organization")), organization_id)
    if told.get("protocol") != wire.PROTOCOL:
        raise Refused(200, "protocol", "The hub speaks another version of the protocol.")
    return told


def came(organization_id: str) -> None:
    """The hub answered: what waits for the network is due, and its return is logged once."""
    if _APART.first(organization_id) is None:
        return
    apart = owned(organization_id, Link).exclude(reachable=True, parked="")
    with transaction.atomic():
        # Together: a process that ends in between would leave them waiting for their time.
        back = apart.update(reachable=True, parked="")
        if back:
            journal.network_is_back(organization_id)
    if back:
        logger.info("the hub answers again: %s", settings.CONTEXTSYS_CLOUD_URL)


def went(organization_id: str, error: Exception) -> None:
    """The hub does not answer: logged once."""
    gone = owned(organization_id, Link, reachable=True)
    if gone.update(reachable=False, last_error=str(error)):
        logger.warning("the hub does not answer; changes are kept until it does: %s", str(error))


def note(organization_id: str, error: SyncError) -> None:
    """Writes down why the hub's feed could not be followed; each reason is logged once."""
    if isinstance(error, HubAway) and not isinstance(error, HubBusy):
        went(organization_id, error)
    elif isinstance(error, HubRefused | OrganizationMismatch):
        park(organization_id, error)
    else:
        news = owned(organization_id, Link).exclude(last_error=str(error))
        if news.update(last_error=str(error)):
            logger.error("the hub cannot be followed: %s", str(error))


def park(organization_id: str, error: Exception) -> None:
    """The hub refuses this node: nothing is sent until someone has changed that."""
    news = owned(organization_id, Link).exclude(parked=str(error)).exists()
    owned(organization_id, Link).update(parked=str(error), parked_at=timezone.now())
    if news:
        logger.error("the hub refuses to sync: %s", str(error))


def reached(link: Link, seq: int, stamp: UUID | None, at: datetime) -> None:
    """Notes that the hub's feed is taken over up to `seq`; `link` is locked."""
    moved = seq > link.cursor
    if link.last_error:
        # The feed could not be followed, and can again: nor could anything be sent, mostly.
        journal.hub_works_again(link.organization_id)
    link.cursor, link.synced_at, link.last_error = seq, at, ""
    if moved:
        link.last_stamp = stamp
    update(link, ("cursor", "last_stamp", "synced_at", "last_error"))
    if moved and stamp is not None:
        _checkpoint(link.organization_id, seq, stamp)


def _checkpoint(organization_id: str, hub_seq: int, stamp: UUID) -> None:
    kept = owned(organization_id, Checkpoint).order_by("-hub_seq")
    newest = _NEWEST_CHECKPOINT.first(organization_id)
    if newest is not None and hub_seq < newest[0] + SPACING:
        return
    head = owned(organization_id, Feed).get().head
    first = unsettled(organization_id).first()
    Checkpoint(
        organization_id=organization_id,
        hub_seq=hub_seq,
        stamp=stamp,
        local_seq=head if first is None else min(head, first.seq - 1),
    ).save(force_insert=True)
    places = list(kept.values_list("pk", flat=True))
    if len(places) > MOST_CHECKPOINTS:
        kept.filter(pk__in=places[MOST_CHECKPOINTS // 2 :: 2]).delete()


@transaction.atomic
def rewind(organization_id: str, epoch: str, place: Checkpoint | None) -> int:
    """Begins again where the hub's history and ours were last the same; None: where we are.

    What it had from us after that is offered again. Returns how many changes that are.
    """
    link = owned(organization_id, Link).select_for_update().get()
    link.hub_epoch = epoch
    resent = owned(organization_id, JournalEntry, state=State.SENT)
    resent.update(state=State.PENDING, hub_seq=None, verdict="")
    owned(organization_id, Lane).update(next_attempt_at=timezone.now())
    offered = 0
    if place is not None:
        link.cursor, link.last_stamp = place.hub_seq, place.stamp
        offered = _offer_again(organization_id, place.local_seq)
        owned(organization_id, Checkpoint, hub_seq__gt=place.hub_seq).delete()
    link.save(update_fields=["hub_epoch", "cursor", "last_stamp"])
    return offered


@transaction.atomic
def begin_anew(organization_id: str, *, offer: bool) -> int:
    """Forgets how far the hub's feed was read; with `offer` all we have is offered to it again."""
    link = owned(organization_id, Link).select_for_update().get()
    link.cursor, link.last_stamp = 0, None
    link.save(update_fields=["cursor", "last_stamp"])
    owned(organization_id, Checkpoint).delete()
    resent = owned(organization_id, JournalEntry, state=State.SENT)
    resent.update(state=State.PENDING, hub_seq=None, verdict="")
    return _offer_again(organization_id, 0) if offer else 0


def _offer_again(organization_id: str, after: int) -> int:
    owned(organization_id, Lane, upstream__seq__gt=after).update(upstream=None)
    return journal.offer_again(organization_id, after)


def wait_no_longer(organization_id: str) -> None:
    """Makes every pending lane due, for a human who wants it now."""
    owned(organization_id, Lane).update(next_attempt_at=timezone.now())


def claim_pull(organization_id: str, seconds: float, *, again: bool = False) -> bool:
    """Takes the lease of the standing pull, for one worker at a time; whether that went.

    `again` is for who has it already.
    """
    now, length = timezone.now(), timedelta(seconds=seconds)
    mine = owned(organization_id, Link)
    if not again:
        # One much further ahead is of a clock that was put back since.
        mine = mine.exclude(lease_until__gt=now, lease_until__lte=now + 2 * length)
    return bool(mine.update(lease_until=now + length))


def release_pull(organization_id: str, rest: float = 0) -> None:
    """Ends the lease of the standing pull; nobody takes it for `rest` seconds."""
    until = timezone.now() + timedelta(seconds=rest) if rest else None
    owned(organization_id, Link).update(lease_until=until)


def begin_afresh() -> None:
    """Forgets who works: for a start that brings all its workers, which none of before outlives.

    Should one live all the same it does no harm: leases save work, the hub tells what it has. A
    hub that refused this node is asked at once: the start may be to give it another key.
    """
    Lane.objects.exclude(lease_until=None).update(lease_until=None)
    Link.objects.update(lease_until=None, parked_at=None)
