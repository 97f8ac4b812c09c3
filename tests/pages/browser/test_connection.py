"""A page's connection to its server, and what it says of that and of the hub."""

import json
import re
import time
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.instances import Instance
from tests.pages.browser.stories import NOISE, SEEN, chain
from tests.pages.browsing import Visit, as_admin, patch, visit

pytestmark = pytest.mark.browser


def hub(visiting: Visit, age: int | None, **more: Any) -> None:
    """The first page, told by the server that it last synced so many seconds ago."""
    last = None
    if age is not None:
        last = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(time.time() - age))
    sync = {"status": "healthy", "pending_syncs": 0, "hub": "answers", "last_sync": last, **more}
    body = json.dumps({"status": "healthy", "sync": sync})
    visiting.page.unroute_all()
    visiting.page.route(
        "**/api/v1/health/",
        lambda route: route.fulfill(body=body, content_type="application/json"),
    )
    visiting.open("")


def test_how_fresh_the_hub_is_shows_in_colour_and_words(admin: Visit) -> None:
    state = admin.page.locator("#state-sync")
    for age, colour, words in (
        (5, "good", r"Synced \d+ s ago"),
        (100, "warn", "Synced 1 min ago"),
        (400, "bad", "Synced 6 min ago"),
    ):
        hub(admin, age)
        expect(state).to_have_attribute("data-state", colour)
        expect(state).to_have_text(re.compile(words))
    hub(admin, None, pending_syncs=3)
    expect(state).to_have_text("Never synced, 3 pending")
    hub(admin, 5, hub="refuses")
    expect(state).to_have_attribute("data-state", "bad")


def test_a_session_that_ended_elsewhere_is_told(
    browser: Browser, site: Instance, agent: httpx.Client
) -> None:
    site.manage("shell", "-c", MEMBER)
    task = chain(agent, "ends")
    with visit(browser, site) as visiting:
        visiting.expected = "status of 401"
        page = visiting.sign_in("mia", "a long password")
        site.manage("shell", "-c", SESSIONS_END)
        patch(agent, "contexts/task/ends-t/", data={"status": "unseen"})
        expect(page.locator("#state-live")).to_have_text("Signed out")
        visiting.told("You are signed out.")
        visiting.go(task)
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


MEMBER = """
from django.contrib.auth.models import User
from contexts.models import Membership
user = User.objects.create_user("mia", password="a long password")
Membership.objects.create(user=user, organization_id="global", role="reader")
"""
SESSIONS_END = """
from django.contrib.auth.models import User
user = User.objects.get(username="mia")
user.set_password("another password")
user.save()
"""


def test_a_page_left_open_recovers_from_a_restart_and_says_so(
    browser: Browser, start_instance: Any
) -> None:
    instance: Instance = start_instance()
    port = instance.url.rstrip("/").rpartition(":")[2]
    with instance.client() as agent:
        chain(agent, "restart")
    with visit(browser, instance) as visiting:
        page = as_admin(visiting)
        assert instance.stop() == 0
        expect(page.locator("#state-live")).to_have_text("Connection lost, trying again…")
        visiting.told("The connection is lost")
        visiting.expected = NOISE
        instance.manage("shell", "-c", MISSED)
        instance.start("--port", port)
        visiting.told("Connected again, and caught up with 1 change.")
        visiting.live()
        expect(page.locator("#feed li").first).to_contain_text("while it was away")
        with instance.client() as agent:
            patch(agent, "contexts/task/restart-t/", data={"status": "after"})
        expect(page.locator('[data-key="task/restart-t"]')).to_contain_text("after", timeout=SEEN)


MISSED = """
from contexts import entries
from contexts.changes import Author
from contexts.levels import TASK
from contexts.models import Entry
entries.add(Author("global", "night"), TASK, "restart-t", Entry.Kind.PROGRESS, "while it was away")
"""


def test_another_log_under_the_page_is_read_anew(browser: Browser, start_instance: Any) -> None:
    instance: Instance = start_instance()
    port = instance.url.rstrip("/").rpartition(":")[2]
    with instance.client() as agent:
        chain(agent, "restored")
    with visit(browser, instance) as visiting:
        page = as_admin(visiting)
        visiting.expected = NOISE
        assert instance.stop() == 0
        # As after a backup was put back: what the page knows is of no use any more.
        instance.manage(
            "shell",
            "-c",
            "from contexts.models.log import Feed, new_epoch\n"
            "Feed.objects.update(epoch=new_epoch())\n",
        )
        instance.start("--port", port)
        visiting.told("Connected again. Everything was read anew.")
        with instance.client() as agent:
            patch(agent, "contexts/task/restored-t/", data={"status": "after"})
        expect(page.locator('[data-key="task/restored-t"]')).to_contain_text("after", timeout=SEEN)


def test_a_page_in_a_storm_of_changes_leaves_the_server_room(admin: Visit) -> None:
    page = admin.page
    admin.go("sign-in/")
    page.clock.install(time=0)
    page.clock.pause_at(1000)
    page.evaluate(
        """async () => {
            const { gathered } = await import("/static/contexts/pages/live.js");
            window.begun = 0;
            const ask = gathered(() => {
                window.begun += 1;
                return new Promise((done) => setTimeout(done, 400));
            });
            setInterval(ask, 50);
        }"""
    )
    for _ in range(200):
        page.clock.run_for(50)
        # What waits for a promise goes on between two ticks.
        page.evaluate("() => Promise.resolve()")
    # A run takes 400 ms and rests for 1,200: six or seven in ten seconds, not twenty.
    assert 5 <= page.evaluate("window.begun") <= 8
