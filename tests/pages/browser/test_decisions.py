"""Decisions in a browser: what was handed up, and conflicts."""

import httpx
import pytest
from playwright.sync_api import expect

from tests.instances import Instance
from tests.pages.browser.stories import SEEN, chain
from tests.pages.browsing import NARROW, Visit, axe, post

pytestmark = pytest.mark.browser


def test_an_admin_approves_what_was_handed_up(
    admin: Visit, agent: httpx.Client, site: Instance
) -> None:
    chain(agent, "hands")
    key = site.manage("create_agent", "hand", "--role", "writer").stdout.strip()
    with site.client(key) as writer:
        page = admin.open("decisions/")
        for fact in ("approved", "rejected"):
            post(
                writer,
                "contexts/task/hands-t/delegations/",
                delegate_to="global",
                delegate_data={"hands": {fact: True}},
                delegation_reason=f"to be {fact}",
            )
        case = page.locator(".case", has_text="to be approved")
        expect(case.get_by_role("row", name="hands")).to_contain_text("not there", timeout=SEEN)
        expect(page.locator("#waiting")).to_have_text("2 waiting")
        case.get_by_role("button", name="Approve").click()
        admin.told("Approved.")
        expect(case).to_have_count(0)
        other = page.locator(".case", has_text="to be rejected")
        other.get_by_role("button", name="Reject").click()
        admin.told("Rejected.")
        expect(page.locator("#part-delegations")).to_contain_text("Nothing waits")
    settings = agent.get("/api/v1/contexts/global/global/").json()["data"]
    assert settings["hands"] == {"approved": True}


CONFLICT = """
from contexts.identifiers import uuid7
from syncing.models import Conflict
def fields(style):
    return {"project_name": "", "data": {"rules": {"style": style}}, "metadata": {}}
Conflict.objects.create(
    conflict_id=uuid7(), organization_id="global", level="project", context_id="fights",
    base=fields("black"), ours=fields("<b>ours</b>"), theirs=fields("theirs"),
    paths=["/data/rules/style"], actor="agent-9")
"""


def test_a_conflict_is_settled_by_one_click(
    admin: Visit, agent: httpx.Client, site: Instance
) -> None:
    chain(agent, "fights")
    site.manage("shell", "-c", CONFLICT)
    page = admin.open("decisions/")
    case = page.locator("#conflicts .case")
    cells = case.get_by_role("row", name="data.rules.style").get_by_role("cell")
    expect(cells).to_have_text(['"black"', '"<b>ours</b>"', '"theirs"'])
    expect(page.locator("#waiting")).to_have_text("1 waiting")
    assert axe(page) == []
    # On a phone one below the other, each with its name: nothing is to be pushed sideways.
    page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
    box = case.get_by_role("region", name="Both edits")
    assert box.evaluate("box => box.scrollWidth - box.clientWidth") <= 0
    heads = "cells => cells.map(cell => getComputedStyle(cell, '::before').content)"
    assert case.locator("td").evaluate_all(heads) == ['"Before"', '"The hub\'s"', '"The later one"']
    assert axe(page) == []
    case.get_by_role("button", name="Take the later one").click()
    admin.told("Settled.")
    expect(page.locator("#conflicts")).to_contain_text("None is open")
    expect(page.locator("#waiting")).to_be_hidden()
    settled = agent.get("/api/v1/contexts/project/fights/").json()
    assert settled["data"]["rules"]["style"] == "theirs"
