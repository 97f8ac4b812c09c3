"""The form that makes a context, below the parent that was chosen."""

import re

import pytest
from django.test import Client

from contexts.levels import GLOBAL, TASK
from contexts.models import Change, Context, owned
from tests.contexts.admin.pages import change_url, page, row_of, url


def test_a_new_context_is_made_below_the_chosen_parent(
    root: Client, chain: dict[str, Context]
) -> None:
    branch = chain["branch"]
    sent = {"parent": branch.pk, "id": "t2", "data": '{"a": 1}', "progress": "5"}
    response = root.post(url(TASK, "add"), sent)
    made = row_of(TASK, "t2")
    assert response["Location"] == change_url(TASK, made)
    assert (made.parent.context_id, made.data, made.updated_by) == ("b1", {"a": 1}, "root")
    assert Change.objects.latest("seq").operation == "created"


def test_a_new_context_without_an_id_gets_one(root: Client, chain: dict[str, Context]) -> None:
    root.post(url(TASK, "add"), {"parent": chain["branch"].pk, "progress": "0"})
    assert len(Change.objects.latest("seq").context_id) == 36


@pytest.mark.parametrize(
    ("context_id", "complaint"), [("t1", "already"), ("-bad id", "a letter or digit")]
)
def test_a_taken_or_wrong_id_is_refused_and_the_text_stays(
    root: Client, chain: dict[str, Context], context_id: str, complaint: str
) -> None:
    sent = {"parent": chain["branch"].pk, "id": context_id, "data": '{"a": 1}', "progress": "0"}
    body = root.post(url(TASK, "add"), sent).content.decode()
    assert complaint in body
    assert "{&quot;a&quot;: 1}" in body


def test_a_new_organization_has_a_feed_of_its_own(root: Client) -> None:
    root.post(url(GLOBAL, "add"), {"id": "acme", "organization_name": "Acme"})
    assert row_of(GLOBAL, "acme", "acme").name == "Acme"
    assert owned("acme", Change).get().seq == 1


@pytest.mark.parametrize("parent", ["abc", "²", "-1", "99999999999999999999999", ""])
def test_a_parent_that_cannot_be_is_a_mistake_in_the_form(
    root: Client, chain: dict[str, Context], parent: str
) -> None:
    assert 'name="parent"' in page(root, url(TASK, "add") + f"?parent={parent}")
    sent = {"parent": parent, "id": "t2", "data": '{"a": 1}', "progress": "0"}
    response = root.post(url(TASK, "add"), sent)
    assert response.status_code == 200
    assert response.context["errors"]["parent"]
    assert "{&quot;a&quot;: 1}" in response.content.decode()


def test_a_parent_in_the_address_is_chosen_in_the_form(
    root: Client, chain: dict[str, Context]
) -> None:
    key = chain["branch"].pk
    body = page(root, url(TASK, "add") + f"?parent={key}")
    assert re.search(rf'<option value="{key}" selected[^>]*>', body)
