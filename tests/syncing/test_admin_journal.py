"""The journal, the hub above and the nodes below, as people see them in the admin."""

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from contexts import entries, services
from contexts.access import Caller
from contexts.levels import PROJECT, TASK
from contexts.models import Entry, Role, owned
from syncing import tasks
from syncing.client import CloudClient
from syncing.errors import SyncError
from syncing.models import JournalEntry, Lane, Link, Peer
from tests.conftest import Humans, make_chain, make_organization
from tests.syncing.hubs import ORGANIZATION, ScriptedHub, always, away, exchange, linked_to

LIST = "/admin/syncing/journalentry/"
HUB = "/admin/syncing/link/"
NODES = "/admin/syncing/peer/"
EVIL = '"><script>alert(1)</script>'
State = JournalEntry.State


@pytest.fixture
def hub(organization: str) -> ScriptedHub:
    return ScriptedHub()


@pytest.fixture
def client(hub: ScriptedHub) -> Iterator[CloudClient]:
    with linked_to(hub) as client:
        yield client


@pytest.fixture
def dead(client: CloudClient, hub: ScriptedHub, owner: Caller) -> JournalEntry:
    """An edit of `t1` that the hub refused, between others that it took or has yet to get."""
    make_chain(owner)
    exchange(client)
    hub.judge = lambda entry: {"verdict": "rejected", "code": "document_too_large"}
    services.update(owner, TASK, "t1", lambda old: {**old, "data": {"log": "long"}})
    exchange(client)
    hub.judge = lambda entry: None
    services.create(owner, PROJECT, {}, context_id="p2")
    return owned(ORGANIZATION, JournalEntry, state=State.DEAD).get()


def page_of(entry: JournalEntry) -> str:
    return reverse("admin:syncing_journalentry_change", args=[entry.pk])


def retry_url(entry: JournalEntry) -> str:
    return reverse("admin:syncing_journalentry_retry", args=[entry.pk])


def read(human: Client, address: str, status: int = 200) -> str:
    response = human.get(address)
    assert response.status_code == status, response.content[:500]
    return response.content.decode()


def text(body: str) -> str:
    """What a page says, in one line."""
    main = body[body.index('<main id="content-start"') :]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main)).split())


def try_to_sync(client: CloudClient) -> None:
    try:
        exchange(client)
    except SyncError:
        return


# The journal


def test_the_list_has_refused_changes_first_and_tells_what_each_waits_for(
    root: Client, dead: JournalEntry
) -> None:
    body = read(root, LIST)
    shown = text(body)
    assert shown.index("refused") < shown.index("waits")
    assert body.index(">t1<") < body.index(">p2<")
    assert "document_too_large" in body
    Lane.objects.filter(context_id="p2").update(
        next_attempt_at=timezone.now() + timedelta(seconds=40), attempts=3
    )
    owned(ORGANIZATION, JournalEntry, state=State.PENDING).update(attempts=3)
    assert re.search(r"in (39|40) s 3 failed", text(read(root, LIST)))
    Lane.objects.filter(context_id="p2").update(waits_for_network=True)
    assert "when the hub answers" in text(read(root, LIST))


def test_the_page_of_an_entry_shows_the_change_and_why_it_was_refused(
    root: Client, dead: JournalEntry
) -> None:
    body = read(root, page_of(dead))
    assert re.search(r"/data/log</code>.*<ins>&quot;long&quot;</ins>", body)
    assert "document_too_large" in body
    assert "raise CONTEXTSYS_MAX_DOCUMENT_BYTES there" in body
    assert reverse("admin:contexts_change_change", args=[dead.change_id]) in body
    task = reverse("admin:contexts_taskcontext_at", args=[ORGANIZATION, "t1"])
    assert f'href="{task}"' in body


def test_the_page_of_an_entry_shows_what_is_no_document_too(
    root: Client, client: CloudClient, owner: Caller
) -> None:
    make_chain(owner)
    entries.add(owner, TASK, "t1", Entry.Kind.INSIGHT, "Mind the gap")
    note = owned(ORGANIZATION, JournalEntry, change__operation="entry_added").get()
    assert "Mind the gap" in read(root, page_of(note))


