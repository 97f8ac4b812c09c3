"""What happens in front of the browser: contexts made by an agent, and what is seen of it."""

from typing import Any

import httpx

from tests.pages.browsing import post

# What a change made elsewhere may take until it is seen (issue 4).
SEEN = 2_000
NOISE = r"ERR_CONNECTION_REFUSED|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET|WebSocket connection to"


def chain(agent: httpx.Client, name: str, **data: Any) -> str:
    """A project, branch and task of that name; the task's page."""
    post(agent, "contexts/project/", id=name, data={"rules": {"style": "black"}})
    post(agent, "contexts/branch/", id=f"{name}-b", project_id=name)
    post(agent, "contexts/task/", id=f"{name}-t", branch_id=f"{name}-b", data=data)
    return f"contexts/task/{name}-t/"
