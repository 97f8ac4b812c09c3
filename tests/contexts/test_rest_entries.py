"""Entries of a context over REST."""

from datetime import UTC, datetime

from rest_framework.test import APIClient

from contexts import entries
from contexts.access import Caller
from contexts.levels import TASK
from contexts.models import Entry
from tests.contexts.rest import TASKS, make_task


def test_entries_are_added_listed_and_filtered(teammate_client: APIClient) -> None:
    made = make_task(teammate_client)
    progress = teammate_client.post(f"{TASKS}t1/progress/", {"content": "half"}, format="json")
    assert progress.status_code == 201
    assert progress.json()["kind"] == "progress"
    assert progress.json()["agent"] == "teammate"
    insight = {"content": "cache it", "category": "performance", "importance": "high", "agent": "x"}
    body = teammate_client.post(f"{TASKS}t1/insights/", insight, format="json").json()
    assert insight.items() <= body.items()
    listed = teammate_client.get(f"{TASKS}t1/entries/").json()["results"]
    assert [each["kind"] for each in listed] == ["insight", "progress"]
    assert {name: body[name] for name in listed[0]} == listed[0]

    def count(query: str) -> int:
        return len(teammate_client.get(f"{TASKS}t1/entries/?{query}").json()["results"])

    assert [count(query) for query in ("kind=insight", "agent=x", "importance=high")] == [1, 1, 1]
    assert [count(query) for query in ("category=business", "agent=y", "kind=action")] == [0, 0, 0]
    assert teammate_client.get(f"{TASKS}t1/entries/?kind=other").status_code == 400
    assert teammate_client.get(f"{TASKS}t1/").json()["revision"] == made["revision"]


def test_the_pages_of_what_came_at_one_moment_end(
    teammate_client: APIClient, owner: Caller
) -> None:
    make_task(teammate_client)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    drafts = [entries.Draft(Entry.Kind.PROGRESS, str(number), at=at) for number in range(1_600)]
    entries.add_many(owner, TASK, "t1", drafts)
    seen: list[str] = []
    url: str | None = f"{TASKS}t1/entries/?page_size=400"
    while url and len(seen) < 2_000:
        page = teammate_client.get(url).json()
        seen += [each["content"] for each in page["results"]]
        url = page["next"]
    assert seen == [str(number) for number in range(1_599, -1, -1)]
