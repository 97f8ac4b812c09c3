"""The tree in a browser: live, page by page."""

import httpx
import pytest
from playwright.sync_api import expect

from tests.pages.browser.stories import NOISE, SEEN, chain
from tests.pages.browsing import Visit, patch, post

pytestmark = pytest.mark.browser


def test_signing_in_leads_to_the_tree_and_signing_out_away_from_it(admin: Visit) -> None:
    page = admin.page
    expect(page.get_by_role("heading", name="Contexts")).to_be_visible()
    expect(page.locator("#state-health")).to_have_text("Healthy")
    expect(page.locator("#state-sync")).to_have_text("No hub")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    admin.go("decisions/")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_change_made_by_rest_is_seen_within_two_seconds_glows_and_moves_up(
    admin: Visit, agent: httpx.Client
) -> None:
    for number in range(4):
        chain(agent, f"live{number}")
    page = admin.open("")
    page.get_by_role("button", name="project live0:").click()
    page.get_by_role("button", name="branch live0-b:").click()
    row = page.locator('[data-key="task/live0-t"]')
    expect(row).to_be_visible()
    patch(agent, "contexts/task/live0-t/", data={"status": "in_progress"}, progress=40)
    expect(row).to_contain_text("in_progress", timeout=SEEN)
    expect(row).to_have_class("node level-task glow")
    first = page.locator('[data-of="global/global"] > .node').first
    expect(first).to_have_attribute("data-key", "project/live0")
    expect(page.locator("#feed li").first).to_contain_text("live0-t")
    expect(page.locator("#people")).to_contain_text("first-agent")
    post(agent, "contexts/task/", id="live0-new", branch_id="live0-b")
    expect(page.locator('[data-key="task/live0-new"]')).to_be_visible(timeout=SEEN)
    agent.delete("/api/v1/contexts/task/live0-new/")
    expect(page.locator('[data-key="task/live0-new"]')).to_have_count(0, timeout=SEEN)


def test_hundreds_of_tasks_come_page_by_page(admin: Visit, agent: httpx.Client) -> None:
    chain(agent, "many")
    for number in range(120):
        post(agent, "contexts/task/", id=f"many-{number:03}", branch_id="many-b")
    page = admin.open("")
    node = page.locator('[data-key="branch/many-b"]')
    if not node.is_visible():
        page.get_by_role("button", name="project many:").click()
    if not page.locator('[data-of="branch/many-b"]').count():
        page.get_by_role("button", name="branch many-b:").click()
    rows = page.locator('[data-of="branch/many-b"] > .node')
    more = node.get_by_role("button", name="Show more")
    for _ in range(4):
        if not more.count():
            break
        before = rows.count()
        more.click()
        expect(rows.nth(before)).to_be_visible()
    assert sorted(rows.evaluate_all("rows => rows.map(row => row.dataset.key)")) == sorted(
        ["task/many-t", *(f"task/many-{number:03}" for number in range(120))]
    )


def test_who_did_nothing_for_a_while_is_not_at_work_any_more(
    admin: Visit, agent: httpx.Client
) -> None:
    chain(agent, "idle")
    # To a clock that runs ahead the socket is silent.
    admin.expected = NOISE
    admin.page.clock.install()
    page = admin.open("")
    people = page.locator("#people")
    expect(people).to_contain_text("first-agent")
    page.clock.run_for(14 * 60_000)
    expect(people).to_contain_text("first-agent")
    page.clock.run_for(2 * 60_000)
    expect(people).to_have_text("Nobody in the last minutes.")
