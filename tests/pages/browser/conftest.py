"""A browser in front of a running server, an agent and an admin."""

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.instances import Instance, temporary_database
from tests.pages.browsing import Visit, as_admin, launch, visit


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = launch(playwright)
        yield opened
        opened.close()


@pytest.fixture(scope="package")
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
