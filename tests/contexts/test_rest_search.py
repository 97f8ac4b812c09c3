"""Searching contexts over REST, and the page to try the API."""

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from contexts.models import Membership
from tests.contexts.rest import API, TASKS, make_task


def found(client: APIClient, **query: str) -> list[str]:
    """The ids that a search finds, best first."""
    return [row["id"] for row in client.get(TASKS, query).json()["results"]]


def test_all_words_are_found_in_keys_values_and_entries(teammate_client: APIClient) -> None:
    make_task(teammate_client, "t1", data={"retry policy": {"backoff": "exponential"}})
    make_task(teammate_client, "t2", data={"note": "backoff"})
    teammate_client.post(
        f"{TASKS}t2/progress/", {"content": "Added Exponential waits"}, format="json"
    )
    assert sorted(found(teammate_client, q="exponential BACKOFF")) == ["t1", "t2"]
    assert found(teammate_client, q="retry backoff") == ["t1"]
    assert found(teammate_client, q="waits exponential") == ["t2"]
    assert found(teammate_client, q="backoff nothing") == []
    assert found(teammate_client, q="...") == []


def test_the_best_comes_first(teammate_client: APIClient) -> None:
    make_task(teammate_client, "often", data={"a": "pool pool pool", "pool": 1})
    make_task(teammate_client, "once", data={"a": "pool"})
    make_task(teammate_client, "aside", data={"a": "x"})
    teammate_client.post(f"{TASKS}aside/progress/", {"content": "the pool"}, format="json")
    assert found(teammate_client, q="pool") == ["often", "once", "aside"]


def test_a_search_is_narrowed_and_paged(teammate_client: APIClient) -> None:
    for number in range(5):
        make_task(teammate_client, f"t{number}", data={"word": "pool", "n": number})
    assert found(teammate_client, **{"q": "pool", "data.n": "3"}) == ["t3"]
    seen: list[str] = []
    url: str | None = f"{TASKS}?q=pool&page_size=2"
    while url:
        page = teammate_client.get(url).json()
        seen += [row["id"] for row in page["results"]]
        url = page["next"]
    assert seen == ["t4", "t3", "t2", "t1", "t0"]
    back = teammate_client.get(page["previous"]).json()
    assert [row["id"] for row in back["results"]] == ["t2", "t1"]


def test_a_search_stays_in_its_organization(
    teammate_client: APIClient, stranger_client: APIClient
) -> None:
    make_task(teammate_client, data={"secretword": 1})
    assert found(stranger_client, q="secretword") == []
    assert found(teammate_client, q="secretword") == ["t1"]


@pytest.mark.parametrize("query", ["q=" + "+".join(f"w{n}" for n in range(33)), "q=a&cursor=x"])
def test_searches_are_bounded(teammate_client: APIClient, query: str) -> None:
    answer = teammate_client.get(f"{TASKS}?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def test_the_page_to_try_the_api_is_there_for_who_signed_in(organization: str) -> None:
    user = User.objects.create_user("ada")
    Membership.objects.create(user=user, organization_id=organization)
    client = APIClient()
    client.force_login(user)
    page = client.get(f"{API}docs/", HTTP_ACCEPT="text/html")
    assert page.status_code == 200
    assert "swagger-ui" in page.content.decode()
