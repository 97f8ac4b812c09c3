"""The nodes of a hub: which there are, how far each has read, whether one is a copy."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Min
from django.utils import timezone

from contexts.access import Caller
from contexts.errors import ContextError
from contexts.models import owned
from contexts.prepared import PreparedRow
from syncing.models import Peer

_PEER = PreparedRow(
    lambda organization, node: owned(organization, Peer, node=node).select_for_update(),
    *(str, str),
)


class NodeCloned(ContextError):
    code = "node_cloned"
    status = 409


def note(caller: Caller, node: str, since: int | None = None) -> None:
    """Remembers that `node` is there, and how far it has read: compaction waits for it."""
    told: dict[str, Any] = {"agent": caller.name, "seen_at": timezone.now()}
    if since is not None:
        told["cursor"] = since
    if not owned(caller.organization_id, Peer, node=node).update(**told):
        made = Peer(organization_id=caller.organization_id, node=node, **told)
        Peer.objects.bulk_create([made], ignore_conflicts=True)


@transaction.atomic
def recognize(caller: Caller, node: str, incarnation: str, previous: Any) -> None:
    """Of two instances that call themselves the same, the first to come goes on.

    `incarnation` is new at every start of a node, `previous` those that came before it. Raises
    `NodeCloned` when the one known here is none of them.
    """
    note(caller, node)
    peer: Peer = _PEER.find(caller.organization_id, node)
    known = previous if isinstance(previous, list) else []
    if peer.incarnation not in ("", incarnation, *known):
        raise NodeCloned("Another copy of this node syncs under its name.")
    if peer.incarnation != incarnation:
        owned(caller.organization_id, Peer, node=node).update(incarnation=incarnation)


def read_by_all(organization_id: str) -> int | None:
    """Up to which number every node has read that was here within the time that history is kept.

    None without such nodes.
    """
    since = timezone.now() - timedelta(days=settings.CONTEXTSYS_HISTORY_DAYS)
    near = owned(organization_id, Peer, seen_at__gte=since)
    lowest: int | None = near.aggregate(least=Min("cursor"))["least"]
    return lowest
