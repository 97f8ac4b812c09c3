"""What a hook event becomes: entries of the session's task, progress, or an answer."""

import hashlib
from dataclasses import dataclass

from django.db import transaction

from contexts import entries, resolving, services
from contexts.changes import Author
from contexts.errors import Invalid, NotFound
from contexts.identifiers import is_context_id
from contexts.levels import BRANCH, PROJECT, TASK, Document
from contexts.models import Entry
from contexts.naming import context_id_from
from contexts.presentation import as_markdown
from contexts.queries import entries_of, timestamp
from contexts.services.rows import redacted
from contexts.transcripts import calls, pending
from contexts.transcripts.events import Event
from contexts.transcripts.places import Place
from contexts.transcripts.sessions import ENDED, LONGEST_TEXT, LONGEST_WORDS, Session

# Redaction and syntax trees take about a millisecond for a KiB on a busy machine.
LARGEST_AT_ONCE = 32 * 1024
# 32,000 bytes: agents show a preview only of a text over 50,000 characters.
MOST_TOKENS = 8_000
LONGEST_TITLE = 200
LONGEST_READ = 16 * 1024
ATTEMPTS = 3


@dataclass
class Handled:
    """What came of an event: a context to answer with, and whether entries wait to be finished."""

    context: str | None = None
    unfinished: bool = False


class Hooks:
    """Events of coding agents, by an agent of ours.

    `project` and `branch` are what the agent's settings name: an id, or a name to make one from;
    `""` is made from the event's folder and git branch.
    """

    def __init__(self, author: Author, project: str = "", branch: str = "") -> None:
        self.author = author
        self.project = project
        if project and not is_context_id(project, PROJECT.longest_id):
            self.project = context_id_from(project, PROJECT.longest_id, "unknown")
        self.branch = branch

    def handle(self, event: Event) -> Handled:
        """Does what the event asks for; one it does not know, or without a session, nothing."""
        session = event.session()
        if event.name == "SessionStart":
            return self._start(event, session or Session("", cwd=event.text("cwd")[:1000]))
        if session is None:
            return Handled()
        if event.name in ("UserPromptSubmit", "UserPromptSubmitted"):
            self._prompt(event, session)
        elif event.name == "Stop":
            self._stop(event, session)
        elif event.name == "SessionEnd":
            self._end(event, session)
        else:
            return self._tools(event, session)
        return Handled()

    def _start(self, event: Event, session: Session) -> Handled:
        if session.session_id:
            self._ensure_task(session)
        branch_id = self._ensure_branch(session)
        organization_id = self.author.organization_id
        resolved = resolving.resolve(BRANCH, organization_id, branch_id)
        newest = resolving.newest_entries(organization_id, resolved.chain)
        return Handled(as_markdown(resolved, newest, MOST_TOKENS))

    def _prompt(self, event: Event, session: Session) -> None:
        """The first prompt is the task's title, as it is of an imported session."""
        prompt = event.text("prompt")[:LONGEST_READ]
        session.title = calls.shortened(redacted(prompt), LONGEST_TITLE)
        self._ensure_task(session)
        if session.title and "title" not in self._data_of(session):
            self._learn(session, {"title": session.title})

    def _stop(self, event: Event, session: Session) -> None:
        words = redacted(event.text("last_assistant_message")[:LONGEST_READ])
        words = calls.shortened(words, LONGEST_WORDS)
        if words:
            said = hashlib.sha256(f"{event.text('prompt_id')} {words}".encode()).hexdigest()
            self._progress(event, session, words, f"stop {said}")

    def _end(self, event: Event, session: Session) -> None:
        """As an import tells of it: progress, and when it was in the task's data."""
        self._ensure_task(session)
        organization_id = self.author.organization_id
        known = entries_of(organization_id, TASK, session.task_id)
        newest = known.values("entry_id", "content", "kind").first()
        if newest and newest["kind"] == Entry.Kind.PROGRESS and newest["content"].startswith(ENDED):
            return  # Told twice: nothing happened in between.
        count = known.filter(kind=Entry.Kind.ACTION).count()
        reason = calls.shortened(redacted(event.text("reason")[:LONGEST_READ]), LONGEST_TITLE)
        content = f"{ENDED} {reason or f'{count} tool calls'}"
        # Named after what it ends, so that the same event at the same moment is one.
        self._progress(event, session, content, f"end after {newest and newest['entry_id']}")
        self._learn(session, {"ended_at": timestamp(event.at), "tool_calls": count})

    def _tools(self, event: Event, session: Session) -> Handled:
        organization_id, agent = self.author.organization_id, self.author.name
        told = list(event.calls(session))
        ids = [calls.entry_id_of(organization_id, c.session_id, c.tool_use_id) for c in told]
        known = set(Entry.objects.filter(entry_id__in=ids).values_list("entry_id", flat=True))
        fresh = [call for call, key in zip(told, ids, strict=True) if key not in known]
        if not fresh:
            return Handled()
        late = event.size > LARGEST_AT_ONCE
        drafts = [
            pending.draft_of(call, organization_id, agent)
            if late
            else pending.bounded(call.draft(organization_id, agent))
            for call in fresh
        ]
        for attempt in range(ATTEMPTS):
            self._ensure_task(session)
            try:
                with transaction.atomic():
                    added = entries.add_many(self.author, TASK, session.task_id, drafts)
                    if late:
                        pending.keep(added, fresh)
                return Handled(unfinished=late and bool(added))
            except NotFound:
                # Somebody deleted the task since we looked.
                if attempt == ATTEMPTS - 1:
                    raise
        return Handled()

    def _progress(self, event: Event, session: Session, content: str, name: str) -> None:
        self._ensure_task(session)
        entries.add(
            self.author,
            TASK,
            session.task_id,
            Entry.Kind.PROGRESS,
            content,
            entry_id=calls.entry_id_of(self.author.organization_id, session.session_id, name),
            at=event.at,
        )

    def _data_of(self, session: Session) -> Document:
        rows = TASK.rows(self.author.organization_id, context_id=session.task_id)
        row = rows.first()
        return row.data if row is not None else {}

    def _learn(self, session: Session, news: Document) -> None:
        def learned(values: Document) -> Document:
            return {**values, "data": {**values["data"], **news}}

        services.update(self.author, TASK, session.task_id, learned)

    def _ensure_task(self, session: Session) -> None:
        rows = TASK.rows(self.author.organization_id, context_id=session.task_id)
        if rows.exists():
            return
        data = session.news({}, 0)
        # Counted at the end.
        del data["tool_calls"]
        branch_id = self._ensure_branch(session)
        Place(self.author, "", branch_id).ensure_task(session, {"data": data})

    def _ensure_branch(self, session: Session) -> str:
        branch = self.branch
        if branch:
            prefix = f"{self.project or session.folder}:"
            session.git_branch = session.git_branch or branch.removeprefix(prefix)[:LONGEST_TEXT]
        if branch and is_context_id(branch, BRANCH.longest_id):
            try:
                return Place(self.author, self.project, branch).ensure_branch(session)
            except Invalid:
                # The id is another project's: `main` is what everybody calls theirs.
                session.git_branch = branch
        return Place(self.author, self.project).ensure_branch(session)
