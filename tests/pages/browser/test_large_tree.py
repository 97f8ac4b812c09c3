"""The first page of an organization with thousands of tasks."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.instances import Instance, running
from tests.pages.browsing import Visit, patch

pytestmark = [pytest.mark.browser, pytest.mark.once]
BRANCHES, TASKS, PAGE = 300, 5_000, 50
# Made one by one they would take a minute: all but one task are copies, which no log knows.
MAKE = f"""
from django.db import transaction
from contexts import services
from contexts.changes import Author
from contexts.levels import BRANCH, PROJECT, TASK
author = Author("global", "night")
def make(level, context_id, **parent):
    services.create(author, level, {{}}, context_id=context_id, parent_ids=parent)
with transaction.atomic():
    make(PROJECT, "huge", global_id="global")
    for number in range({BRANCHES}):
        make(BRANCH, f"b{{number:03}}", project_id="huge")
    make(TASK, "t0000", branch_id="b150")
    row = TASK.rows("global", context_id="t0000").get()
    values = {{each.attname: getattr(row, each.attname) for each in row._meta.concrete_fields}}
    del values[row._meta.pk.attname], values["context_id"]
    TASK.model.objects.bulk_create(
        TASK.model(**values, context_id=f"t{{number:04}}") for number in range(1, {TASKS})
    )
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    with running(tmp_path_factory.mktemp("large")) as instance:
        instance.manage("shell", "-c", MAKE)
        yield instance


def rows(page: Page, parent: str) -> Locator:
    return page.locator(f'[data-of="{parent}"] > .node')


def more(page: Page, parent: str) -> Locator:
    return page.locator(f'[data-of="{parent}"] > .more-nodes button')


def show_more(page: Page, parent: str, times: int) -> None:
    """Opens so many pages of what lies below a context, or all."""
    for _ in range(times):
        before = rows(page, parent).count()
        if not more(page, parent).count():
            return
        more(page, parent).click()
        # What a later page has may be in sight already, as something happened there.
        ended = page.locator(f'[data-of="{parent}"]:not(:has(> .more-nodes))')
        expect(rows(page, parent).nth(before).or_(ended).first).to_be_attached()
        expect(page.locator(".node-link:focus, .more-nodes button:focus")).to_have_count(1)


def keys(page: Page, parent: str) -> list[str]:
    told: list[str] = rows(page, parent).evaluate_all("rows => rows.map(row => row.dataset.key)")
    return told


def test_a_branch_of_thousands_of_tasks_opens_page_by_page_and_stays_live(
    admin: Visit, site: Instance
) -> None:
    page = admin.open("")
    # Pages of the tree, not the tree: what is sent and drawn does not grow with it.
    assert page.locator(".node").count() <= 8 * PAGE
    show_more(page, "project/huge", BRANCHES // PAGE + 1)
    assert sorted(keys(page, "project/huge")) == [f"branch/b{n:03}" for n in range(BRANCHES)]
    if not rows(page, "branch/b150").count():
        page.get_by_role("button", name="branch b150:").click()
        expect(rows(page, "branch/b150").first).to_be_visible()
    show_more(page, "branch/b150", 10)
    shown = keys(page, "branch/b150")
    assert len(shown) == len(set(shown)) >= 11 * PAGE
    with site.client() as agent:
        # One in sight far down rises; one that was not shown yet joins.
        for key in (shown[-1], "task/t0001"):
            patch(agent, f"contexts/{key}/", data={"status": "live"})
            expect(rows(page, "branch/b150").first).to_have_attribute("data-key", key)
            expect(rows(page, "branch/b150").first).to_contain_text("live")
        # A burst leaves what was opened open.
        for number in range(150):
            patch(agent, f"contexts/task/t{number % 5:04}/", data={"status": f"burst {number}"})
    expect(page.locator("#feed li").first).to_contain_text("burst 149")
    after = keys(page, "branch/b150")
    assert len(after) == len(set(after)) > len(shown)
    assert set(shown) <= set(after)
