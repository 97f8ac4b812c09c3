"""A context's versions, and reverting to one of them."""

import re

from django.test import Client

from contexts import services
from contexts.changes import Author
from contexts.levels import TASK
from contexts.models import Context
from tests.contexts.admin.pages import page, row_of, set_field, url


def test_history_shows_old_and_new_values(root: Client, chain: dict[str, Context]) -> None:
    set_field("progress", 60)
    body = page(root, url(TASK, "versions", "global", "t1"))
    assert re.search(r"/progress</code>.*<del>0</del>.*<ins>60</ins>", body)
    assert "agent-9" in body


def test_a_list_whose_items_shift_shows_each_value_where_it_was(
    root: Client, chain: dict[str, Context]
) -> None:
    for steps in (["a", "b", "c", "d"], ["a", "d", "e"]):
        set_field("next_steps", steps)
    body = page(root, url(TASK, "versions", "global", "t1"))
    assert re.search(r"/next_steps/3</code>.*<del>&quot;d&quot;</del>", body)
    assert re.search(r"/next_steps/1</code>.*<del>&quot;b&quot;</del>.*<ins>&quot;d&quot;", body)


def test_history_comes_in_pages(root: Client, chain: dict[str, Context]) -> None:
    for number in range(30):
        set_field("progress", number + 1)
    first = page(root, url(TASK, "versions", "global", "t1"))
    second = page(root, url(TASK, "versions", "global", "t1") + "?p=2")
    assert "<strong>v31</strong>" in first
    assert "<strong>v6</strong>" not in first
    assert "<strong>v6</strong>" in second
    assert "Created" in second


def test_reverting_asks_first_and_makes_the_old_document_the_newest(
    root: Client, chain: dict[str, Context]
) -> None:
    set_field("progress", 60)
    address = url(TASK, "revert", "global", "t1", 1)
    assert "<del>60</del>" in page(root, address)
    assert row_of(TASK, "t1").version == 2
    root.post(address, {"revision": row_of(TASK, "t1").revision})
    now = row_of(TASK, "t1")
    assert (now.progress, now.version, now.updated_by) == (0, 3, "root")


def test_reverting_what_changed_meanwhile_shows_it_again(
    root: Client, chain: dict[str, Context]
) -> None:
    seen = chain["task"].revision
    set_field("progress", 60)
    response = root.post(url(TASK, "revert", "global", "t1", 1), {"revision": seen})
    assert response.status_code == 409
    assert "changed meanwhile" in response.content.decode()
    assert row_of(TASK, "t1").progress == 60


def test_a_deleted_context_keeps_its_history_and_can_come_back(
    root: Client, chain: dict[str, Context]
) -> None:
    services.delete(Author("global", "agent-9"), TASK, "t1")
    body = root.get(url(TASK, "at", "global", "t1"), follow=True).content.decode()
    assert "Deleted" in body
    root.post(url(TASK, "revert", "global", "t1", 1), {"revision": ""})
    assert row_of(TASK, "t1").data["status"] == "todo"
