"""The journal as people see it in the admin."""

import re
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

from contexts import entries, services
from contexts.access import Caller
from contexts.levels import PROJECT, TASK
from contexts.models import Entry, Role, owned
from syncing import tasks
from syncing.client import CloudClient
from syncing.models import JournalEntry, Lane, Link, Peer
from tests.conftest import Humans, make_chain, make_organization
from tests.syncing.admin_of_node.conftest import HUB, read, text
from tests.syncing.hubs import ORGANIZATION, exchange

LIST = "/admin/syncing/journalentry/"
NODES = "/admin/syncing/peer/"
EVIL = '"><script>alert(1)</script>'
State = JournalEntry.State


def page_of(entry: JournalEntry) -> str:
    return reverse("admin:syncing_journalentry_change", args=[entry.pk])


def retry_url(entry: JournalEntry) -> str:
    return reverse("admin:syncing_journalentry_retry", args=[entry.pk])


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
