"""What Celery does for a node. Tasks may run twice and at once: leases keep them apart."""

import logging
import threading

from celery import shared_task
from django.conf import settings

from syncing import following, journal, link
from syncing.client import client
from syncing.errors import SyncError
from syncing.push import push_due

logger = logging.getLogger("contextsys.sync")
_asked = threading.Event()


def nudge(organization_id: str) -> None:
    """Asks for a push right after a commit. It may get lost: the sweep does without."""
    if _asked.is_set():
        return
    _asked.set()
    try:
        push_journal.apply_async((organization_id,), retry=False, expires=60)
    except Exception as error:
        _asked.clear()
        logger.warning("the broker does not answer (%s): the sweep will push", type(error).__name__)


@shared_task
def push_journal(organization_id: str) -> None:
    """Sends what is due of an organization's journal."""
    _asked.clear()
    if journal.has_hub(organization_id) and client().breaker.allows:
        push_due(organization_id, client())


@shared_task
def sweep_journal() -> None:
    """Finds what no push was asked for, or was lost, and sends it."""
    organization_id: str = settings.CONTEXTSYS_ORGANIZATION
    if not journal.has_hub(organization_id):
        return
    link.link_of(organization_id)
    journal.sweep(organization_id)
    push_journal(organization_id)


@shared_task
def follow_hub() -> None:
    """A stretch of the standing pull; the next one begins where this ends."""
    organization_id: str = settings.CONTEXTSYS_ORGANIZATION
    if not journal.has_hub(organization_id):
        return
    try:
        followed = following.follow(organization_id, client())
    except SyncError:
        return
    if followed:
        follow_hub.apply_async(retry=False, expires=60)
