"""What axe finds on the pages, and whether all of them can be seen at any width."""

from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.instances import Instance
from tests.pages.browser.stories import chain
from tests.pages.browsing import NARROW, Visit, as_admin, axe, post, visit, wide_open

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1280, 900), NARROW])
def test_axe_finds_nothing_serious_and_nothing_runs_over_the_edge(
    browser: Browser, site: Instance, agent: httpx.Client, size: tuple[int, int], scheme: Any
) -> None:
    name = f"axe-{scheme}-{size[0]}"
    task = chain(agent, name, status="todo", rules={"style": "none"}, word="x" * 300)
    post(agent, f"{task}insights/", content="long" * 100, importance="critical")
    post(agent, f"{task}progress/", content="half way")
    with visit(browser, site, size, color_scheme=scheme, reduced_motion="reduce") as visiting:
        page = visiting.go("")
        assert axe(page) == [], "sign-in"
        as_admin(visiting)
        for path in ("", task, f"contexts/project/{name}/", "decisions/"):
            visiting.open(path)
            if path == task:
                page.get_by_role("button", name="Edit").click()
                expect(page.get_by_label("Document", exact=True)).to_be_focused()
            assert axe(page) == [], path
            assert wide_open(page) <= 0, path


def test_a_page_ends_where_what_it_shows_ends(admin: Visit, agent: httpx.Client) -> None:
    address = chain(agent, "length", **{f"key{n}": {"a": n} for n in range(60)})
    for number in range(30):
        post(agent, "contexts/task/length-t/progress/", content=f"{number} " + "word " * 40)
    for path in ("", address):
        page = admin.open(path)
        # What is read aloud only, and scrolled away in a box, lengthened the page.
        longer = page.evaluate(
            "document.documentElement.scrollHeight"
            " - Math.max(document.getElementById('content').getBoundingClientRect().bottom"
            " + scrollY, innerHeight)"
        )
        assert longer <= 1, (path, longer)


def test_a_tasks_id_can_be_read_at_any_width(admin: Visit, agent: httpx.Client) -> None:
    post(agent, "contexts/project/", id="wide")
    post(agent, "contexts/branch/", id="wide-b", project_id="wide")
    data = {"status": "waits for a review of the other team", "title": "The title " * 12}
    post(agent, "contexts/task/", id="wide-t", branch_id="wide-b", data=data, progress=40)
    page = admin.open("")
    shown = page.locator('[data-key="task/wide-t"] .context-id')
    expect(shown).to_be_visible()
    for width in (390, 641, 700, 1000, 1100, 1280, 1440):
        page.set_viewport_size({"width": width, "height": 800})
        assert shown.evaluate("shown => shown.scrollWidth - shown.clientWidth") <= 0, width
        assert wide_open(page) <= 0, width
