"""The hub's side of a pull: its log in pages, a snapshot of what is current, where it stands."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from contexts.documents import to_json
from contexts.errors import Gone, Invalid
from contexts.levels import LEVELS, Document
from contexts.models import Change, Feed, owned
from contexts.prepared import PreparedRow
from contexts.queries import timestamp
from contexts.services import foreign
from syncing import wire
from syncing.digests import digests

Operation = Change.Operation
_LATER = PreparedRow(
    lambda organization, since: (
        owned(organization, Change, seq__gt=since).select_related("entry").order_by("seq")
    ),
    *(str, int),
)
_FEED = PreparedRow(lambda organization: owned(organization, Feed), str)
_AT = PreparedRow(
    lambda organization, seq: owned(organization, Change, seq=seq).only("stamp"), *(str, int)
)


def changes_page(
    organization_id: str, hub: str, since: int, epoch: str, last: UUID | None, limit: int
) -> Document:
    """The changes after number `since`, gapless, with all that is needed to make them again.

    `last` is the stamp of the change that the node knows as number `since`, the `last` of the page
    that ended there. Raises `Gone` for another epoch, another change there, a number beyond the
    head or below the floor.
    """
    # The changes before the head: it is then never behind what was read.
    changes = _bounded(_LATER.all(organization_id, since, most=limit))
    feed = check_place(organization_id, since, epoch, last)
    if since < feed.floor:
        raise _gone(feed, f"The feed goes from {feed.floor} to {feed.head}.")
    for expected, (change, _) in enumerate(changes, since + 1):
        if change.seq != expected:
            raise AssertionError(f"the feed of {organization_id} has a gap before {change.seq}")
    reached = changes[-1][0].seq if changes else since
    return {
        "epoch": feed.epoch,
        "floor": feed.floor,
        "head": feed.head,
        "next": reached,
        "last": str(changes[-1][0].stamp) if changes else None,
        "more": reached < feed.head,
        "changes": [wire.outward(body, hub) for _, body in changes],
    }


def check_place(organization_id: str, since: int, epoch: str, last: UUID | None) -> Feed:
    """The organization's feed, if it is still the one that a node has read up to `since`.

    Raises `Gone` for another epoch, a number beyond the head, another stamp than `last` there.
    """
    feed: Feed = _FEED.find(organization_id)
    if epoch not in ("", feed.epoch):
        raise _gone(feed, "This feed is of another epoch.")
    if since > feed.head:
        raise _gone(feed, f"The feed goes from {feed.floor} to {feed.head}.")
    if last is not None and since and _stamp_at(organization_id, since) != last:
        raise _gone(feed, f"Change {since} is another one here: this feed was put back.")
    return feed


def _gone(feed: Feed, sentence: str) -> Gone:
    return Gone(
        f"{sentence} Read the snapshot.", epoch=feed.epoch, floor=feed.floor, head=feed.head
    )


def _stamp_at(organization_id: str, seq: int) -> UUID | None:
    at: Change | None = _AT.find(organization_id, seq)
    return at.stamp if at is not None else None


def _bounded(changes: Iterable[Change]) -> list[tuple[Change, Document]]:
    """Changes with their JSON, no more than fit into a page."""
    found: list[tuple[Change, Document]] = []
    size = 0
    for change in changes:
        body = {"seq": change.seq, **foreign.write(change)}
        written = to_json(body)
        if foreign.lost_a_secret(change, written):
            body["redacted"] = True
        size += len(written)
        if found and size > wire.PAGE_BYTES:
            break
        found.append((change, body))
    return found


def snapshot_page(organization_id: str, hub: str, after: str, limit: int) -> Document:
    """What the organization is made of now, in an order in which it can be built.

    First the newest version of each context, from the top level down, then deletions from below
    up, then entries, delegations and conflicts. `after` is the `next` of the page before, ""
    at first; the first page's `head` is where to follow the feed from afterwards, and `last` the
    stamp of the change there. `next` is null on the last page.
    """
    stages = _stages(organization_id)
    number, seq = _place(after, len(stages))
    feed = owned(organization_id, Feed).get()
    found: list[tuple[Change, Document]] = []
    while number < len(stages) and not found:
        rows = stages[number].filter(seq__gt=seq).select_related("entry").order_by("seq")
        found = _bounded(rows[:limit])
        if found:
            seq = found[-1][0].seq
        else:
            number, seq = number + 1, 0
    born = _births(organization_id, [change for change, _ in found])
    for change, body in found:
        if (at := born.get((change.level, change.context_id))) is not None and change.makes_version:
            body["created_at"] = at
    return {
        "epoch": feed.epoch,
        "floor": feed.floor,
        "head": feed.head,
        "last": str(last) if (last := _stamp_at(organization_id, feed.head)) else None,
        "next": f"{number}.{seq}" if number < len(stages) else None,
        "changes": [wire.outward(body, hub) for _, body in found],
    }


def _stages(organization_id: str) -> list[QuerySet[Change]]:
    newest = _newest_versions(organization_id)
    alive = [newest.filter(level=level).exclude(operation=Operation.DELETED) for level in LEVELS]
    dead = [newest.filter(level=level, operation=Operation.DELETED) for level in LEVELS]
    news = owned(organization_id, Change, makes_version=False)
    told = owned(organization_id, Change, makes_version=True, record__isnull=False)
    return [
        *alive,
        *reversed(dead),
        news.filter(operation=Operation.ENTRY_ADDED),
        # Those that made a version too: their documents are long overtaken, their bodies not.
        news.filter(operation__in=[Operation.DELEGATED, Operation.CONFLICT]),
        told.filter(operation__in=[Operation.DELEGATED, Operation.CONFLICT]),
    ]


def _newest_versions(organization_id: str) -> QuerySet[Change]:
    versions = owned(organization_id, Change, makes_version=True)
    newer = versions.filter(
        Q(version__gt=OuterRef("version"))
        | Q(version=OuterRef("version"), seq__gt=OuterRef("seq")),
        level=OuterRef("level"),
        context_id=OuterRef("context_id"),
    )
    return versions.filter(~Exists(newer))


def _place(after: str, stages: int) -> tuple[int, int]:
    if not after:
        return 0, 0
    number, _, seq = after.partition(".")
    if not (number.isdecimal() and seq.isdecimal() and number.isascii() and seq.isascii()):
        raise Invalid({"after": ["This is no place in a snapshot."]})
    if len(seq) > 18 or len(number) > 2 or int(number) > stages:
        raise Invalid({"after": ["This is no place in a snapshot."]})
    return int(number), int(seq)


def _births(organization_id: str, changes: Sequence[Change]) -> dict[tuple[str, str], str]:
    born: dict[tuple[str, str], str] = {}
    for level in LEVELS.values():
        ids = [each.context_id for each in changes if each.level == level.name]
        if ids:
            for row in level.rows(organization_id, context_id__in=ids):
                born[level.name, row.context_id] = timestamp(row.created_at)
    return born


def status(organization_id: str, hub: str) -> Document:
    """Where this instance stands: equal digests are equal documents and revisions."""
    feed, digest = digests.of(organization_id)
    return {
        "protocol": wire.PROTOCOL,
        "node": hub,
        "organization": organization_id,
        "epoch": feed.epoch,
        "floor": feed.floor,
        "head": feed.head,
        "digest": digest,
    }
