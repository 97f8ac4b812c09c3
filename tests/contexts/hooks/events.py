"""A coding agent's events, posted to `hooks/claude-code/`, and the entries they became."""

import json
from typing import Any

from rest_framework.test import APIClient

from contexts.models import Entry, owned

ADDRESS = "/api/v1/hooks/claude-code/"
CWD = "/home/me/shop"
SECRET = "ghp_" + "a1B2" * 9


def post(client: APIClient, event: Any, query: str = "") -> Any:
    body = event if isinstance(event, bytes) else json.dumps(event)
    return client.post(ADDRESS + query, body, content_type="application/json")


def event(name: str, session: str = "s1", **members: Any) -> dict[str, Any]:
    return {"hook_event_name": name, "session_id": session, "cwd": CWD, **members}


def used(number: int = 1, name: str = "PostToolUse", **members: Any) -> dict[str, Any]:
    told = {
        "tool_name": "Bash",
        "tool_input": {"command": f"echo {number}"},
        "tool_use_id": f"call-{number}",
        "tool_response": {"stdout": str(number), "stderr": ""},
        "duration_ms": 12,
    }
    return event(name, **{**told, **members})


def entries(kind: str = "action") -> list[Entry]:
    return list(owned("global", Entry, kind=kind).order_by("pk"))
