"""Entries of a context over REST."""

from rest_framework.test import APIClient

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
