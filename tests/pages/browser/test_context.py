"""A context's page in a browser: what it shows live, its edits and its versions."""

import json
import random
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from contexts.admin.meanwhile import three_way
from tests.pages.browser.stories import SEEN, chain
from tests.pages.browsing import Visit, axe, patch, post

pytestmark = pytest.mark.browser


def test_a_context_shows_what_it_overrides_and_follows_what_it_inherits(
    admin: Visit, agent: httpx.Client
) -> None:
    page = admin.open(chain(agent, "inherits", rules={"style": "none"}))
    resolved = page.locator("#part-resolved")
    expect(resolved).to_contain_text('overrides project "black"')
    patch(agent, "contexts/project/inherits/", data={"rules": {"tests": "always"}})
    expect(resolved).to_contain_text('"tests": "always"', timeout=SEEN)
    post(agent, "contexts/task/inherits-t/insights/", content="Mock the clock", importance="high")
    expect(page.locator("#part-time")).to_contain_text("Mock the clock", timeout=SEEN)


def test_editing_in_place_checks_what_is_typed_and_saves_a_version(
    admin: Visit, agent: httpx.Client
) -> None:
    page = admin.open(chain(agent, "edits", status="todo"))
    page.get_by_role("button", name="Edit").click()
    document = page.get_by_label("Document", exact=True)
    expect(document).to_have_value('{\n  "status": "todo"\n}')
    document.fill('{"status": ')
    expect(page.locator('[data-field="data"] .wrong')).to_be_visible()
    page.get_by_role("button", name="Save").click()
    expect(document).to_be_focused()
    document.fill("[1]")
    expect(page.locator('[data-field="data"] .wrong')).to_have_text("This must be an object: { … }")
    document.fill('{"status": "done", "big": 1.5e300}')
    page.get_by_label("Progress", exact=True).fill("70")
    page.keyboard.press("Control+Enter")
    admin.told("Saved as version 2.")
    expect(page.locator("#editor")).to_be_hidden()
    expect(page.locator("#part-resolved")).to_contain_text('"done"')
    saved = agent.get("/api/v1/contexts/task/edits-t/").json()
    assert (saved["data"], saved["progress"]) == ({"status": "done", "big": 1.5e300}, 70)
    assert saved["updated_by"] == "admin"


def test_what_the_server_refuses_is_said_at_its_field(admin: Visit, agent: httpx.Client) -> None:
    admin.expected = r"status of 400 .*/api/v1/contexts/task/refused-t/"
    page = admin.open(chain(agent, "refused"))
    page.get_by_role("button", name="Edit").click()
    page.get_by_label("Document", exact=True).fill('{"n": 9007199254740993}')
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#edit-wrong")).to_contain_text("Not saved")
    assert agent.get("/api/v1/contexts/task/refused-t/").json()["version"] == 1


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("Put both together", {"status": "mine", "theirs": 1, "mine": 2}),
        ("Save mine over theirs", {"status": "mine", "mine": 2}),
        ("Take theirs", {"status": "theirs", "theirs": 1}),
    ],
)
def test_when_someone_else_was_faster_both_edits_are_shown(
    admin: Visit, agent: httpx.Client, choice: str, expected: dict[str, Any]
) -> None:
    name = choice.split()[0].lower()
    admin.expected = r"status of 412 .*/api/v1/contexts/task/"
    page = admin.open(chain(agent, name, status="todo"))
    page.get_by_role("button", name="Edit").click()
    document = page.get_by_label("Document", exact=True)
    document.fill(json.dumps({"status": "mine", "mine": 2}))
    patch(agent, f"contexts/task/{name}-t/", data={"status": "theirs", "theirs": 1})
    expect(page.locator("#edit-wrong")).to_contain_text("first-agent has just changed this")
    page.get_by_role("button", name="Save", exact=True).click()
    conflict = page.locator("#conflict")
    expect(conflict).to_contain_text("first-agent was faster")
    cells = conflict.get_by_role("row", name="data.status").get_by_role("cell")
    expect(cells).to_have_text(['"todo"', '"theirs"', '"mine"'])
    assert axe(page) == []
    page.get_by_role("button", name=choice).click()
    if choice != "Save mine over theirs":
        page.get_by_role("button", name="Save", exact=True).click()
    admin.told("Nothing was changed." if choice == "Take theirs" else "Saved as version 3.")
    assert agent.get(f"/api/v1/contexts/task/{name}-t/").json()["data"] == expected


def test_both_edits_come_together_as_in_the_admin(admin: Visit) -> None:
    seeded = random.Random(4)

    def value(depth: int) -> Any:
        if depth and seeded.random() < 0.7:
            keys = seeded.sample(["a", "b", "c", "__proto__"], seeded.randint(0, 3))
            return {key: value(depth - 1) for key in keys}
        return seeded.choice([None, 1, "x", [], [1], {}])

    cases = [[{"d": value(3)} for _ in range(3)] for _ in range(400)]
    found = admin.page.evaluate(
        """async (cases) => {
            const { together } = await import("/static/contexts/pages/comparing.js");
            return JSON.parse(cases).map(([base, mine, theirs]) =>
                JSON.stringify(together(base, mine, theirs)));
        }""",
        json.dumps(cases),
    )
    for case, text in zip(cases, found, strict=True):
        assert json.loads(text) == three_way(*case), case


def test_going_back_to_a_version(admin: Visit, agent: httpx.Client) -> None:
    page = admin.open(chain(agent, "back", status="todo"))
    patch(agent, "contexts/task/back-t/", data={"status": "wrong"})
    expect(page.locator("#part-resolved")).to_contain_text('"wrong"')
    # It was the newest, and so open: what is open stays so.
    page.get_by_role("button", name="Go back to v1").click()
    admin.told("Back at version 1")
    expect(page.locator("#part-resolved")).to_contain_text('"todo"')
    assert agent.get("/api/v1/contexts/task/back-t/").json()["version"] == 3


def test_copying_for_a_prompt(admin: Visit, agent: httpx.Client) -> None:
    admin.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = admin.open(chain(agent, "copies", status="todo"))
    page.get_by_role("button", name="Copy for a prompt").click()
    admin.told("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("# Context of task copies-t")
    assert "rules.style: black" in copied
