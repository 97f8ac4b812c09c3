"""The hub's side of a push: each entry judged in a transaction of its own (DESIGN §4)."""

import logging
import time
from dataclasses import replace
from typing import Any

from django.db import DatabaseError, IntegrityError, transaction

from contexts import services
from contexts.access import Caller
from contexts.documents import to_json
from contexts.errors import ContextError, Invalid
from contexts.levels import Document
from contexts.models import Feed
from contexts.services import ForeignChange, foreign
from syncing import conflict_records, wire
from syncing.bases import UnknownBase, Unready
from syncing.intake import Intake
from syncing.wire import Verdict

logger = logging.getLogger("contextsys.sync")
ATTEMPTS = 5
# A node waits ten seconds, then sends the same again while we would still be at it.
BUSY_SECONDS = 4.0


def receive(caller: Caller, node: str, hub: str, entries: list[Any]) -> list[Document]:
    """Takes the entries of `node` in, in their order; a result with a verdict for each.

    `hub` is this instance's own name. What follows an entry that has to come again waits for it,
    in the same context; what there is no time for may come again at once. Raises only what a
    database that does not answer raises.
    """
    results: list[Document] = []
    end = time.monotonic() + BUSY_SECONDS
    stopped: set[tuple[str, str]] = set()
    for entry in entries:
        lane = _lane_of(entry)
        if results and time.monotonic() > end:
            result = {**_nothing_of(entry), "verdict": Verdict.RETRY, "code": wire.BUSY}
        elif lane in stopped:
            result = {**_nothing_of(entry), "verdict": Verdict.RETRY, "code": "waits_for_earlier"}
        else:
            result = _judge(caller, node, hub, entry)
        if result["verdict"] == Verdict.RETRY:
            stopped.add(lane)
        results.append(result)
    return results


def _lane_of(entry: Any) -> tuple[str, str]:
    told = entry if isinstance(entry, dict) else {}
    return str(told.get("level")), str(told.get("context_id"))


def _nothing_of(entry: Any) -> Document:
    """What is told of an entry that was not taken in."""
    mutation_id = entry.get("mutation_id") if isinstance(entry, dict) else None
    return {"mutation_id": mutation_id, "seq": None, "revision": None, "conflict_id": None}


def _judge(caller: Caller, node: str, hub: str, entry: Any) -> Document:
    result = _nothing_of(entry)
    try:
        if not isinstance(entry, dict):
            raise Invalid({"entries": ["Each must be an object."]})
        told = _told(caller, node, hub, entry)
    except ContextError as refusal:
        return {**result, "verdict": Verdict.REJECTED, "code": refusal.code}
    except UnknownBase:
        return {**result, "verdict": Verdict.UNKNOWN_BASE, "code": None}
    except Unready as reason:
        return {**result, "verdict": Verdict.RETRY, "code": str(reason)}
    except DatabaseError as error:
        if not _database_answers():
            raise
        # Its message may quote SQL and documents.
        kind = type(error.__cause__ or error).__name__
        logger.error("the database refused an entry pushed by node %s: %s", node, kind)
        return {**result, "verdict": Verdict.RETRY, "code": "database_error"}
    except Exception:
        # One entry that we cannot cope with must not keep the others from coming in.
        logger.exception("an entry pushed by node %s could not be taken in", node)
        return {**result, "verdict": Verdict.RETRY, "code": "server_error"}
    return {**result, **told}


def _database_answers() -> bool:
    try:
        Feed.objects.exists()
    except DatabaseError:
        return False
    return True


def _told(caller: Caller, node: str, hub: str, entry: Document) -> Document:
    pushed = _read(wire.inward(wire.change_of(entry, node), hub))
    fingerprint = wire.fingerprint(entry)
    for _ in range(ATTEMPTS):
        try:
            with transaction.atomic():
                return Intake(caller, node, pushed, entry, fingerprint).verdict()
        except (IntegrityError, services.Overtaken):
            # Someone else brought or made the same between our look and our insert.
            continue
    raise Unready("overtaken")


def _read(change: Document) -> ForeignChange:
    """The change of an entry. Raises `Invalid` for what a node has no reason to push."""
    pushed = foreign.read(change)
    if foreign.is_compacted(pushed):
        raise Invalid({"document": ["Only a deletion has none."]})
    if not pushed.makes_version and pushed.operation in wire.VERSIONS:
        raise Invalid({"makes_version": ["This operation does."]})
    if pushed.origin_node == wire.PROVISIONAL:
        raise Invalid({"origin_node": ["This is no name of a node."]})
    conflict_records.check(pushed)
    # A revision that does not fit is believed where a secret is missing, and nowhere else.
    lost_a_secret = pushed.redacted and foreign.MARK in to_json(pushed.document)
    return replace(pushed, redacted=lost_a_secret, parent_id="")
