"""The standing pull: a long poll that is always there, one worker an organization."""

import logging
import math
import time
from datetime import timedelta

from django.utils import timezone

from syncing import link, pull
from syncing.ahead import Ahead
from syncing.client import CloudClient
from syncing.errors import HubAway
from syncing.models import Link

logger = logging.getLogger("contextsys.sync")
# How long the hub holds an answer, and what more a request may take.
WAIT_SECONDS = 5.0
MARGIN_SECONDS = 5.0
# A worker that is asked to end waits for the stretch under way.
STRETCH_SECONDS = 5.0
# A hub that refuses this node is asked again only now and then; once it does not, everything has
# to flow within 15 s (CONTRACT §4).
PARKED = timedelta(seconds=10)
# However long a hub wants not to be asked (DESIGN §4).
PROBE_SECONDS = 5.0
COMPARE_EVERY = timedelta(seconds=60)


def follow(organization_id: str, client: CloudClient) -> bool:
    """Pulls for a while, waiting for what comes; whether this was the one worker that may.

    Raises `SyncError` as soon as the hub fails.
    """
    tie = link.link_of(organization_id)
    if tie.parked and tie.parked_at and abs(timezone.now() - tie.parked_at) < PARKED:
        return False
    end = time.monotonic() + STRETCH_SECONDS
    # One that did not answer is not let wait: what waits for it goes the moment it is back.
    answers, began, ahead = tie.reachable and not tie.parked, False, Ahead(client)
    rest = 0.0
    try:
        while (left := end - time.monotonic()) > 0:
            if not link.claim_pull(organization_id, WAIT_SECONDS + MARGIN_SECONDS, again=began):
                return began
            began = True
            wait = min(WAIT_SECONDS, math.ceil(left)) if answers else 0
            pulled = pull.pull_once(
                organization_id, client, wait=wait, seconds=wait + 3.0, ahead=ahead
            )
            answers = True
            if not pulled.changes and not pulled.more:
                _compare_now_and_then(organization_id, client)
    except HubAway as error:
        rest = min(error.retry_after or 0.0, PROBE_SECONDS)
        raise
    finally:
        if began:
            link.release_pull(organization_id, rest)
    return True


def _compare_now_and_then(organization_id: str, client: CloudClient) -> None:
    tie: Link = link.link_of(organization_id)
    if tie.checked_at is not None and (
        tie.checked_cursor == tie.cursor or abs(timezone.now() - tie.checked_at) < COMPARE_EVERY
    ):
        return
    pull.compare(organization_id, client)
