"""What sync adds to the pages of contexts: figures, the hub's panel, notices, a section."""

from django.http import HttpRequest
from django.urls import reverse

from contexts.admin import additions
from contexts.admin.additions import Figure, Notice
from contexts.admin.tenancy import tenancy
from contexts.models import owned
from syncing.admin import hub
from syncing.admin.hub import listed
from syncing.models import Conflict, JournalEntry, Peer

State = JournalEntry.State
SECTION: additions.Section = {
    "Conflict": None,
    "JournalEntry": "Journal",
    "Link": "Hub",
    "Peer": "Nodes",
}


def figures(request: HttpRequest) -> list[Figure]:
    """What waits for a human and, on a hub, its nodes; nothing where nobody syncs."""
    roles = tenancy(request)
    conflicts = roles.limited(Conflict.objects.filter(status=Conflict.Status.OPEN)).count()
    nodes = roles.limited(Peer.objects.all()).count()
    dead = roles.limited(JournalEntry.objects.filter(state=State.DEAD)).count()
    found = []
    if conflicts or nodes or hub.links_of(roles):
        url = listed("conflict", status="open")
        found.append(_figure("waiting" if conflicts else "plain", "open conflict", conflicts, url))
    if dead:
        url = listed("journalentry", state="dead")
        found.append(_figure("waiting", "refused change", dead, url))
    if nodes:
        found.append(_figure("plain", "node", nodes, listed("peer")))
    return found


def _figure(kind: str, noun: str, count: int, url: str) -> Figure:
    return Figure(kind, noun if count == 1 else f"{noun}s", count, url)


def waiting(organization_id: str) -> int:
    """How many conflicts are open."""
    return owned(organization_id, Conflict, status=Conflict.Status.OPEN).count()


def notices(level: str, organization_id: str, context_id: str) -> list[Notice]:
    """A context's open conflicts, and its changes that the hub refused."""
    at = {"level": level, "context_id": context_id}
    found = []
    conflicts = owned(organization_id, Conflict, status=Conflict.Status.OPEN, **at)
    if keys := list(conflicts.order_by("-pk").values_list("pk", flat=True)):
        of = {"organization": organization_id, "status": "open", **at}
        text = "A conflict here waits" if len(keys) == 1 else f"{len(keys)} conflicts here wait"
        url = listed("conflict", **of)
        if len(keys) == 1:
            url = reverse("admin:syncing_conflict_change", args=keys)
        found.append(Notice(f"{text} for a decision.", "Look and settle", url, waits=True))
    lane = {f"lane__{name}": value for name, value in at.items()}
    dead = owned(organization_id, JournalEntry, state=State.DEAD, **lane).count()
    if dead:
        of = {"organization": organization_id, "state": "dead", "level": level}
        text = "A change here was" if dead == 1 else f"{dead} changes here were"
        url = listed("journalentry", **of, lane__context_id=context_id)
        found.append(Notice(f"{text} refused by the hub.", "See why", url))
    return found


def install() -> None:
    """Adds all of it; once, when the admin's modules are loaded."""
    additions.sections["Sync"] = SECTION
    additions.figures.append(figures)
    additions.panels.append(hub.panels)
    additions.waiting.append(waiting)
    additions.notices.append(notices)
