"""Shared fixtures: three people, their clients, and whole instances in processes of their own.

The suite runs on whatever `DATABASE_URL` and `REDIS_URL` name, by default SQLite in a folder
that is gone afterwards.
"""

import atexit
import gc
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

# Before Django reads its settings: nothing may touch a developer's own instance.
_HOME = tempfile.mkdtemp(prefix="contextsys-tests-")
os.environ["CONTEXTSYS_HOME"] = _HOME
for _name in [name for name in os.environ if name.startswith("CONTEXTSYS_")]:
    if _name != "CONTEXTSYS_HOME":
        del os.environ[_name]
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)

import pytest  # noqa: E402
from django.conf import settings  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.core.cache import cache  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from django.test import Client, TransactionTestCase  # noqa: E402
from rest_framework.test import APIClient  # noqa: E402

from contexts import agents, services  # noqa: E402
from contexts.access import Caller  # noqa: E402
from contexts.changes import Author  # noqa: E402
from contexts.levels import GLOBAL, TASK  # noqa: E402
from contexts.models import Membership, Role  # noqa: E402
from tests.instances import Instance, running, temporary_database  # noqa: E402
from tests.system.processes import kind_asked_for  # noqa: E402

Humans = Callable[..., Client]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--nightly", action="store_true", help="run the slow fault tests too")
    parser.addoption(
        "--site",
        action="store_true",
        help="only tests that look at an instance from outside: two web processes, two workers and "
        "beat behind nginx",
    )


def _with_services() -> bool:
    """Whether this run has PostgreSQL and Redis to use."""
    return bool(connection.vendor == "postgresql" and os.environ.get("REDIS_URL"))


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: a fifth of the time tests wait, for a server to start or
    a clock. Not beside the fault tests, whose clusters want the machine for themselves.
    """
    return (os.cpu_count() or 1) + (not _with_services())


def chromium() -> str | None:
    """The machine's own chromium, which the browser tests drive."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def _fixtures_of(item: pytest.Item) -> set[str]:
    return set(getattr(item, "fixturenames", ()))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out = set() if config.getoption("--nightly") else {"nightly"}
    left_out.add("once" if _with_services() else "services")
    if config.getoption("--site"):
        left_out.add("one_process")
    if chromium() is None and os.environ.get("CI_BROWSER") != "required":
        left_out.add("browser")
    deselected = [
        item
        for item in items
        if any(item.get_closest_marker(name) for name in left_out)
        or (config.getoption("--site") and not {"instance", "site"} & _fixtures_of(item))
    ]
    if deselected:
        config.hook.pytest_deselected(items=deselected)
        items[:] = [item for item in items if item not in deselected]
    # What takes long begins first: in the end no worker is left alone with it.
    items.sort(key=lambda item: not ({"system", "test_simulation.py"} & set(item.path.parts)))


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """SQLite's test database in a file: threads and WAL behave as in production."""
    database = settings.DATABASES["default"]
    if database["ENGINE"].endswith("sqlite3"):
        suffix = os.environ.get("PYTEST_XDIST_WORKER", "main")
        database["TEST"]["NAME"] = str(Path(_HOME) / f"test-{suffix}.sqlite3")


@pytest.fixture(scope="session", autouse=True)
def redis_of_its_own() -> Iterator[None]:
    """Processes of one run, and runs at once, share a Redis: none hears what others say."""
    if not settings.CONTEXTSYS_REDIS_URL:
        yield
        return
    name = Path(_HOME).name
    layers: dict[str, Any] = settings.CHANNEL_LAYERS
    settings.CACHES["default"]["KEY_PREFIX"] = layers["default"]["CONFIG"]["prefix"] = name
    yield
    cast(Any, cache).delete_pattern("*")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    """At the end nothing holds on to a connection that a thread left: the databases are dropped."""
    yield
    gc.collect()


# What migrations fill, for good.
_FILLED = {"django_migrations", "django_content_type", "auth_permission"}


def _empty_tables(case: TransactionTestCase) -> None:
    """Instead of Django's flush, which truncates and then fills again: a tenth of the time."""
    names = connection.introspection.django_table_names(only_existing=True, include_views=False)
    with transaction.atomic(), connection.cursor() as cursor:
        for name in set(names) - _FILLED:
            cursor.execute(f"DELETE FROM {connection.ops.quote_name(name)}")


TransactionTestCase._fixture_teardown = _empty_tables  # type: ignore[attr-defined]


def make_organization(organization_id: str) -> None:
    author = Author(organization_id, "setup")
    services.create(author, GLOBAL, {"organization_name": ""}, context_id=organization_id)


def make_chain(author: Author) -> None:
    """A task `t1` in branch `b1` of project `p1`, all empty."""
    services.create(
        author,
        TASK,
        {},
        context_id="t1",
        parent_ids={"branch_id": "b1", "project_id": "p1"},
        create_parents=True,
    )


def client_with(key: str) -> APIClient:
    """A REST client with an agent's key."""
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")
    return client


@pytest.fixture
def organization(db: None) -> str:
    """The organization `global`, of the owner and the team-mate."""
    make_organization("global")
    return "global"


@pytest.fixture
def owner(organization: str) -> Caller:
    """For tests of services: the admin of `global`."""
    return Caller(organization, "owner", Role.ADMIN)


@pytest.fixture
def owner_client(organization: str) -> APIClient:
    """An agent with role admin in `global`."""
    return client_with(agents.issue_key("owner", organization, Role.ADMIN))


@pytest.fixture
def teammate_client(organization: str) -> APIClient:
    """An agent with role writer in `global`."""
    return client_with(agents.issue_key("teammate", organization, Role.WRITER))


@pytest.fixture
def reader_client(organization: str) -> APIClient:
    """An agent with role reader in `global`."""
    return client_with(agents.issue_key("reader", organization, Role.READER))


@pytest.fixture
def stranger_client(organization: str) -> APIClient:
    """An agent with role admin in another organization."""
    make_organization("elsewhere")
    return client_with(agents.issue_key("stranger", "elsewhere", Role.ADMIN))


@pytest.fixture
def signed_in(db: None) -> Humans:
    """Signs a staff user in, with a role in each named organization."""

    def sign_in(name: str, superuser: bool = False, **roles: Role) -> Client:
        user = User.objects.create_user(name, is_staff=True, is_superuser=superuser)
        for organization_id, role in roles.items():
            Membership.objects.create(user=user, organization_id=organization_id, role=role)
        client = Client()
        client.force_login(user)
        return client

    return sign_in


@pytest.fixture
def root(signed_in: Humans) -> Client:
    """An administrator of the instance."""
    return signed_in("root", superuser=True)


@pytest.fixture
def start_instance(tmp_path: Path) -> Iterator[Callable[..., Instance]]:
    """Starts `manage.py serve` with a home and a database of its own; stopped afterwards."""
    instances: list[Instance] = []
    with temporary_database(tmp_path) as database_url:

        def start(**environment: str) -> Instance:
            instance = Instance(tmp_path / "home", database_url, environment)
            instances.append(instance)
            instance.start()
            return instance

        yield start
        for instance in instances:
            instance.kill()


@pytest.fixture
def instance(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Instance]:
    """A running instance as a new user has it, or with `--site` as a larger site has it."""
    with running(tmp_path, kind_asked_for(request.config)) as made:
        yield made
