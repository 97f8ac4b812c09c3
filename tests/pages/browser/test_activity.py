"""The picture of a long task's activity."""

import re
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from tests.pages.browser.stories import SEEN, chain
from tests.pages.browsing import Visit, axe, post, wide_open

pytestmark = pytest.mark.browser


def act(agent: httpx.Client, kind: str, **data: Any) -> None:
    post(agent, "actions/", action_type=kind, action_data=data)


def test_the_activity_of_a_long_task_is_a_picture(admin: Visit, agent: httpx.Client) -> None:
    task = {"task_id": "acts-t"}
    address = chain(agent, "acts")
    for number in range(120):
        path = f"/srv/shop/src/{'deep/' * 9}{number % 40:02}<b>.py"
        lines = "".join(f"+line {line}\n" for line in range(number % 40 + 1))
        hunk = f"@@ -1 +1,{number % 40 + 1} @@\n-old\n{lines}"
        act(agent, "file_edit", **task, changes=f"--- {path}\n+++ {path}\n{hunk}")
        act(agent, "command", **task, command=f"make {number}", exit_code=number % 2)
        act(agent, "search", **task, query=f"quantize {number}", results=["a.py"] * 3)
    failures = [{"name": f"t.py::test_{n}", "message": "2.67 != 2.68"} for n in range(30)]
    act(agent, "test_run", **task, passed=412, failed=30, coverage=91.5, failure_details=failures)
    # Its output was cut off before it told anything.
    act(agent, "command", **task, command="pytest -q", exit_code=137, output="Killed")
    page = admin.open(address)
    picture = page.locator("#activity-picture")
    expect(picture).to_contain_text("412 passed, 30 failed, 91.5 % covered")
    expect(picture.get_by_role("heading")).to_have_text(
        ["40 files changed", "Tests, last run", "Commands that failed", "Searched for"]
    )
    told = ["and 28 more", "and 22 more", "and 42 more", "and 42 more"]
    expect(picture.get_by_text(re.compile(r"^and \d+ more$"))).to_have_text(told)
    files = picture.locator(".file")
    expect(files).to_have_count(12)
    expect(files.first).to_contain_text("+120")
    # Too long a path loses its beginning, and is not turned round.
    drawn = files.first.locator("code").evaluate(DRAWN)
    assert drawn["cut"]
    assert drawn["last"] > drawn["first"]
    expect(picture).to_contain_text("exit 137")
    assert wide_open(page) <= 0
    assert axe(page) == []
    act(agent, "test_run", **task, passed=442, failed=0)
    expect(picture).to_contain_text("442 passed", timeout=SEEN)


# Where the first and the last character of an element's text are drawn.
DRAWN = """code => {
    const text = document.createTreeWalker(code, NodeFilter.SHOW_TEXT).nextNode();
    const place = (at) => {
        const range = document.createRange();
        range.setStart(text, at);
        range.setEnd(text, at + 1);
        return range.getBoundingClientRect().left;
    };
    return {
        cut: code.scrollWidth > code.clientWidth,
        first: place(0),
        last: place(text.length - 1),
    };
}"""
