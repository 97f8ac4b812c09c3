"""Sessions, recorded and written here, and what their import left."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management import call_command

from contexts.models import Entry, owned
from contexts.queries import present_entry

RECORDED = Path(__file__).resolve().parents[2] / "data" / "transcripts"
COVERAGE = RECORDED / "coverage-test-fix.jsonl"
HELLO = RECORDED / "hello-world-script.jsonl"
HELLO_SESSION = "de3b8b19-5bc0-4a2a-934a-1b6806567e25"


def run(*paths: Path, **options: Any) -> str:
    out = io.StringIO()
    call_command("import_transcript", *map(str, paths), stdout=out, **options)
    return out.getvalue()


def recorded_calls(path: Path) -> Iterator[str]:
    """The ids of the tool calls in a recorded run, counted without the code under test."""
    for line in path.read_text().splitlines():
        body = json.loads(line)
        content = body.get("message", {}).get("content")
        for block in content if isinstance(content, list) else []:
            if block["type"] == "tool_use":
                yield block["id"]


def actions(organization_id: str = "global", **lookups: Any) -> list[dict[str, Any]]:
    found = owned(organization_id, Entry, kind="action", **lookups)
    return [present_entry(entry) for entry in found.order_by("created_at", "pk")]


def ids_of(shown: list[dict[str, Any]]) -> list[str]:
    return [entry["details"]["tool_use_id"] for entry in shown]


def call(number: int, session: str = "s1", tool: str = "Bash", **fields: Any) -> str:
    arguments = fields.pop("input", {"command": f"echo {number}"})
    block = {"type": "tool_use", "id": f"call-{number}", "name": tool, "input": arguments}
    return json.dumps(
        {
            "type": "assistant",
            "sessionId": session,
            "cwd": "/home/me/shop",
            "gitBranch": "main",
            "timestamp": f"2026-01-01T00:00:{number % 60:02}Z",
            "message": {"role": "assistant", "model": "m1", "content": [block]},
            **fields,
        }
    )


def result(number: int, session: str = "s1", content: Any = "done", **fields: Any) -> str:
    block = {"type": "tool_result", "tool_use_id": f"call-{number}", "content": content}
    return json.dumps(
        {
            "type": "user",
            "sessionId": session,
            "timestamp": f"2026-01-01T00:01:{number % 60:02}Z",
            "message": {"role": "user", "content": [block]},
            **fields,
        }
    )


def prompt(text: str, session: str = "s1", **fields: Any) -> str:
    message = {"role": "user", "content": text}
    return json.dumps({"type": "user", "sessionId": session, "message": message, **fields})


def write(folder: Path, name: str, *lines: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(line + "\n" for line in lines))
    return path
