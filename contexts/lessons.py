"""What a task's entries teach: patterns that passed their tests, commands that kept working."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from django.db.models import Q, QuerySet
from django.db.models.fields.json import KeyTransform

from contexts.documents import Document
from contexts.extraction import programs, shell
from contexts.levels import TASK
from contexts.models import Change, Context, Entry, owned

# A pattern that is seen once may be chance.
LEAST = 2
MOST_PATTERNS = 50
MOST_EVIDENCE = 10
LONGEST_PATTERN = 2_000
LONGEST_COMMAND = 500
MOST_ENTRIES = 20_000
_PAGE = 2_000


def reusable_patterns(task: Context) -> Document:
    """What a task found that others can use, each with its evidence: ids of entries.

    High and critical insights, the newest first; patterns of code seen in at least two edits
    after which a test run passed; commands that worked at least twice, the last time too. Fifty
    of each at most; by keys of their own, so that the patterns of several tasks stand side by
    side in one project.
    """
    return {**_insights(task), **_from_actions(task)}


def entries_of_this_life(task: Context, kind: Entry.Kind) -> QuerySet[Entry]:
    """The task's entries of a kind; without those from before it was deleted and made again."""
    entries = owned(
        task.organization_id, Entry, level=TASK.name, context_id=task.context_id, kind=kind
    )
    deleted = owned(
        task.organization_id,
        Change,
        level=TASK.name,
        context_id=task.context_id,
        operation=Change.Operation.DELETED,
    )
    last = deleted.order_by("-seq").values_list("seq", flat=True).first()
    if last is None:
        return entries
    # By the log and not by the clock: an import brings what happened before its task was made.
    return entries.filter(Q(change__seq__gt=last) | Q(change=None))


def _insights(task: Context) -> Document:
    insights = (
        entries_of_this_life(task, Entry.Kind.INSIGHT)
        .filter(importance__in=("high", "critical"))
        .order_by("-created_at", "-id")[:MOST_PATTERNS]
    )
    return {
        str(insight.entry_id): {
            "pattern": insight.content[:LONGEST_PATTERN],
            "category": insight.category,
            "importance": insight.importance,
            "task_id": task.context_id,
            "evidence": [str(insight.entry_id)],
        }
        for insight in insights
    }


def _from_actions(task: Context) -> Document:
    actions = (
        entries_of_this_life(task, Entry.Kind.ACTION)
        .annotate(extracted=KeyTransform("extracted", "details"))
        .order_by("-created_at", "-id")
        .values_list("entry_id", "extracted")[:MOST_ENTRIES]
    )
    newest_first = (
        (str(entry_id), extracted)
        for entry_id, extracted in actions.iterator(chunk_size=_PAGE)
        if isinstance(extracted, dict)
    )
    seen = _Seen()
    for entry_id, extracted in newest_first:
        seen.add(entry_id, extracted)
    found = {}
    for kind, name, lesson in _first(MOST_PATTERNS, seen.patterns()):
        found[_key(task, kind, name)] = {**lesson, "task_id": task.context_id}
    for kind, name, lesson in _first(MOST_PATTERNS, seen.worked()):
        found[_key(task, kind, name)] = {**lesson, "task_id": task.context_id}
    return found


Lesson = tuple[str, str, Document]


@dataclass
class _Seen:
    """What the actions seen so far tell, the newest first."""

    passing: str = ""
    edits: dict[str, list[str]] = field(default_factory=dict)
    proof: dict[str, str] = field(default_factory=dict)
    commands: dict[str, list[str]] = field(default_factory=dict)
    failed_last: set[str] = field(default_factory=set)

    def add(self, entry_id: str, extracted: Document) -> None:
        if passed(extracted):
            self.passing = entry_id
        used = extracted.get("patterns_used")
        if self.passing and isinstance(used, list):
            for name in dict.fromkeys(each for each in used if isinstance(each, str)):
                self.edits.setdefault(name, []).append(entry_id)
                # Read backwards: the run that came first after the edit.
                self.proof.setdefault(name, self.passing)
        command = extracted.get("command")
        if isinstance(command, str) and command and _is_work(extracted):
            if extracted.get("exit_code") == 0:
                self.commands.setdefault(command, []).append(entry_id)
            elif command not in self.commands:
                self.failed_last.add(command)

    def patterns(self) -> Iterator[Lesson]:
        for name, ids in sorted(self.edits.items(), key=lambda item: (-len(item[1]), item[0])):
            if len(ids) >= LEAST:
                evidence = [*ids[: MOST_EVIDENCE - 1], self.proof[name]]
                yield "code", name, {"pattern": name, "edits": len(ids), "evidence": evidence}

    def worked(self) -> Iterator[Lesson]:
        for command, ids in sorted(self.commands.items(), key=lambda item: (-len(item[1]), item)):
            if len(ids) >= LEAST and command not in self.failed_last:
                lesson = {
                    "pattern": f"`{command[:LONGEST_COMMAND]}` works",
                    "command": command[:LONGEST_COMMAND],
                    "times": len(ids),
                    "evidence": ids[:MOST_EVIDENCE],
                }
                yield "command", command, lesson


def passed(extracted: Document) -> bool:
    """Whether an action was a test run in which tests passed and none failed."""
    results = extracted.get("test_results")
    if not isinstance(results, dict) or extracted.get("exit_code") not in (None, 0):
        return False
    if results.get("passed") is None and results.get("failed") == results.get("errors") == 0:
        return True  # Of tests that passed go says that they did, and not how many.
    counts = {name: results.get(name) or 0 for name in ("passed", "failed", "errors")}
    if not all(isinstance(count, int | float) for count in counts.values()):
        return False
    return bool(counts["passed"] > 0 and counts["failed"] == counts["errors"] == 0)


def _is_work(extracted: Document) -> bool:
    """Whether a command did something that is worth telling: not `ls`, `cd`, or a commit."""
    if extracted.get("kind") == "vcs":
        return False
    commands = shell.commands_in(str(extracted["command"]))
    return any(not programs.reads_only(each) for each in commands)


def _key(task: Context, kind: str, name: str) -> str:
    digest = hashlib.sha256(name.encode()).hexdigest()[:12]
    return f"{task.context_id}:{kind}:{digest}"


def _first(most: int, lessons: Iterable[Lesson]) -> Iterator[Lesson]:
    for _, lesson in zip(range(most), lessons, strict=False):
        yield lesson
