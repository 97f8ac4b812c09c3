"""The hub above and the nodes below, as people see them in the admin."""

import re
from datetime import timedelta

from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from contexts.access import Caller
from syncing.client import CloudClient
from syncing.errors import SyncError
from syncing.models import JournalEntry, Link, Peer
from tests.conftest import make_chain
from tests.syncing.admin_of_node.conftest import HUB, read, text
from tests.syncing.hubs import ORGANIZATION, ScriptedHub, always, away, exchange, linked_to

NODES = "/admin/syncing/peer/"


def try_to_sync(client: CloudClient) -> None:
    try:
        exchange(client)
    except SyncError:
        return


def test_a_hub_that_answers_is_shown_with_what_waits(
    root: Client, dead: JournalEntry, client: CloudClient
) -> None:
    for address in ("/admin/", HUB):
        shown = text(read(root, address))
        assert "answers" in shown
        assert "http://hub.invalid" in shown
        assert "1 waiting" in shown
        assert "1 refused" in shown
    assert "taken over" in text(read(root, HUB)).lower()
    assert re.search(
        r"1</span>\s*<span class=\"figure-name\">refused change<", read(root, "/admin/")
    )


def test_a_hub_that_was_never_reached_is_shown_as_such(
    root: Client, organization: str, client: CloudClient
) -> None:
    for address in ("/admin/", HUB):
        assert "not been reached" in read(root, address)


def test_a_hub_that_is_away_is_shown_with_what_failed(
    root: Client, client: CloudClient, hub: ScriptedHub, owner: Caller
) -> None:
    exchange(client)
    hub.script = away
    make_chain(owner)
    try_to_sync(client)
    for address in ("/admin/", HUB):
        shown = text(read(root, address))
        assert "away" in shown
        assert "Work goes on without it" in shown
        assert "3 waiting" in shown


def test_a_hub_that_refuses_is_shown_with_its_reason(
    root: Client, client: CloudClient, hub: ScriptedHub, owner: Caller
) -> None:
    exchange(client)
    hub.script = always(401, {"code": "not_authenticated", "error": "No."})
    make_chain(owner)
    try_to_sync(client)
    for address in ("/admin/", HUB):
        shown = text(read(root, address))
        assert (
            "The hub refuses this node: nothing is sent or read until that is put right." in shown
        )
        assert "The hub refuses CONTEXTSYS_CLOUD_KEY (status 401" in shown
    hub.script = lambda asked: None
    exchange(client)
    assert "refuses" not in text(read(root, HUB))


def test_a_hub_of_another_organization_is_shown_with_the_setting_to_change(
    root: Client, client: CloudClient, hub: ScriptedHub
) -> None:
    hub.organization = "acme"
    try_to_sync(client)
    assert "set CONTEXTSYS_ORGANIZATION to acme" in text(read(root, "/admin/"))


def test_a_worker_that_has_stopped_shows(root: Client, client: CloudClient) -> None:
    exchange(client)
    assert "do the worker and beat run?" not in read(root, "/admin/")
    Link.objects.update(synced_at=timezone.now() - timedelta(minutes=5))
    assert "do the worker and beat run?" in read(root, "/admin/")


def test_without_a_hub_nothing_is_said_of_one_but_how_to_get_it(
    root: Client, organization: str
) -> None:
    body = read(root, "/admin/")
    assert "open conflict" not in body
    assert ">More<" not in body
    assert "set CONTEXTSYS_CLOUD_URL" in read(root, HUB)


def test_a_hub_that_is_no_longer_configured_is_told_of(
    root: Client, organization: str, hub: ScriptedHub
) -> None:
    with linked_to(hub) as client:
        exchange(client)
    assert "has none now" in read(root, HUB)
    assert "hub.invalid" not in read(root, "/admin/")
    detail = reverse("admin:syncing_link_change", args=[ORGANIZATION])
    assert root.get(detail)["Location"] == HUB


def test_nodes_are_listed_with_how_far_they_have_read(
    root: Client, owner_client: APIClient, owner: Caller
) -> None:
    make_chain(owner)
    owner_client.get("/api/v1/sync/changes/?since=2&node=laptop-1")
    owner_client.get("/api/v1/sync/changes/?since=4&node=laptop-2")
    Peer.objects.filter(node="laptop-2").update(seen_at=timezone.now() - timedelta(hours=3))
    shown = text(read(root, NODES))
    assert "laptop-1 connected just now 2 of 4 changes (2 behind) owner" in shown
    assert "laptop-2 away 3 hours ago 4 of 4 changes (all) owner" in shown
    peer = Peer.objects.get(node="laptop-1")
    detail = read(root, reverse("admin:syncing_peer_change", args=[peer.pk]))
    assert "2 of 4 changes" in detail
    assert re.search(
        r'figure-count">2</span>\s*<span class="figure-name">nodes<', read(root, "/admin/")
    )
