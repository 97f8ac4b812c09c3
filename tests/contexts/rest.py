"""The contexts over REST as an agent asks for them."""

from typing import Any

from rest_framework.test import APIClient

API = "/api/v1/"
TASKS = f"{API}contexts/task/"


def make_task(client: APIClient, context_id: str = "t1", **body: Any) -> Any:
    """Creates a task below branch b1 of project p1, with those parents."""
    answer = client.post(
        f"{TASKS}?create_parents=true",
        {"id": context_id, "branch_id": "b1", "project_id": "p1", **body},
        format="json",
    )
    assert answer.status_code == 201, answer.content
    return answer.json()


def head(client: APIClient) -> int:
    """The number of the newest change: what a refused write must not move."""
    answer = client.get(f"{API}changes/").json()
    assert isinstance(answer["head"], int)
    return answer["head"]
