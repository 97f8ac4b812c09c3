"""Delegations in the admin: shown as what they would change, and decided."""

import re

from django.test import Client
from django.urls import reverse

from contexts.levels import GLOBAL
from contexts.models import Delegation, Role
from tests.conftest import Humans
from tests.contexts.admin.pages import decide_url, page, row_of


def test_approving_a_delegation_shows_and_then_makes_the_change(
    root: Client, pending: Delegation
) -> None:
    body = page(root, reverse("admin:contexts_delegation_change", args=[pending.pk]))
    assert re.search(r"/rule</code>.*<ins>&quot;new&quot;</ins>", body)
    root.post(decide_url(pending), {"decision": "approved"})
    assert row_of(GLOBAL, "global").data == {"rule": "new"}
    pending.refresh_from_db()
    assert (pending.status, pending.decided_by) == ("approved", "root")


def test_a_rejected_delegation_changes_nothing_and_is_decided_for_good(
    root: Client, pending: Delegation
) -> None:
    root.post(decide_url(pending), {"decision": "rejected"})
    again = root.post(decide_url(pending), {"decision": "approved"}, follow=True)
    assert "root rejected it" in again.content.decode()
    assert row_of(GLOBAL, "global").data == {}


def test_many_delegations_are_decided_at_once(root: Client, pending: Delegation) -> None:
    sent = {"action": "approve_chosen", "_selected_action": [pending.pk]}
    root.post(reverse("admin:contexts_delegation_changelist"), sent)
    pending.refresh_from_db()
    assert pending.status == "approved"


def test_a_writer_sees_delegations_but_does_not_decide(
    signed_in: Humans, pending: Delegation
) -> None:
    writer = signed_in("bob", **{"global": Role.WRITER})
    detail = reverse("admin:contexts_delegation_change", args=[pending.pk])
    assert "Approve" not in page(writer, detail)
    assert writer.post(decide_url(pending), {"decision": "approved"}).status_code == 403
    pending.refresh_from_db()
    assert pending.status == "pending"
