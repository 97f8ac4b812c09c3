"""How a talk with the hub can fail, and which answer means what (DESIGN §4).

No message holds a key. Pure.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

LONGEST_RETRY_AFTER = 300.0
# 408 is how some proxies end a connection that they found idle.
AWAY = frozenset({408, 429, 502, 503, 504})


class SyncError(Exception):
    """Base of all: one sentence."""


class HubAway(SyncError):
    """The network, or the hub as a whole: the same bytes may be sent again later."""

    def __init__(self, sentence: str, retry_after: float | None = None) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


class HubBusy(HubAway):
    """It answers, and wants to be asked less often (status 429)."""


class HubFailed(SyncError):
    """An error of the hub, or an answer that makes no sense: maybe this request's fault."""

    def __init__(self, status: int, sentence: str = "") -> None:
        super().__init__(sentence or f"The hub failed (status {status}).")
        self.status = status


class HubRefused(SyncError):
    """The key, or its role; `status` is 0 when it was not even sent."""

    def __init__(self, status: int, code: str, sentence: str = "") -> None:
        super().__init__(
            sentence
            or f"The hub refuses CONTEXTSYS_CLOUD_KEY (status {status}, {code}): it must be the "
            "key of an agent there with role writer or admin."
        )
        self.status, self.code = status, code


class TooLarge(SyncError):
    """The hub takes no request of that size."""


class HistoryGone(SyncError):
    """The feed does not go on where we are: another epoch, put back, or below its floor."""

    def __init__(self, epoch: str, floor: int, head: int) -> None:
        super().__init__("The hub's feed does not go on where this node stopped.")
        self.epoch, self.floor, self.head = epoch, floor, head


class NodeCloned(SyncError):
    """Another copy of this node syncs under its name."""


class OrganizationMismatch(SyncError):
    """The hub's key belongs to another organization than this node's."""

    def __init__(self, theirs: str, ours: str) -> None:
        super().__init__(
            f"The hub's key is of the organization {theirs!r}, this node's is {ours!r}: set "
            f"CONTEXTSYS_ORGANIZATION to {theirs}, or CONTEXTSYS_CLOUD_KEY to a key of {ours}."
        )
        self.theirs = theirs


class Refused(SyncError):
    """Any other refusal."""

    def __init__(self, status: int, code: str, sentence: str) -> None:
        super().__init__(f"The hub refused ({status}, {code}): {sentence}")
        self.status, self.code = status, code


def of_answer(
    status: int,
    body: Mapping[str, Any] | None,
    *,
    retry_after: str,
    ours: str,
    secret: str,
    date: str = "",
) -> SyncError:
    """What an answer means that is no success with a JSON object.

    `body` is the answer's JSON object, None for anything else; `retry_after` and `date` the headers
    of that name or "". `ours` is this node's organization. Should the hub say `secret` back to us,
    it is left out.
    """
    if status in AWAY:
        kind = HubBusy if status == 429 else HubAway
        return kind(f"The hub answers with status {status}.", seconds_of(retry_after, date))
    if 300 <= status < 400:
        return HubFailed(status, f"The hub redirects (status {status}): is that its address?")

    def told(name: str, longest: int) -> str:
        text = body.get(name) if body is not None else None
        if not isinstance(text, str):
            return ""
        return " ".join(text.replace(secret, "[key]").split())[:longest]

    code = told("code", 40)
    if status in (401, 403):
        return HubRefused(status, code or "no code")
    if status == 413:
        return TooLarge("The hub takes no request of that size.")
    if status >= 500:
        return HubFailed(status)
    if body is None or status < 400:
        return HubFailed(status, f"What answers (status {status}) is no contextsys.")
    if status == 410 and (epoch := told("epoch", 32)):
        floor, head = body.get("floor"), body.get("head")
        return HistoryGone(
            epoch,
            floor if isinstance(floor, int) else 0,
            head if isinstance(head, int) else 0,
        )
    if status == 409 and code == "node_cloned":
        return NodeCloned("Another copy of this node syncs under its name.")
    if status == 409 and code == "organization_mismatch":
        return OrganizationMismatch(told("organization", 50), ours)
    return Refused(status, code, told("error", 300))


def seconds_of(retry_after: str, date: str = "") -> float | None:
    """Seconds to wait by a `Retry-After` of either form (RFC 9110 §10.2.3), 300 at most.

    A time is one of the hub's clock, which the answer's `date` tells. None when it is neither.
    """
    text = retry_after.strip()
    try:
        if text.isdecimal():
            seconds = float(text)
        else:
            seconds = (parsedate_to_datetime(text) - _clock(date)).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER)


def _clock(date: str) -> datetime:
    try:
        told = parsedate_to_datetime(date)
    except (ValueError, TypeError, OverflowError):
        return datetime.now(UTC)
    return told if told.tzinfo is not None else datetime.now(UTC)
