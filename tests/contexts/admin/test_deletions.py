"""Deleting contexts: what goes along is named before."""

from django.test import Client

from contexts.levels import GLOBAL, PROJECT, TASK
from contexts.models import Change, Context
from tests.contexts.admin.pages import page, row_of, url


def test_deleting_names_what_lies_below_and_needs_a_yes_to_it(
    root: Client, chain: dict[str, Context]
) -> None:
    address = url(PROJECT, "delete", chain["project"].pk)
    body = page(root, address)
    assert "b1" in body
    assert "t1" in body
    refused = root.post(address, {"revision": chain["project"].revision})
    assert refused.status_code == 409
    assert row_of(PROJECT, "p1")
    root.post(address, {"revision": chain["project"].revision, "cascade": "yes"})
    newest = Change.objects.order_by("-seq").values_list("level", "operation", "actor")[:3]
    assert set(newest) == {(name, "deleted", "root") for name in ("project", "branch", "task")}


def test_deleting_many_asks_first_and_goes_through_the_services(
    root: Client, chain: dict[str, Context]
) -> None:
    sent = {"action": "delete_chosen", "_selected_action": [chain["task"].pk]}
    assert b"t1" in root.post(url(TASK, "changelist"), sent).content
    assert row_of(TASK, "t1")
    root.post(url(TASK, "changelist"), {**sent, "confirmed": "yes"})
    assert Change.objects.latest("seq").operation == "deleted"


def test_an_organization_cannot_be_deleted(root: Client, chain: dict[str, Context]) -> None:
    assert root.post(url(GLOBAL, "delete", chain["global"].pk)).status_code == 403
    sent = {"action": "delete_selected", "_selected_action": [chain["global"].pk], "post": "yes"}
    root.post(url(GLOBAL, "changelist"), sent)
    assert row_of(GLOBAL, "global")
