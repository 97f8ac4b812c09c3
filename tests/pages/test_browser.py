"""The pages in a browser, in front of a running server: live, edited, decided, by keyboard."""

import json
import random
import re
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from contexts.admin.meanwhile import three_way
from tests.instances import Instance, temporary_database
from tests.pages.browsing import (
    NARROW,
    Visit,
    as_admin,
    axe,
    launch,
    patch,
    post,
    visit,
    wide_open,
)

pytestmark = pytest.mark.browser
# What a change made elsewhere may take until it is seen (issue 4).
SEEN = 2_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = launch(playwright)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """A running instance for all tests here; each makes contexts of its own in it."""
    folder = tmp_path_factory.mktemp("site")
    with temporary_database(folder) as database_url:
        instance = Instance(folder / "home", database_url, {})
        instance.start()
        yield instance
        instance.kill()


@pytest.fixture
def agent(site: Instance) -> Iterator[httpx.Client]:
    with site.client() as client:
        yield client


@pytest.fixture
def admin(browser: Browser, site: Instance) -> Iterator[Visit]:
    with visit(browser, site) as visiting:
        as_admin(visiting)
        yield visiting


def chain(agent: httpx.Client, name: str, **data: Any) -> str:
    """A project, branch and task of that name; the task's page."""
    post(agent, "contexts/project/", id=name, data={"rules": {"style": "black"}})
    post(agent, "contexts/branch/", id=f"{name}-b", project_id=name)
    post(agent, "contexts/task/", id=f"{name}-t", branch_id=f"{name}-b", data=data)
    return f"contexts/task/{name}-t/"


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


NOISE = r"ERR_CONNECTION_REFUSED|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET|WebSocket connection to"


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
