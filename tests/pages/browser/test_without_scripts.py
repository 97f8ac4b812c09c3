"""The pages in a browser that runs no scripts: they show how things were, and search works."""

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.instances import Instance
from tests.pages.browser.stories import chain
from tests.pages.browsing import NARROW, visit, wide_open

pytestmark = pytest.mark.browser


def test_one_signs_in_searches_and_reads(
    browser: Browser, site: Instance, agent: httpx.Client
) -> None:
    chain(agent, "plain", note="The numbat eats termites")
    made = site.credentials()
    with visit(browser, site, NARROW, java_script_enabled=False) as visiting:
        page = visiting.go("")
        page.get_by_label("User name").fill(made["admin_username"])
        page.get_by_label("Password").fill(made["admin_password"])
        page.get_by_role("button", name="Sign in").click()
        words = page.get_by_label("Search contexts")
        words.fill("numb")
        words.press("Enter")
        expect(page.get_by_role("heading", name="Found for “numb”")).to_be_visible()
        assert wide_open(page) <= 0
        page.get_by_role("link", name="plain-t").click()
        seen = page.get_by_role("region", name="What an agent sees here")
        expect(seen).to_contain_text("The numbat eats termites")
        # Nothing there would ever become known.
        expect(page.locator("#state")).to_be_hidden()
