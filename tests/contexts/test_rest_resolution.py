"""What a context resolves to, over REST: with sources and entries, at a time, as Markdown."""

from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from rest_framework.test import APIClient

from tests.contexts.rest import API, TASKS, make_task


def test_resolved_inherits_from_global_down_and_names_sources(
    teammate_client: APIClient,
) -> None:
    make_task(teammate_client, data={"rules": {"style": "task"}, "list": [3]})
    levels = {"global/global": "global", "project/p1": "project", "branch/b1": "branch"}
    for address, level in levels.items():
        teammate_client.patch(
            f"{API}contexts/{address}/",
            {"data": {"rules": {"style": level, level: True}, "list": [1, 2]}},
            format="json",
        )
    answer = teammate_client.get(f"{TASKS}t1/resolved/?include=sources").json()
    revisions = {
        level: teammate_client.get(f"{API}contexts/{address}/").json()["revision"]
        for level, address in {"task": "task/t1", "branch": "branch/b1"}.items()
    }
    assert answer["context_id"] == "t1"
    assert answer["level"] == "task"
    assert answer["inheritance_chain"] == ["t1", "b1", "p1", "global"]
    assert answer["data"] == {
        "rules": {"style": "task", "branch": True, "project": True, "global": True},
        "list": [3],
    }
    assert revisions.items() <= answer["revisions"].items()
    assert answer["sources"] == {
        "/rules/style": {"level": "task", "context_id": "t1"},
        "/rules/branch": {"level": "branch", "context_id": "b1"},
        "/rules/project": {"level": "project", "context_id": "p1"},
        "/rules/global": {"level": "global", "context_id": "global"},
        "/list": {"level": "task", "context_id": "t1"},
    }
    assert "sources" not in teammate_client.get(f"{TASKS}t1/resolved/").json()
    assert teammate_client.get(f"{TASKS}t1/resolved/?include=all").status_code == 400
    own = teammate_client.get(f"{API}contexts/global/global/resolved/").json()
    assert own["inheritance_chain"] == ["global"]


def test_resolved_includes_the_newest_entries_of_all_levels(teammate_client: APIClient) -> None:
    make_task(teammate_client)
    teammate_client.post(f"{API}contexts/project/p1/insights/", {"content": "first"}, format="json")
    teammate_client.post(f"{TASKS}t1/progress/", {"content": "second"}, format="json")
    answer = teammate_client.get(f"{TASKS}t1/resolved/?include=entries")
    entries = answer.json()["entries"]
    assert [(each["content"], each["level"]) for each in entries] == [
        ("second", "task"),
        ("first", "project"),
    ]
    teammate_client.post(f"{TASKS}t1/progress/", {"content": "third"}, format="json")
    again = teammate_client.get(
        f"{TASKS}t1/resolved/?include=entries", HTTP_IF_NONE_MATCH=answer["ETag"]
    )
    assert again.status_code == 200, "an entry changes this answer though no revision"


def test_resolved_as_of_a_time(teammate_client: APIClient) -> None:
    with time_machine.travel(datetime(2030, 1, 1, tzinfo=UTC), tick=False) as clock:
        make_task(teammate_client, data={"v": 1})
        clock.move_to(datetime(2030, 1, 3, tzinfo=UTC))
        teammate_client.patch(f"{TASKS}t1/", {"data": {"v": 2}}, format="json")
        teammate_client.patch(f"{API}contexts/project/p1/", {"data": {"p": 1}}, format="json")
        clock.move_to(datetime(2030, 1, 5, tzinfo=UTC))

        def at(day: str) -> Any:
            return teammate_client.get(f"{TASKS}t1/resolved/?as_of=2030-01-{day}T00:00:00Z")

        assert at("02").json()["data"] == {"v": 1}
        assert at("03").json()["data"] == {"p": 1, "v": 2}
        early = teammate_client.get(f"{TASKS}t1/resolved/?as_of=2029-12-31T00:00:00Z")
        assert early.status_code == 404
        assert teammate_client.get(f"{TASKS}t1/resolved/?as_of=now").status_code == 400


def test_resolved_as_markdown_keeps_its_budget(teammate_client: APIClient) -> None:
    make_task(teammate_client, data={f"key{n}": "value " * 20 for n in range(50)})
    teammate_client.post(
        f"{TASKS}t1/insights/",
        {"content": "most important", "importance": "critical"},
        format="json",
    )
    url = f"{TASKS}t1/resolved/"
    whole = teammate_client.get(url, HTTP_ACCEPT="text/markdown")
    assert whole["Content-Type"] == "text/markdown; charset=utf-8"
    assert whole.content.decode().count("key") == 50
    for tokens in (1, 5, 50, 500):
        answer = teammate_client.get(f"{url}?max_tokens={tokens}", HTTP_ACCEPT="text/markdown")
        assert len(answer.content) <= 4 * tokens
    assert "most important" in answer.content.decode()
    assert "eft out" in answer.content.decode()
    for wrong in ("0", "-1", "x", "1.5"):
        refused = teammate_client.get(f"{url}?max_tokens={wrong}", HTTP_ACCEPT="text/markdown")
        assert (refused.status_code, refused["Content-Type"]) == (400, "application/json")


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/markdown, application/json;q=0.5", "text/markdown"),
        ("application/json;q=0.5, text/markdown;q=0.6", "text/markdown"),
        ("text/markdown;q=0.5, application/json", "application/json"),
        ("text/markdown, */*;q=0.1", "text/markdown"),
        ("text/markdown;q=0.2, */*", "application/json"),
        ("text/markdown;q=0, */*", "application/json"),
        ("text/markdown; charset=utf-8", "text/markdown"),
        ("text/*", "text/markdown"),
        ("*/*", "application/json"),
        ("application/json;q=x", "application/json"),
    ],
)
def test_resolved_comes_as_who_asks_would_rather_have_it(
    teammate_client: APIClient, accept: str, kind: str
) -> None:
    make_task(teammate_client)
    answer = teammate_client.get(f"{TASKS}t1/resolved/", HTTP_ACCEPT=accept)
    assert answer.status_code == 200
    assert answer["Content-Type"].partition(";")[0] == kind
    assert answer["Vary"] == "Accept"


@pytest.mark.parametrize("accept", ["text/html", "text/markdown;q=0", "application/json;q=0.0"])
def test_what_nobody_accepts_is_406(teammate_client: APIClient, accept: str) -> None:
    make_task(teammate_client)
    answer = teammate_client.get(f"{TASKS}t1/resolved/", HTTP_ACCEPT=accept)
    assert (answer.status_code, answer.json()["code"]) == (406, "not_acceptable")
