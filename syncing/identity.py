"""Who this instance is to other nodes."""

from django.db import transaction

from contexts.models import Change
from contexts.prepared import PreparedRow
from syncing.models import Identity, JournalEntry, new_name

# How many starts may lie between two pushes; a node that only reads may never push for long.
REMEMBERED = 200
_MINE = PreparedRow(lambda: Identity.objects.filter(pk=1))


def identity() -> Identity:
    """The instance's identity, made when it has none yet."""
    found: Identity | None = _MINE.find()
    return found or Identity.objects.get_or_create(pk=1)[0]


@transaction.atomic
def start_anew() -> None:
    """A new incarnation: the instance was started. The hub goes on from one that it knows."""
    identity()
    mine = Identity.objects.select_for_update().get(pk=1)
    mine.previous = [mine.incarnation, *mine.previous][:REMEMBERED]
    mine.incarnation = new_name()
    mine.save()


@transaction.atomic
def part_from_twin(incarnation: str) -> str | None:
    """Takes a new name after a copy of this instance went on under the old one.

    `incarnation` is what the hub did not know. When it is not ours any more, another process of
    this instance started or parted meanwhile, and nothing is done. What both share keeps the old
    name, by which others know it. Returns the new name, None when there is none.
    """
    mine = Identity.objects.select_for_update().get(pk=1)
    if mine.incarnation != incarnation:
        return None
    Change.objects.filter(origin_node="").update(origin_node=mine.node)
    mine.node, mine.incarnation, mine.previous = new_name(), new_name(), []
    mine.save()
    # A verdict may have been the twin's to hear.
    heard = JournalEntry.objects.filter(state=JournalEntry.State.SENT)
    heard.update(state=JournalEntry.State.PENDING, hub_seq=None, verdict="")
    return mine.node
