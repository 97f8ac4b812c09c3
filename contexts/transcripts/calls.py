"""Tool calls: what an entry keeps of one."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from contexts import keeping
from contexts.documents import Document
from contexts.entries import Draft
from contexts.extraction import extract
from contexts.extraction.tool_calls import action_of, text_of
from contexts.models import Entry
from contexts.services.rows import redacted

# Made once for this purpose; entry ids follow from it, so it can never change.
NAMESPACE = UUID("5c1f7e0a-6a5e-4d1b-9a43-3f0c5d3f1f57")
LONGEST_PART = 4096
LONGEST_DESCRIPTION = 200
# What tells most about a call, by tool; any other is told by its first text.
_TELLING = ("command", "file_path", "notebook_path", "pattern", "query", "url", "description")


@dataclass
class Call:
    """A tool call as it came; `is_error` is None, and `result` too, until it was answered.

    `left_out` is how many characters of what it printed `result` has no more.
    """

    session_id: str
    tool_use_id: str
    tool: str
    arguments: Any
    at: datetime | None
    cwd: str = ""
    agent_id: str = ""
    is_sidechain: bool = False
    result: Any = None
    is_error: bool | None = None
    duration_ms: Any = None
    left_out: int = 0

    def action(self) -> tuple[str, Document]:
        """Its `action_type` and what was extracted (contract §5)."""
        error = None
        if self.is_error:
            error = text_of(self.result) or json.dumps(self.result, ensure_ascii=False)
        action_type, data = action_of(
            self.tool,
            self.arguments,
            self.result,
            error=error,
            ran=self.is_error is not None,
            duration_ms=self.duration_ms,
            cwd=self.cwd,
        )
        extracted = extract(action_type, data, redacted)
        # `input` and `result` hold what was edited.
        extracted.pop("diff", None)
        return action_type, extracted

    def draft(self, organization_id: str, agent: str) -> Draft:
        """The entry to add; the same call gives the same id."""
        action_type, extracted = self.action()
        details: dict[str, Any] = {
            "tool": self.tool,
            "tool_use_id": self.tool_use_id,
            "action_type": action_type,
            "extracted": extracted,
            "input": kept(self.arguments),
        }
        if self.is_error is not None:
            details |= {"result": kept(self.result), "is_error": self.is_error}
        if self.is_sidechain:
            details["sidechain"] = True
        if self.agent_id:
            details["agent_id"] = self.agent_id
        return Draft(
            Entry.Kind.ACTION,
            describe(self.tool, self.arguments, self.cwd),
            agent=agent,
            details=details,
            entry_id=entry_id_of(organization_id, self.session_id, self.tool_use_id),
            at=self.at,
        )


def entry_id_of(organization_id: str, session_id: str, tool_use_id: str) -> UUID:
    """The id of a tool call's entry: entry ids are unique on the instance, sessions are not."""
    return uuid5(NAMESPACE, json.dumps([organization_id, session_id, tool_use_id]))


def tool_use_id_of(block: dict[str, Any], line: dict[str, Any]) -> str:
    """The call's own id; without one, something that stays the same when it is read again."""
    given = block.get("id")
    if isinstance(given, str) and given:
        return given[:200]
    content = json.dumps([line.get("uuid"), line.get("timestamp"), block], sort_keys=True)
    return "unnamed-" + hashlib.sha256(content.encode()).hexdigest()[:32]


def kept(value: Any) -> Any:
    """A part of a call as an entry keeps it: without secrets, and at most 4 KiB of it."""
    return keeping.cut(value, LONGEST_PART)


def describe(tool: str, arguments: Any, folder: str) -> str:
    """One short line: the tool and what it was about; paths as seen from the session's folder."""
    about = ""
    if isinstance(arguments, dict):
        texts = {name: item for name, item in arguments.items() if isinstance(item, str) and item}
        about = next((texts[name] for name in _TELLING if name in texts), "")
        about = about or next(iter(texts.values()), "")
        todos = arguments.get("todos")
        if not about and isinstance(todos, list):
            about = f"{len(todos)} todos"
        if folder and about in (texts.get("file_path"), texts.get("notebook_path")):
            about = about.removeprefix(folder.rstrip("/\\") + "/")
    return shortened(f"{tool}: {redacted(about)}" if about else tool, LONGEST_DESCRIPTION)


def shortened(text: str, longest: int) -> str:
    """The text in one line, with `…` for what is beyond `longest` characters."""
    line = " ".join(text[: 4 * longest].split())
    return line if len(line) <= longest else line[: longest - 1] + "…"
