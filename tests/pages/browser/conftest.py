"""A browser in front of a running server, an agent and an admin."""

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser

from tests.instances import Instance, running
from tests.pages.browsing import Visit, as_admin, launched, visit
from tests.system.processes import kind_asked_for


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with launched() as opened:
        yield opened


@pytest.fixture(scope="package")
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Instance]:
    """A running instance for all tests here; each makes contexts of its own in it."""
    kind = kind_asked_for(request.config)
    with running(tmp_path_factory.mktemp("site"), kind) as instance:
        yield instance


@pytest.fixture
def agent(site: Instance) -> Iterator[httpx.Client]:
    with site.client() as client:
        yield client


@pytest.fixture
def admin(browser: Browser, site: Instance) -> Iterator[Visit]:
    with visit(browser, site) as visiting:
        as_admin(visiting)
        yield visiting
