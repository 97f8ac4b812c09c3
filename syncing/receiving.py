"""The hub's side of a push: each entry judged in a transaction of its own (DESIGN §4)."""

import logging
from typing import Any

from django.db import DatabaseError, IntegrityError, transaction

from contexts import services
from contexts.access import Caller
from contexts.errors import ContextError, Invalid
from contexts.levels import Document
from contexts.services import foreign
from syncing import wire
from syncing.bases import UnknownBase, Unready
from syncing.intake import Intake
from syncing.wire import Verdict

logger = logging.getLogger("contextsys.sync")
ATTEMPTS = 5


def receive(caller: Caller, node: str, hub: str, entries: list[Any]) -> list[Document]:
    """Takes the entries of `node` in, in their order; a result with a verdict for each.

    `hub` is this instance's own name. Raises only what a database that does not answer raises.
    """
    return [_judge(caller, node, hub, entry) for entry in entries]


def _judge(caller: Caller, node: str, hub: str, entry: Any) -> Document:
    mutation_id = entry.get("mutation_id") if isinstance(entry, dict) else None
    result = {"mutation_id": mutation_id, "seq": None, "revision": None, "conflict_id": None}
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
    except DatabaseError:
        raise
    except Exception:
        # One entry that we cannot cope with must not keep the others from coming in.
        logger.exception("an entry pushed by node %s could not be taken in", node)
        return {**result, "verdict": Verdict.RETRY, "code": "server_error"}
    return {**result, **told}


def _told(caller: Caller, node: str, hub: str, entry: Document) -> Document:
    change = wire.inward(wire.change_of(entry, node), hub)
    pushed = foreign.read(change)
    fingerprint = wire.fingerprint(entry)
    for _ in range(ATTEMPTS):
        try:
            with transaction.atomic():
                return Intake(caller, node, pushed, entry, fingerprint).verdict()
        except (IntegrityError, services.Overtaken):
            # Someone else brought or made the same between our look and our insert.
            continue
    raise Unready("overtaken")
