"""What a transcript tells of its session, and what the session's task keeps of that."""

import hashlib
import re
from dataclasses import dataclass, field
from datetime import datetime

from django.utils import timezone

from contexts.entries import Draft
from contexts.identifiers import is_context_id
from contexts.levels import TASK, Document
from contexts.queries import timestamp
from contexts.services.rows import redacted
from contexts.transcripts import calls, lines
from contexts.transcripts.lines import Line, text_of

LONGEST_TITLE = 200
LONGEST_WORDS = 1_000
LONGEST_TEXT = 255
# How the progress that tells of a session's end begins, whoever tells it.
ENDED = "Session ended:"


def task_id_of(session_id: str) -> str:
    """The session's own id where it may be a task's, else one made from it."""
    if is_context_id(session_id, TASK.longest_id):
        return session_id
    return "session-" + hashlib.sha256(session_id.encode()).hexdigest()[:28]


@dataclass
class Session:
    """What is known of a session so far, and the entries that wait to be added."""

    session_id: str
    title: str = ""
    cwd: str = ""
    git_branch: str = ""
    model: str = ""
    last_words: str = ""
    started: datetime | None = None
    ended: datetime | None = None
    drafts: list[Draft] = field(default_factory=list)
    _said: datetime | None = None

    @property
    def task_id(self) -> str:
        return task_id_of(self.session_id)

    @property
    def folder(self) -> str:
        """The last component of the working directory, of whatever system."""
        return re.split(r"[/\\]", self.cwd.rstrip("/\\"))[-1]

    def learn(self, line: Line) -> datetime:
        """Takes note of a line; returns its time, or the one before it when it has none."""
        at = lines.time_of(line)
        if at is not None:
            self.started = min(at, self.started or at)
            self.ended = max(at, self.ended or at)
        self.cwd = self.cwd or text_of(line, "cwd")[:1000]
        self.git_branch = self.git_branch or text_of(line, "gitBranch")[:LONGEST_TEXT]
        message = line.get("message")
        if isinstance(message, dict) and line["type"] == "assistant" and not self.model:
            model = text_of(message, "model")[:LONGEST_TEXT]
            self.model = "" if model.startswith("<") else model
        if line["type"] == "assistant" and line.get("isSidechain") is not True:
            words = _words(line)
            # Lines need not be in order.
            if words and (at is None or self._said is None or at >= self._said):
                self.last_words, self._said = words, at or self._said
        if line["type"] == "user" and not self.title:
            self.title = _prompt(line)
        return at or self.ended or timezone.now()

    def news(self, data: Document, tool_calls: int) -> Document:
        """The members of the task's data that this session adds or corrects.

        What somebody wrote there stays: only the span of time and the count grow.
        """
        facts = {
            "title": self.title,
            "cwd": self.cwd,
            "git_branch": self.git_branch,
            "model": self.model,
        }
        found: Document = {name: fact for name, fact in facts.items() if fact and name not in data}
        for name, at, better in (("started_at", self.started, min), ("ended_at", self.ended, max)):
            before = lines.time_of({"timestamp": data.get(name)})
            if at is not None and (name not in data or before is not None):
                found[name] = timestamp(better(at, before or at))
        return {**found, "tool_calls": tool_calls}


def _words(line: Line) -> str:
    """What the agent said in a line, redacted and shortened; "" when it said nothing."""
    texts = [text_of(block, "text") for block in lines.blocks_of(line)]
    return calls.shortened(redacted(" ".join(filter(None, texts))), LONGEST_WORDS)


def _prompt(line: Line) -> str:
    """The prompt that a user typed; "" for what the agent's own machinery put in."""
    machinery = ("isMeta", "isSidechain", "isCompactSummary", "isVisibleInTranscriptOnly")
    if any(line.get(name) for name in machinery):
        return ""
    texts = [text_of(block, "text") for block in lines.blocks_of(line)]
    text = " ".join(text for text in texts if text and not text.startswith("<"))
    return calls.shortened(redacted(text), LONGEST_TITLE)
