"""A coding agent and a running server: what is told comes in, also what is large."""

import time
from typing import Any

from tests.instances import Instance

SECONDS = 60


def test_a_large_call_is_finished_by_the_server_itself(instance: Instance) -> None:
    output = "compiling\n" * 20_000 + "= 3 failed, 5 passed in 1.50s ="
    event = {
        "hook_event_name": "PostToolUse",
        "session_id": "s1",
        "cwd": "/home/me/shop",
        "tool_name": "Bash",
        "tool_input": {"command": "pytest"},
        "tool_use_id": "call-1",
        "tool_response": {"stdout": output},
    }
    with instance.client() as client:

        def extracted() -> Any:
            (entry,) = client.get("api/v1/contexts/task/s1/entries/").json()["results"]
            return entry["details"]["extracted"]

        client.post("api/v1/hooks/claude-code/", json=event).raise_for_status()
        assert "pending" in extracted() or "test_results" in extracted()
        deadline = time.monotonic() + SECONDS
        while "pending" in (found := extracted()):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert found["test_results"]["failed"] == 3
        told = client.get("api/v1/changes/").json()["changes"]
        assert [each["change_type"] for each in told].count("entry_added") == 1
    assert "Traceback" not in instance.log()
