"""Tool calls too large to look into while the agent waits: kept at once, extracted later.

The entry is there at once with the beginning of what the call had, `extracted` says `pending`,
and the call itself waits sealed beside it, without the middle of what it printed. `finish_all`
extracts, gives the entry the rest, and only then does the feed tell of it: for sockets, nodes and
archives an entry never changes.
"""

import logging
import threading
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from contexts import entries, sealing
from contexts.changes import Author
from contexts.entries import Draft
from contexts.extraction.tool_calls import action_of
from contexts.keeping import cut, fitted, shortened
from contexts.models import Entry, PendingCall
from contexts.transcripts import calls
from contexts.transcripts.calls import LONGEST_PART, Call

logger = logging.getLogger("contextsys.capture")
# Longer than one call takes; a killed worker holds it up for so long.
LEASE = timedelta(seconds=30)
ATTEMPTS = 3
# Tools that answer with what something printed.
_turn, _asked = threading.Lock(), threading.Event()
_OUTPUTS = frozenset(("Bash", "BashOutput", "Grep", "WebFetch", "Task", "Agent"))


def draft_of(call: Call, organization_id: str, agent: str) -> Draft:
    """The entry of a large call as it is at first; `call` loses the middle of what it printed."""
    if call.tool in _OUTPUTS or call.is_error:
        call.result, call.left_out = shortened(call.result)
    action_type, _ = action_of(call.tool, call.arguments, ran=call.is_error is not None)
    details: dict[str, Any] = {
        "tool": call.tool,
        "tool_use_id": call.tool_use_id,
        "action_type": action_type if not call.is_error or action_type == "command" else "tool",
        "extracted": {"pending": True},
        "input": cut(call.arguments, LONGEST_PART),
        "result": cut(call.result, LONGEST_PART),
        "is_error": call.is_error,
    }
    shown = call.arguments if isinstance(call.arguments, dict) else {}
    told = {name: text[:4096] for name, text in shown.items() if isinstance(text, str)}
    return Draft(
        Entry.Kind.ACTION,
        calls.describe(call.tool, told, call.cwd),
        agent=agent,
        details=details,
        entry_id=calls.entry_id_of(organization_id, call.session_id, call.tool_use_id),
        at=call.at,
        unfinished=True,
    )


def keep(added: Sequence[Entry], waiting: Sequence[Call]) -> None:
    """Puts the calls of new entries aside, in the entries' own transaction."""
    by_id = {
        calls.entry_id_of(entry.organization_id, call.session_id, call.tool_use_id): call
        for entry in added[:1]
        for call in waiting
    }
    PendingCall.objects.bulk_create(
        PendingCall(entry=entry, sealed=sealing.seal(_written(by_id[entry.entry_id])))
        for entry in added
    )


def finish_all() -> int:
    """Finishes the entries that wait, unless somebody is at it; how many it finished.

    One thread of a process at a time: more would only take the interpreter from those who answer.
    """
    done = 0
    _asked.set()
    while _asked.is_set() and _turn.acquire(blocking=False):
        try:
            _asked.clear()
            while (claimed := _claim()) is not None:
                _finish(claimed)
                done += 1
        finally:
            _turn.release()
    return done


def _claim() -> PendingCall | None:
    free = Q(claimed_at=None) | Q(claimed_at__lt=timezone.now() - LEASE)
    for key in PendingCall.objects.filter(free).order_by("created_at").values_list("pk")[:20]:
        row = PendingCall.objects.filter(free, pk=key[0])
        if row.update(claimed_at=timezone.now(), attempts=F("attempts") + 1):
            return PendingCall.objects.select_related("entry").filter(pk=key[0]).first()
    return None


def _finish(pending: PendingCall) -> None:
    entry = pending.entry
    draft = _extracted(pending)
    with transaction.atomic():
        waiting = PendingCall.objects.select_for_update().filter(pk=pending.pk)
        if not waiting.exists():
            return
        entries.finish(Author(entry.organization_id, entry.agent), entry, draft)
        waiting.delete()


def _extracted(pending: PendingCall) -> Draft:
    """The whole entry; without an extraction when that fails, or brought its worker down."""
    entry = pending.entry
    if pending.attempts <= ATTEMPTS:
        try:
            call = _read(sealing.unseal(bytes(pending.sealed)))
            return _whole(call, entry.organization_id, entry.agent)
        except (sealing.Broken, ValueError, TypeError, LookupError) as error:
            logger.warning("nothing extracted from a large call: %s", type(error).__name__)
    return Draft(Entry.Kind.ACTION, entry.content, details={**entry.details, "extracted": {}})


def _whole(call: Call, organization_id: str, agent: str) -> Draft:
    draft = bounded(call.draft(organization_id, agent))
    extracted = draft.details["extracted"]
    if extracted and call.left_out:
        extracted["cut"] = {**extracted.get("cut", {}), "characters": call.left_out}
    return draft


def bounded(draft: Draft) -> Draft:
    """`draft` with no more of what was extracted than an entry may hold."""
    extracted = fitted(draft.details["extracted"])
    return replace(draft, details={**draft.details, "extracted": extracted})


def _written(call: Call) -> dict[str, Any]:
    return {**asdict(call), "at": call.at.isoformat() if call.at else None}


def _read(written: dict[str, Any]) -> Call:
    at = written["at"]
    return Call(**{**written, "at": datetime.fromisoformat(at) if at else None})
