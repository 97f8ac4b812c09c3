"""`/metrics`: who may read them, and that they count what happened."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import DjangoCaptureOnCommitCallbacks
from rest_framework.test import APIClient

from contexts import services
from contexts.access import Caller
from contexts.levels import GLOBAL, PROJECT

Sample = tuple[str, frozenset[tuple[str, str]]]


def scrape(client: APIClient) -> dict[Sample, float]:
    answer = client.get("/metrics", headers={"Accept": "application/openmetrics-text, */*;q=0.1"})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }


def key(name: str, **labels: str) -> Sample:
    return name, frozenset(labels.items())


@pytest.fixture
def grown(owner_client: APIClient) -> Callable[[Callable[[], object], Sample], float]:
    """By how much a metric grew while something was done."""

    def measure(deed: Callable[[], object], sample: Sample) -> float:
        before = scrape(owner_client).get(sample, 0.0)
        deed()
        return scrape(owner_client).get(sample, 0.0) - before

    return measure


Grown = Callable[[Callable[[], object], Sample], float]


@pytest.mark.parametrize("authorization", [None, "Bearer wrong"])
def test_metrics_need_a_key(db: None, authorization: str | None) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    answer = APIClient().get("/metrics", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_requests_are_counted_by_method_route_and_status(
    grown: Grown, teammate_client: APIClient
) -> None:
    missing = key("contextsys_requests_total", method="GET", route="task-detail", status="404")
    assert grown(lambda: teammate_client.get("/api/v1/contexts/task/none/"), missing) == 1
    timed = key("contextsys_request_seconds_count")
    # The scrape before is counted by the one after.
    assert grown(lambda: teammate_client.get("/api/v1/contexts/task/none/"), timed) == 2


def test_addresses_and_methods_of_strangers_make_no_new_series(
    grown: Grown, teammate_client: APIClient
) -> None:
    nowhere = key("contextsys_requests_total", method="GET", route="none", status="404")
    assert grown(lambda: [teammate_client.get(f"/no/{n}") for n in range(3)], nowhere) == 3
    odd = key("contextsys_requests_total", method="other", route="none", status="404")
    assert grown(lambda: teammate_client.generic("BREW", "/no/coffee"), odd) == 1


def test_resolving_is_timed(grown: Grown, teammate_client: APIClient) -> None:
    timed = key("contextsys_resolve_seconds_count")
    address = "/api/v1/contexts/global/global/resolved/"
    assert grown(lambda: [teammate_client.get(address) for _ in range(2)], timed) == 2
    read = [key(f"contextsys_cache_{kind}_total") for kind in ("hits", "misses")]
    assert sum(grown(lambda: teammate_client.get(address), each) for each in read) >= 1


def test_writes_are_counted_once_committed(
    grown: Grown,
    owner: Caller,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    made = key("contextsys_writes_total", level="project", operation="created")

    def commit() -> None:
        with django_capture_on_commit_callbacks(execute=True):
            services.create(owner, PROJECT, {}, context_id="p1")
            services.create(owner, PROJECT, {}, context_id="p2")

    def roll_back() -> None:
        with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
            services.create(owner, PROJECT, {}, context_id="p3")
            transaction.set_rollback(True)

    assert grown(commit, made) == 2
    assert grown(roll_back, made) == 0


def test_a_feeds_head_is_for_its_own_organization(
    owner: Caller, owner_client: APIClient, stranger_client: APIClient
) -> None:
    services.update(owner, GLOBAL, "global", lambda values: {**values, "data": {"a": 1}})
    ours, theirs = (
        key("contextsys_feed_head", organization=each) for each in ("global", "elsewhere")
    )
    assert scrape(owner_client).get(ours) == 2
    assert theirs not in scrape(owner_client)
    assert scrape(stranger_client).get(theirs) == 1
    assert ours not in scrape(stranger_client)


def test_an_instance_admin_sees_every_feed(stranger_client: APIClient) -> None:
    browser = APIClient()
    browser.force_login(User.objects.create_superuser("root", password="-"))
    found = scrape(browser)
    assert found[key("contextsys_feed_head", organization="global")] == 1
    assert found[key("contextsys_feed_head", organization="elsewhere")] == 1
