"""Hook events of coding agents as they are posted (`facts/coding-agent-events.md`).

Whatever the shapes are: what is missing or of another type is as if it were not there.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from contexts.documents import Document
from contexts.errors import MalformedBody
from contexts.transcripts import lines
from contexts.transcripts.calls import Call
from contexts.transcripts.sessions import LONGEST_TEXT, Session

# More than any agent calls at once.
MOST_CALLS = 500
LONGEST_NAME = 100
LONGEST_SESSION_ID = 1_000
# An event that waited in an agent's spool tells when it was; older ones have a wrong clock.
LONGEST_WAIT = timedelta(days=30)
_FAILED = re.compile(r"(?:Error: )?Exit code -?\d{1,10}(?:\n|\Z)")


@dataclass(frozen=True)
class Event:
    """One event: its name in the form `PostToolUse`, its members, how many bytes it came in."""

    name: str
    members: Document
    size: int

    def get(self, name: str) -> Any:
        return _member(self.members, name)

    def text(self, name: str) -> str:
        value = self.get(name)
        return value if isinstance(value, str) else ""

    @property
    def at(self) -> datetime:
        """When it happened: as it says, or now."""
        now = timezone.now()
        at = lines.time_of(self.members)
        return at if at is not None and now - LONGEST_WAIT < at < now else now

    def session(self) -> Session | None:
        """The session it is of; None when it names none."""
        session_id = self.text("session_id")
        if not session_id:
            return None
        if len(session_id) > LONGEST_SESSION_ID:
            session_id = hashlib.sha256(session_id.encode()).hexdigest()
        return Session(
            session_id,
            cwd=self.text("cwd")[:1000],
            git_branch=self.text("git_branch")[:LONGEST_TEXT],
            model=self.text("model")[:LONGEST_TEXT],
            started=self.at,
        )

    def calls(self, session: Session) -> Iterator[Call]:
        """The tool calls that it tells the end of."""
        if self.name in ("PostToolUse", "PostToolUseFailure"):
            yield self._call(self.members, session)
        if self.name == "PostToolBatch":
            told = self.get("tool_calls")
            for each in (told if isinstance(told, list) else [])[:MOST_CALLS]:
                if isinstance(each, dict):
                    yield self._call(each, session)

    def _call(self, told: Document, session: Session) -> Call:
        tool, error = _member(told, "tool_name"), _member(told, "error")
        call = Call(
            session_id=session.session_id,
            tool_use_id="",
            tool=tool[:LONGEST_NAME] if isinstance(tool, str) and tool else "unknown tool",
            arguments=_member(told, "tool_input"),
            at=self.at,
            cwd=session.cwd,
            agent_id=self.text("agent_id")[:LONGEST_NAME],
            is_sidechain=bool(self.text("agent_id")),
            result=_member(told, "tool_response"),
            is_error=self.name == "PostToolUseFailure",
        )
        if call.is_error:
            call.result = error if error is not None else call.result
        elif isinstance(call.result, str) and _FAILED.match(call.result[:100]):
            call.is_error = True  # In a batch nothing else tells.
        duration = _member(told, "duration_ms")
        call.duration_ms = duration if _is_number(duration) else None
        given = _member(told, "tool_use_id")
        call.tool_use_id = given[:200] if isinstance(given, str) and given else _unnamed(call)
        return call


def read(body: bytes) -> Event:
    """The event in a request's body. Raises `MalformedBody` for what is no JSON object.

    NUL and lone surrogates become U+FFFD, numbers beyond what JSON databases hold texts.
    """
    try:
        members = lines.value_of(body.decode(), strict=True, constant=_no_constant)
    except UnicodeDecodeError:
        raise MalformedBody("The body is not UTF-8.") from None
    except RecursionError:
        # No event is nested so deeply; as far as one can see from here it is an object.
        members = {} if body.lstrip()[:1] == b"{" else None
    except ValueError:
        raise MalformedBody("The body is not JSON.") from None
    if not isinstance(members, dict):
        raise MalformedBody("The body must be a JSON object.")
    name = _member(members, "hook_event_name")
    return Event(_pascal(name) if isinstance(name, str) else "", members, len(body))


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _pascal(name: str) -> str:
    """`postToolUse` and `post_tool_use` as `PostToolUse`."""
    return "".join(part[:1].upper() + part[1:] for part in name[:LONGEST_NAME].split("_"))


def _member(members: Document, name: str) -> Any:
    """A member by its name, in snake_case or camelCase."""
    if name in members:
        return members[name]
    pascal = _pascal(name)
    return members.get(pascal[:1].lower() + pascal[1:])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _unnamed(call: Call) -> str:
    content = json.dumps([call.tool, call.arguments, call.result], sort_keys=True)
    return "unnamed-" + hashlib.sha256(content.encode()).hexdigest()[:32]