def test_trying_again_puts_a_refused_change_on_its_way(
    root: Client,
    dead: JournalEntry,
    client: CloudClient,
    django_capture_on_commit_callbacks: Any,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        response = root.post(retry_url(dead), follow=True)
    assert "1 change is on the way to the hub again." in response.content.decode()
    dead.refresh_from_db()
    assert (dead.state, dead.code, dead.last_error) == ("pending", "", "")
    assert [call.args for call in vars(tasks)["nudge"].call_args_list[-1:]] == [(ORGANIZATION,)]
    [logged] = LogEntry.objects.all()
    assert logged.user.get_username() == "root"
    assert "document_too_large" in logged.get_change_message()
    exchange(client)
    assert not owned(ORGANIZATION, JournalEntry, state=State.PENDING).exists()


def test_an_entry_that_the_hub_has_by_now_is_no_mistake(
    root: Client, dead: JournalEntry, client: CloudClient
) -> None:
    root.post(retry_url(dead))
    for _ in range(2):
        exchange(client)
    for response in (
        root.get(page_of(dead), follow=True),
        root.post(retry_url(dead), follow=True),
    ):
        assert "It is not in the journal" in response.content.decode()


def test_what_is_not_refused_is_left_alone(root: Client, dead: JournalEntry) -> None:
    waits = owned(ORGANIZATION, JournalEntry, state=State.PENDING).get()
    sent = {"action": "retry_chosen", "_selected_action": [dead.pk, waits.pk]}
    body = root.post(LIST, sent, follow=True).content.decode()
    assert "1 change is on the way" in body
    assert "1 was not refused" in body
    again = root.post(retry_url(dead), follow=True).content.decode()
    assert "1 was not refused" in again
    assert LogEntry.objects.count() == 1


def test_only_an_admin_tries_again(signed_in: Humans, dead: JournalEntry) -> None:
    bob = signed_in("bob", **{"global": Role.WRITER})
    body = read(bob, page_of(dead))
    assert "Try again" not in body
    assert "An admin of global" in body
    assert "retry_chosen" not in read(bob, LIST)
    assert bob.post(retry_url(dead)).status_code == 403
    make_organization("elsewhere")
    sam = signed_in("sam", **{"global": Role.READER, "elsewhere": Role.ADMIN})
    sent = {"action": "retry_chosen", "_selected_action": [dead.pk]}
    assert sam.post(LIST, sent).status_code == 403
    dead.refresh_from_db()
    assert dead.state == "dead"


def test_a_stranger_finds_nothing_of_journal_hub_and_nodes(
    signed_in: Humans, dead: JournalEntry
) -> None:
    make_organization("elsewhere")
    Peer.objects.create(organization_id=ORGANIZATION, node="laptop-1", agent="kim")
    sam = signed_in("sam", elsewhere=Role.ADMIN)
    for address in (LIST, NODES, HUB, "/admin/"):
        body = read(sam, address)
        for secret in (">t1<", "laptop-1", "hub.invalid", "refused change"):
            assert secret not in body, address
    missing = reverse("admin:syncing_journalentry_change", args=[dead.pk + 1000])
    for address in (page_of(dead), missing):
        assert sam.get(address)["Location"] == LIST
    assert sam.post(retry_url(dead))["Location"] == LIST
    dead.refresh_from_db()
    assert dead.state == "dead"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?state=dead", True),
        ("?state=sent", False),
        ("?level=task", True),
        ("?level=branch", False),
        ("?lane__context_id=t1&level=task", True),
        ("?lane__context_id=t9", False),
        ("?q=too_large", True),
        ("?q=nothing", False),
    ],
)
def test_filters_and_search_narrow_the_journal(
    root: Client, dead: JournalEntry, query: str, found: bool
) -> None:
    assert (">t1<" in read(root, LIST + query)) is found


def test_odd_addresses_are_answered_without_a_crash(root: Client, dead: JournalEntry) -> None:
    for odd in ("?q=%00", "?state=%00", "?p=x", "99999999999999999999/change/", "x/change/"):
        assert root.get(LIST + odd).status_code in (200, 302), odd
        assert root.get(NODES + odd).status_code in (200, 302, 400), odd
    assert root.get(LIST + "?nonsense=1").status_code == 400
    assert root.get(retry_url(dead)).status_code == 404
    for name, key in (("journalentry", dead.pk), ("link", ORGANIZATION)):
        assert root.get(reverse(f"admin:syncing_{name}_add")).status_code == 403
        delete = reverse(f"admin:syncing_{name}_delete", args=[key])
        assert root.post(delete, {"post": "yes"}).status_code == 403


def test_the_journal_takes_as_many_queries_for_many_entries_as_for_few(
    root: Client, client: CloudClient, owner: Caller
) -> None:
    make_chain(owner)
    counts = []
    for numbers in (range(2, 4), range(4, 12)):
        for number in numbers:
            services.create(owner, PROJECT, {}, context_id=f"q{number}")
        read(root, LIST)
        with CaptureQueriesContext(connection) as captured:
            read(root, LIST)
        counts.append(len(captured))
    assert counts[0] == counts[1]
    assert not [query for query in captured if '"contexts_change"."document"' in query["sql"]]


def test_no_text_from_elsewhere_becomes_html(
    root: Client, dead: JournalEntry, client: CloudClient
) -> None:
    JournalEntry.objects.update(code=EVIL, last_error=EVIL)
    Link.objects.update(parked=EVIL, last_error=EVIL, hub_epoch=EVIL)
    Peer.objects.create(organization_id=ORGANIZATION, node=EVIL, agent=EVIL, incarnation=EVIL)
    peer = reverse("admin:syncing_peer_change", args=[Peer.objects.get().pk])
    for address in (LIST, page_of(dead), HUB, NODES, peer, "/admin/"):
        body = read(root, address)
        assert "<script>alert" not in body, address
        assert address == "/admin/" or "&lt;script&gt;alert" in body, address
        assert re.findall(r"<script(?![^>]*\bsrc=)", body) == [], address
        assert re.findall(r'<[^>]*\s(?:style|on[a-z]+)="', body) == [], address


def test_a_contexts_page_leads_to_its_refused_changes(root: Client, dead: JournalEntry) -> None:
    task = TASK.rows(ORGANIZATION, context_id="t1").get()
    body = read(root, reverse("admin:contexts_taskcontext_change", args=[task.pk]))
    notice = re.search(r'class="notice">A change here was refused[^<]*<a href="([^"]+)"', body)
    assert notice is not None
    assert "document_too_large" in read(root, unescape(notice.group(1)))


# The hub


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


# The nodes


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
