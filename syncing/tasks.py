"""What Celery does for a node. Tasks may run twice and at once: leases keep them apart."""

from contextlib import suppress

from celery import shared_task
from django.conf import settings
from kombu.exceptions import OperationalError

from contexts.models import GlobalContext
from contexts.tasks import PATIENT
from syncing import following, journal, link, receipts
from syncing.client import client
from syncing.errors import SyncError
from syncing.nudging import Nudger
from syncing.push import push_due


def _ask(organization_id: str) -> None:
    push_journal.apply_async((organization_id,), retry=False, expires=60)


_nudger = Nudger(_ask)


def nudge(organization_id: str) -> None:
    """Asks for a push right after a commit. It may get lost: the sweep does without."""
    _nudger.nudge(organization_id)


def _is_node(organization_id: str) -> bool:
    """Whether there is a hub, and already the organization that is synced with it."""
    known = GlobalContext.objects.filter(context_id=organization_id)
    return journal.has_hub(organization_id) and known.exists()


@shared_task
def push_journal(organization_id: str) -> None:
    """Sends what is due of an organization's journal."""
    if _is_node(organization_id) and client().breaker.allows:
        push_due(organization_id, client())


@shared_task
def sweep_journal() -> None:
    """Finds what no push was asked for, or was lost, and sends it."""
    organization_id: str = settings.CONTEXTSYS_ORGANIZATION
    if not _is_node(organization_id):
        return
    link.link_of(organization_id)
    journal.sweep(organization_id)
    push_journal(organization_id)


@shared_task(**PATIENT)  # type: ignore[untyped-decorator]
def expire_receipts() -> None:
    receipts.expire()


@shared_task
def follow_hub() -> None:
    """A stretch of the standing pull; the next one begins where this ends."""
    organization_id: str = settings.CONTEXTSYS_ORGANIZATION
    if not _is_node(organization_id):
        return
    try:
        followed = following.follow(organization_id, client())
    except SyncError:
        return
    if followed:
        # Without a broker beat asks for the next one when there is one again.
        with suppress(OperationalError):
            follow_hub.apply_async(retry=False, expires=60)
