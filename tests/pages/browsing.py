"""Chromium in front of a running server: opened, signed in, and asked what went wrong."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.conftest import chromium
from tests.instances import Instance

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# Long enough for a machine that does much else; what must be quick is measured where it is tested.
PATIENCE = 20_000
WIDE = (1280, 900)
NARROW = (390, 844)
SERIOUS = ("serious", "critical")


@contextmanager
def launched() -> Iterator[Browser]:
    """The machine's own chromium."""
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(ARGUMENTS))
        yield browser
        browser.close()


@dataclass
class Visit:
    """A human with a browser. `complaints` is what the console got; `expected` may be there."""

    instance: Instance
    context: BrowserContext
    page: Page
    complaints: list[str] = field(default_factory=list)
    expected: str = r"(?!)"

    def go(self, path: str) -> Page:
        self.page.goto(self.instance.url + path)
        return self.page

    def sign_in(self, name: str, password: str) -> Page:
        """Through the form, until the first page is live."""
        self.go("")
        self.page.get_by_label("User name").fill(name)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in").click()
        self.live()
        return self.page

    def open(self, path: str) -> Page:
        """A page of the one who is signed in, once it is live."""
        self.go(path)
        self.live()
        return self.page

    def live(self) -> None:
        expect(self.page.locator("#state-live")).to_have_text("Live")

    def told(self, words: str) -> None:
        """The page says so, also to those who do not see it."""
        expect(self.page.locator("#told")).to_contain_text(words)

    def unexpected(self) -> list[str]:
        return [each for each in self.complaints if not re.search(self.expected, each)]


@contextmanager
def visit(
    browser: Browser, instance: Instance, size: tuple[int, int] = WIDE, **options: Any
) -> Iterator[Visit]:
    """A browser of its own, without cookies; at the end its console must have been quiet."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, **options)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    visiting = Visit(instance, context, page)

    def hear(message: Any) -> None:
        if message.type in ("error", "warning"):
            visiting.complaints.append(f"{message.text} ({message.location.get('url')})")

    page.on("console", hear)
    page.on("pageerror", lambda error: visiting.complaints.append(str(error)))
    try:
        yield visiting
    finally:
        context.close()
    assert visiting.unexpected() == [], visiting.unexpected()


def as_admin(visiting: Visit) -> Page:
    made = visiting.instance.credentials()
    return visiting.sign_in(made["admin_username"], made["admin_password"])


def axe(page: Page) -> list[str]:
    """What axe finds serious on a page as it is, each as one line."""
    found = Axe().run(page).response["violations"]
    return [
        f"{each['impact']} {each['id']}: {node['html'][:200]} {node.get('failureSummary', '')}"
        for each in found
        if each["impact"] in SERIOUS
        for node in each["nodes"]
    ]


def wide_open(page: Page) -> int:
    """By how many pixels the page is wider than the window."""
    wider: int = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    return wider


def post(client: httpx.Client, path: str, **body: Any) -> dict[str, Any]:
    """A write over REST, which must succeed."""
    response = client.post(f"/api/v1/{path}", json=body)
    assert response.status_code < 300, response.text
    written: dict[str, Any] = response.json()
    return written


def patch(client: httpx.Client, path: str, **body: Any) -> dict[str, Any]:
    """An edit over REST, which must succeed."""
    response = client.patch(f"/api/v1/{path}", json=body)
    assert response.status_code < 300, response.text
    written: dict[str, Any] = response.json()
    return written
