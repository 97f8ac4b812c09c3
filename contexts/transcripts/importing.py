"""Sessions into task contexts: one task each, every tool call an entry of it."""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from contexts import entries, services
from contexts.changes import Author
from contexts.errors import Invalid
from contexts.identifiers import is_context_id
from contexts.levels import BRANCH, PROJECT, TASK, Document
from contexts.models import Entry
from contexts.queries import entries_of, timestamp
from contexts.transcripts import calls, lines
from contexts.transcripts.calls import Call
from contexts.transcripts.lines import Line, text_of
from contexts.transcripts.places import Place
from contexts.transcripts.sessions import ENDED, Session

BATCH = 300
MOST_OPEN = 5_000
MOST_EARLY = 100
LONGEST_AGENT = 150
# Lines that hold no tool calls; types that are not listed are reported, should they ever do.
QUIET_TYPES = frozenset(
    (
        "summary",
        "system",
        "progress",
        "queue-operation",
        "file-history-snapshot",
        "last-prompt",
        "pr-link",
    )
)


@dataclass
class Summary:
    """What an import did, for the person who started it."""

    sessions: set[str] = field(default_factory=set)
    new: int = 0
    known: int = 0
    unread_lines: dict[Path, list[int]] = field(default_factory=lambda: defaultdict(list))
    unread_files: dict[Path, str] = field(default_factory=dict)
    unknown_types: Counter[str] = field(default_factory=Counter)


class Import:
    """Reads transcript files into an organization; safe to repeat, and to go on with longer files.

    A call's result is kept when it stands in the same file, behind the call or not far before it.
    Entries never change, so a call that was imported before its result was written stays without.
    """

    def __init__(self, organization_id: str, project_id: str, branch_id: str, agent: str) -> None:
        """Without (`""`) a project or branch they are made from the session's folder and branch.

        `agent` is who the entries and the tasks are by. Raises `Invalid` for what cannot be one.
        """
        for level, context_id in ((PROJECT, project_id), (BRANCH, branch_id)):
            if context_id and not is_context_id(context_id, level.longest_id):
                raise Invalid({level.name: [f"{context_id!r} is no id of a {level.name}."]})
        if not 0 < len(agent) <= LONGEST_AGENT or not agent.isprintable():
            raise Invalid({"agent": [f"A name has 1 to {LONGEST_AGENT} characters."]})
        self.author = Author(organization_id, agent)
        self._place = Place(self.author, project_id, branch_id)
        self.summary = Summary()
        self._sessions: dict[str, Session] = {}

    def read(self, path: Path, progress: Callable[[int], Any] = lambda _: None) -> None:
        """Imports one file. Memory does not grow with its length."""
        try:
            with path.open("rb") as file:
                reading = _Reading(self, path)
                for number, line in lines.read(file, progress):
                    if line is None:
                        self.summary.unread_lines[path].append(number)
                    else:
                        reading.take(line)
                reading.end()
        except OSError as error:
            self.summary.unread_files[path] = error.strerror or "unreadable"

    def session(self, session_id: str) -> Session:
        self.summary.sessions.add(session_id)
        return self._sessions.setdefault(session_id, Session(session_id))

    def flush(self, session: Session) -> None:
        """Adds the entries that wait; the task is made when it is missing."""
        self._place.ensure_task(session, {"data": session.news({}, len(session.drafts))})
        drafts, session.drafts = session.drafts, []
        if drafts:
            added = len(entries.add_many(self.author, TASK, session.task_id, drafts))
            self.summary.new += added
            self.summary.known += len(drafts) - added

    def settle(self, session: Session) -> None:
        """`flush`, and the task's data brought up to date; the same again makes no version."""
        self.flush(session)
        organization_id = self.author.organization_id
        actions = entries_of(organization_id, TASK, session.task_id).filter(kind=Entry.Kind.ACTION)
        count = actions.count()

        def learned(values: Document) -> Document:
            data = values["data"]
            return {**values, "data": {**data, **session.news(data, count)}}

        task = services.update(self.author, TASK, session.task_id, learned)
        if session.ended is not None and task.data.get("ended_at") == timestamp(session.ended):
            self._tell_end(session, session.ended, count)

    def _tell_end(self, session: Session, at: datetime, tool_calls: int) -> None:
        """A session's end is progress: what the agent said last is what others read first."""
        entries.add(
            self.author,
            TASK,
            session.task_id,
            Entry.Kind.PROGRESS,
            f"{ENDED} {session.last_words or f'{tool_calls} tool calls'}",
            entry_id=calls.entry_id_of(
                self.author.organization_id, session.session_id, f"end {timestamp(at)}"
            ),
            at=at,
        )


