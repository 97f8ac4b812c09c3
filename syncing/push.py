"""Sending the journal to the hub, and what becomes of it there."""

import logging
from collections import Counter
from dataclasses import dataclass, field

from contexts.levels import Document
from syncing import batches, journal, link, pull, wire
from syncing.batches import Batch
from syncing.client import CloudClient
from syncing.errors import (
    HubAway,
    HubBusy,
    HubFailed,
    HubRefused,
    NodeCloned,
    OrganizationMismatch,
    Refused,
    SyncError,
    TooLarge,
)
from syncing.identity import identity, part_from_twin
from syncing.journal import State
from syncing.models import JournalEntry, Lane
from syncing.wire import Verdict

logger = logging.getLogger("contextsys.sync")
# How often in a row a node believes that it is a copy of another one.
MOST_PARTINGS = 3


@dataclass
class Pushed:
    """What a push moved: entries by verdict; `failure` is what ended it early."""

    verdicts: Counter[str] = field(default_factory=Counter)
    failure: SyncError | None = None


def push_due(organization_id: str, client: CloudClient) -> Pushed:
    """Sends everything that is due, batch by batch, until the hub fails or nothing is left.

    Raises nothing of the hub's: what it refuses or fails is noted and tried again in time.
    """
    pushed = Pushed()
    most, partings = wire.MOST_ENTRIES, 0
    while True:
        if link.link_of(organization_id).parked:
            # The pull asks now and then whether that is over.
            return pushed
        try:
            tie = link.contact(organization_id, client)
        except SyncError as error:
            _note(organization_id, error)
            pushed.failure = error
            return pushed
        me = identity()
        batch = batches.claim(organization_id, me.node, most)
        if batch is None:
            return pushed
        try:
            answer = client.push(
                {
                    "protocol": wire.PROTOCOL,
                    "node": me.node,
                    "incarnation": me.incarnation,
                    "previous": me.previous,
                    "organization": organization_id,
                    "epoch": tie.hub_epoch,
                    "since": tie.cursor,
                    "last": str(tie.last_stamp) if tie.last_stamp is not None else None,
                    "entries": batch.bodies,
                }
            )
            pushed.verdicts += _judged(organization_id, batch, answer)
            most = min(wire.MOST_ENTRIES, 2 * most)
        except TooLarge as error:
            if len(batch.entries) == 1:
                _bury(batch.entries[0], "too_large", str(error))
                pushed.verdicts[Verdict.REJECTED] += 1
            most = max(1, len(batch.entries) // 2)
        except NodeCloned as error:
            partings += 1
            if partings > MOST_PARTINGS:
                _failed(organization_id, batch, error)
                pushed.failure = error
                return pushed
            if (name := part_from_twin(me.incarnation)) is not None:
                logger.warning(
                    "a copy of this node syncs under its name: this one goes on as %s", name
                )
        except SyncError as error:
            _failed(organization_id, batch, error)
            pushed.failure = error
            if not isinstance(error, HubFailed):
                return pushed
        finally:
            batches.release(batch)


def _note(organization_id: str, error: SyncError) -> None:
    if isinstance(error, HubAway) and not isinstance(error, HubBusy):
        link.went(organization_id, error)
    elif isinstance(error, HubRefused | OrganizationMismatch):
        link.park(organization_id, error)


def _failed(organization_id: str, batch: Batch, error: SyncError) -> None:
    """Nothing is known of the batch: it is sent again as it is."""
    lanes = _lanes(batch)
    if isinstance(error, HubBusy) and error.retry_after is not None:
        journal.put_off_as_told(lanes, error.retry_after, str(error))
    elif isinstance(error, HubAway):
        journal.put_off(lanes, network=True, error=str(error), at_least=error.retry_after)
    elif isinstance(error, HubFailed | Refused | NodeCloned):
        journal.put_off(lanes, network=False, error=str(error))
    # Of another history (`HistoryGone`) the pull finds out what the hub still has. Noted last:
    # a pull that succeeds from now on makes due all of what was put off here.
    _note(organization_id, error)


def _lanes(batch: Batch) -> list[Lane]:
    return list({entry.lane_id: entry.lane for entry in batch.entries}.values())


def _judged(organization_id: str, batch: Batch, answer: Document) -> Counter[str]:
    """Writes the verdicts down; returns how many there were of each."""
    link.came(organization_id)
    told = _results(answer)
    counts: Counter[str] = Counter()
    put_off: dict[int, tuple[Lane, str]] = {}
    taken_in: list[tuple[int, journal.Key]] = []
    for entry, body in zip(batch.entries, batch.bodies, strict=True):
        result = told.get(body["mutation_id"], {})
        if result.get("code") == wire.BUSY:
            continue
        verdict = _verdict(result)
        counts[verdict] += 1
        if verdict in wire.TAKEN_IN:
            # A pull may have settled it meanwhile.
            seq = result["seq"]
            JournalEntry.objects.filter(pk=entry.pk, state=State.PENDING).update(
                state=State.SENT, verdict=verdict, hub_seq=seq, code=""
            )
            taken_in.append((seq, entry.lane.key))
        elif verdict == Verdict.REJECTED:
            _bury(entry, str(result.get("code")), "The hub refused this change.")
        elif verdict == Verdict.UNKNOWN_BASE:
            JournalEntry.objects.filter(pk=entry.pk).update(with_base=True)
            if entry.with_base:
                put_off[entry.lane_id] = entry.lane, verdict
        else:
            put_off.setdefault(entry.lane_id, (entry.lane, str(result.get("code") or verdict)))
    for lane, error in put_off.values():
        journal.put_off([lane], network=False, error=error)
    journal.no_longer_missing(organization_id, {key for _, key in taken_in})
    journal.went_well(lane for lane in _lanes(batch) if lane.pk not in put_off)
    if taken_in and min(taken_in)[0] <= link.link_of(organization_id).cursor:
        pull.settle(organization_id)
    return counts


def _results(answer: Document) -> dict[str, Document]:
    """The hub's results by mutation; what makes no sense is left out."""
    results = answer.get("results")
    return {
        each["mutation_id"]: each
        for each in (results if isinstance(results, list) else [])
        if isinstance(each, dict) and isinstance(each.get("mutation_id"), str)
    }


def _verdict(result: Document) -> str:
    """The verdict in a result. `retry` for none, and for one without the number it needs."""
    verdict = str(result.get("verdict", Verdict.RETRY))[:40]
    seq = result.get("seq")
    if verdict in wire.TAKEN_IN and not (type(seq) is int and 0 < seq < 2**63):
        return Verdict.RETRY
    return verdict


def _bury(entry: JournalEntry, code: str, error: str) -> None:
    """The hub's final no: the edit stays visible here, and others go on."""
    JournalEntry.objects.filter(pk=entry.pk, state=State.PENDING).update(
        state=State.DEAD, verdict=Verdict.REJECTED, code=code[:40], last_error=error
    )
    logger.error("the hub refused change %s: %s", entry.seq, code)
