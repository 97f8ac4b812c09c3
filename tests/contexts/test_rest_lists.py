"""Lists over REST: in pages, filtered by parents, values and time."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from tests.contexts.rest import TASKS, make_task


def test_lists_come_in_pages_that_lose_and_double_nothing(teammate_client: APIClient) -> None:
    for number in range(7):
        make_task(teammate_client, f"t{number}")
    seen: list[str] = []
    url: str | None = f"{TASKS}?page_size=3"
    while url:
        page = teammate_client.get(url).json()
        seen += [row["id"] for row in page["results"]]
        if len(seen) == 3:
            make_task(teammate_client, "made-meanwhile")
        url = page["next"]
    assert seen == [f"t{number}" for number in range(6, -1, -1)]
    assert page["previous"]


@pytest.mark.parametrize(
    "query",
    [
        "page_size=0",
        "page_size=501",
        "page_size=x",
        "page_size=-1",
        "cursor=x",
        "cursor=cD1hYmM=",
        "updated_since=yesterday",
        "updated_since=",
        "unknown=1",
        "branch=b1",
        "data.=1",
        "data..a=1",
        "&".join(f"data.a{number}=1" for number in range(51)),
    ],
)
def test_bad_queries_are_refused(teammate_client: APIClient, query: str) -> None:
    answer = teammate_client.get(f"{TASKS}?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def test_lists_are_filtered_by_parents_at_any_height_and_by_values(
    teammate_client: APIClient,
) -> None:
    data = {"status": "in_progress", "n": 5, "yes": True, "no": None, "deep": {"2026": {"x": "y"}}}
    make_task(teammate_client, "t1", data=data)
    other = {
        "id": "t2",
        "branch_id": "b2",
        "project_id": "p2",
        "data": {"status": "done", "n": "5"},
    }
    teammate_client.post(f"{TASKS}?create_parents=true", other, format="json")

    def found(query: str) -> list[str]:
        return [row["id"] for row in teammate_client.get(f"{TASKS}?{query}").json()["results"]]

    assert found("branch_id=b1") == ["t1"]
    assert found("project_id=p2") == ["t2"]
    assert found("global_id=global") == ["t2", "t1"]
    assert found("project_id=nope") == []
    assert found("data.status=in_progress") == ["t1"]
    assert found("data.n=5") == ["t2", "t1"], "a number and a text may look alike"
    assert found("data.n=5.0") == ["t1"]
    assert found("data.yes=true") == ["t1"]
    assert found("data.yes=1") == []
    assert found("data.no=null") == ["t1"]
    assert found("data.deep.2026.x=y") == ["t1"]
    assert found("data.deep=y") == []
    assert found("data.a%22b=y") == []
    assert found("data.status=in_progress&project_id=p2") == []


def test_updated_since_is_inclusive(teammate_client: APIClient) -> None:
    make_task(teammate_client, "t1")
    at = make_task(teammate_client, "t2")["updated_at"]
    rows = teammate_client.get(TASKS, {"updated_since": at}).json()["results"]
    assert [row["id"] for row in rows] == ["t2"]
    zone = at.replace("Z", "+00:00")
    rows = teammate_client.get(f"{TASKS}?updated_since={zone}").json()["results"]
    assert [row["id"] for row in rows] == ["t2"], "an unescaped + arrives as a space"


@pytest.mark.parametrize("filtered", ["", "branch_id=b1", "project_id=p1"])
def test_a_page_is_not_the_top_of_all_rows_sorted(owner_client: APIClient, filtered: str) -> None:
    """On SQLite, which has a word for sorting; PostgreSQL sorts when there are few rows."""
    make_task(owner_client)
    with CaptureQueriesContext(connection) as statements:
        assert len(owner_client.get(f"{TASKS}?{filtered}").json()["results"]) == 1
    [listing] = [
        each["sql"] for each in statements.captured_queries if "ORDER BY" in (each["sql"] or "")
    ]
    with connection.cursor() as cursor:
        explain = "EXPLAIN QUERY PLAN" if connection.vendor == "sqlite" else "EXPLAIN"
        cursor.execute(f"{explain} {listing}")
        assert "TEMP B-TREE" not in str(cursor.fetchall())
