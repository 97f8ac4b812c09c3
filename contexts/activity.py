"""A task at a glance, from its entries: files, the last test run, what failed, what was sought."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models.fields.json import KeyTransform

from contexts import cache, documents
from contexts.documents import Document
from contexts.levels import TASK
from contexts.models import Entry, PendingCall, owned
from contexts.queries import entries_of, timestamp

# The newest of each; and how many entries are looked at, however long a task goes on.
MOST_FILES = 1_000
MOST_COMMANDS = 50
MOST_SEARCHES = 50
MOST_ENTRIES = 20_000
_PAGE = 2_000


def of(organization_id: str, task_id: str) -> Document:
    """`files`, `tests`, `failed_commands` and `searches` of a task, each the newest first.

    Entries only come to it: what was found is cached by how many there are and the newest one.
    """
    entries = entries_of(organization_id, TASK, task_id).filter(kind=Entry.Kind.ACTION)
    newest = entries.order_by("-pk").values_list("entry_id", flat=True).first()
    if newest is None:
        return _Activity().document()
    pending = _unfinished(organization_id, task_id)
    # No organization's id is empty: this is no chain's.
    kept_as = f"activity||{organization_id}|{task_id}", f"{entries.count()}|{newest}"
    kept = None if pending else cache.get(*kept_as)
    if kept is not None:
        document: Document = documents.parse(kept)
        return document
    activity = _Activity()
    # Only what was extracted is read: the inputs beside it are most of an entry.
    told = entries.annotate(extracted=KeyTransform("extracted", "details"))
    rows = told.values_list("extracted", "created_at")[:MOST_ENTRIES]
    for extracted, at in rows.iterator(chunk_size=_PAGE):
        activity.add(_object(extracted), at)
    document = activity.document()
    if not pending:
        cache.put(*kept_as, documents.to_json(document))
    return document


def _unfinished(organization_id: str, task_id: str) -> bool:
    """Whether entries of the task are still to be finished."""
    entries = owned(organization_id, Entry, level=TASK.name, context_id=task_id)
    return PendingCall.objects.filter(entry__in=entries).exists()


def _object(value: Any) -> Document:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return {}
    return value if isinstance(value, dict) else {}


@dataclass
class _Activity:
    """What the entries seen so far tell, the newest first."""

    files: dict[str, Document] = field(default_factory=dict)
    tests: Document | None = None
    failed_commands: list[Document] = field(default_factory=list)
    searches: list[Document] = field(default_factory=list)

    def add(self, extracted: Document, at: datetime) -> None:
        # Whatever another node or an archive may have put there, it is only looked at.
        changes = extracted.get("changes")
        told = [
            change
            for change in (changes if isinstance(changes, list) else [])
            if isinstance(change, dict) and isinstance(change.get("path"), str)
        ]
        # Of these nobody knows which lines, but that they were edited.
        known = {change["path"] for change in told}
        modified = extracted.get("files_modified")
        for path in modified if isinstance(modified, list) else []:
            if isinstance(path, str) and path not in known:
                told.append({"path": path})
        for change in told:
            self._add_file(change)
        results, failures = extracted.get("test_results"), extracted.get("failures")
        # Of a run whose output told nothing, nothing can be said: the one before is the last.
        if self.tests is None and isinstance(results, dict) and _tells(results, failures):
            self.tests = {
                "test_results": results,
                "failures": failures if isinstance(failures, list) else [],
                "at": timestamp(at),
            }
        code, command = extracted.get("exit_code"), extracted.get("command")
        if _whole(code) and isinstance(command, str) and len(self.failed_commands) < MOST_COMMANDS:
            found = {"command": command, "exit_code": code, "at": timestamp(at)}
            self.failed_commands.append(found)
        if isinstance(extracted.get("query"), str) and len(self.searches) < MOST_SEARCHES:
            count = extracted.get("count")
            count = count if isinstance(count, int) and not isinstance(count, bool) else None
            found = {"query": extracted["query"], "count": count, "at": timestamp(at)}
            self.searches.append(found)

    def _add_file(self, change: Document) -> None:
        path = change["path"]
        if path not in self.files and len(self.files) >= MOST_FILES:
            return
        known = self.files.setdefault(path, {"path": path, "added": 0, "removed": 0, "edits": 0})
        known["added"] += _whole(change.get("added"))
        known["removed"] += _whole(change.get("removed"))
        known["edits"] += 1

    def document(self) -> Document:
        return {
            "files": list(self.files.values()),
            "tests": self.tests,
            "failed_commands": self.failed_commands,
            "searches": self.searches,
        }


def _tells(results: Document, failures: Any) -> bool:
    return bool(failures) or any(value is not None for value in results.values())


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