class _Reading:
    """One file being read: its sessions, and the calls that wait for their results."""

    def __init__(self, importing: Import, path: Path) -> None:
        self.importing = importing
        self.session_id = path.stem
        self.touched: dict[str, Session] = {}
        self.open: dict[tuple[str, str], Call] = {}
        self.early: dict[tuple[str, str], tuple[Line, Line]] = {}
        self.waiting = 0

    def take(self, line: Line) -> None:
        kind = text_of(line, "type")
        # A line without a session belongs to the one before it.
        self.session_id = text_of(line, "sessionId") or self.session_id
        if kind not in ("user", "assistant"):
            if kind not in QUIET_TYPES:
                self.importing.summary.unknown_types[kind[:40] or "none"] += 1
            return
        session = self.importing.session(self.session_id)
        self.touched[session.session_id] = session
        at = session.learn(line)
        for block in lines.blocks_of(line):
            # A model's own server runs tools too: `server_tool_use`, `web_search_tool_result`.
            about = text_of(block, "type")
            if kind == "assistant" and about.endswith("tool_use"):
                self._begin(session, block, line, at)
            elif about.endswith("tool_result"):
                self._finish(session, block, line)

    def _begin(self, session: Session, block: Line, line: Line, at: datetime) -> None:
        tool = text_of(block, "name")[:100] or "unknown tool"
        call = Call(
            session_id=session.session_id,
            tool_use_id=calls.tool_use_id_of(block, line),
            tool=tool,
            arguments=block.get("input"),
            at=at,
            cwd=session.cwd,
            agent_id=text_of(line, "agentId")[:100],
            is_sidechain=line.get("isSidechain") is True,
        )
        key = (call.session_id, call.tool_use_id)
        self.open.setdefault(key, call)
        if key in self.early:
            self._finish(session, *self.early.pop(key))
        if len(self.open) > MOST_OPEN:
            self._add(self.open.pop(next(iter(self.open))))

    def _finish(self, session: Session, block: Line, line: Line) -> None:
        key = (session.session_id, text_of(block, "tool_use_id")[:200])
        call = self.open.pop(key, None)
        if call is None:
            self.early[key] = block, line
            if len(self.early) > MOST_EARLY:
                del self.early[next(iter(self.early))]
            return
        result = line.get("toolUseResult")
        only = sum(each.get("type") == "tool_result" for each in lines.blocks_of(line)) == 1
        call.result = result if only and result is not None else block.get("content")
        call.is_error = block.get("is_error") is True
        self._add(call)

    def _add(self, call: Call) -> None:
        author = self.importing.author
        session = self.touched[call.session_id]
        session.drafts.append(call.draft(author.organization_id, author.name))
        self.waiting += 1
        if self.waiting >= BATCH:
            self.waiting = 0
            for each in self.touched.values():
                if each.drafts:
                    self.importing.flush(each)

    def end(self) -> None:
        """Adds the calls that never got a result, then brings the tasks up to date."""
        for call in self.open.values():
            self._add(call)
        for session in self.touched.values():
            self.importing.settle(session)
