"""The pages by keyboard alone: search, and from the tree to a saved edit."""

import httpx
import pytest
from playwright.sync_api import expect

from tests.pages.browser.stories import chain
from tests.pages.browsing import Visit, axe

pytestmark = pytest.mark.browser


def test_search_answers_while_typing_and_enter_opens_what_was_found(
    admin: Visit, agent: httpx.Client
) -> None:
    chain(agent, "finds", note="The quokka is a small macropod")
    page = admin.open("")
    page.keyboard.press("/")
    page.keyboard.type("quok", delay=30)
    found = page.get_by_role("listbox", name="Found").get_by_role("option")
    expect(found).to_have_count(1)
    expect(found).to_contain_text("The quokka")
    assert axe(page) == []
    page.keyboard.press("ArrowDown")
    expect(found).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    page.wait_for_url("**/contexts/task/finds-t/")
    page.keyboard.press("/")
    page.keyboard.type("nothing-like-it")
    expect(page.locator("#search-none")).to_contain_text("Nothing with")
    page.keyboard.press("Escape")
    expect(page.locator("#search-box")).to_be_hidden()


def test_what_was_found_is_a_page_to_keep_too(admin: Visit, agent: httpx.Client) -> None:
    """Its address is what a browser without scripts gets; with scripts it is a page like others."""
    chain(agent, "keeps", note="The bilby digs spirals")
    page = admin.open("find/?q=bilby")
    expect(page.get_by_role("heading", name="Found for “bilby”")).to_be_visible()
    assert axe(page) == []
    page.keyboard.press("/")
    page.keyboard.type("bilb", delay=30)
    option = page.get_by_role("listbox", name="Found").get_by_role("option")
    expect(option).to_have_count(1)
    page.keyboard.press("Escape")
    page.locator("main a.found").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/contexts/task/keeps-t/")


def test_the_keyboard_alone_goes_from_the_tree_to_a_saved_edit(
    admin: Visit, agent: httpx.Client
) -> None:
    chain(agent, "keys")
    page = admin.open("")
    press = page.keyboard.press
    page.locator("body").focus()
    press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    press("Enter")
    press("Tab")
    press("Tab")
    expect(page.locator('[data-key="global/global"] > .node-row .node-link')).to_be_focused()
    # What was made last is open already, down to its task.
    for key in ("project/keys", "branch/keys-b", "task/keys-t"):
        press("ArrowDown")
        expect(page.locator(f'[data-key="{key}"] > .node-row .node-link')).to_be_focused()
    press("ArrowLeft")
    press("ArrowLeft")
    expect(page.locator('[data-key="task/keys-t"]')).to_be_hidden()
    press("ArrowRight")
    press("ArrowRight")
    expect(page.locator('[data-key="task/keys-t"] .node-link')).to_be_focused()
    press("Enter")
    page.wait_for_url("**/contexts/task/keys-t/")
    admin.live()
    edit = page.get_by_role("button", name="Edit")
    for _ in range(40):
        if edit.evaluate("button => button === document.activeElement"):
            break
        press("Tab")
    press("Enter")
    expect(page.get_by_label("Document", exact=True)).to_be_focused()
    press("Control+a")
    page.keyboard.insert_text('{"by": "keyboard"}')
    press("Control+Enter")
    admin.told("Saved as version 2.")
    expect(edit).to_be_focused()
