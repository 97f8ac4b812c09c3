"""What happened last: who is at work, which contexts are alive, and the feed line by line."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from uuid import UUID

from django.utils import timezone
from django.utils.safestring import SafeString

from contexts.admin import diffs, rendering
from contexts.levels import GLOBAL, Key, keys_of
from contexts.models import Change, owned
from contexts.pages import addresses

# How far back the log is looked at for signs of life.
RECENT = 400
AT_WORK = timedelta(minutes=15)
FEED = 25
LONGEST_TOLD = 160
MOST_KNOWN = 5_000
LARGEST = 2**63 - 1


@dataclass
class Person:
    """An agent or human at work: where they were last, and how much they did of late."""

    name: str
    at: datetime
    level: str
    context_id: str
    changes: int = 1

    @property
    def url(self) -> str:
        return addresses.context(self.level, self.context_id)

    @property
    def when(self) -> SafeString:
        return rendering.when(self.at)


@dataclass(frozen=True)
class Recent:
    """The newest part of the log."""

    changes: list[Change]

    @cached_property
    def alive(self) -> dict[Key, int]:
        """The newest change at each context or below it, by number."""
        newest: dict[Key, int] = {}
        for change in self.changes:
            place = keys_of(change.organization_id, change.level, change.context_id, change.path)
            for key in place:
                newest.setdefault(key, change.seq)
        return newest

    def people(self) -> list[Person]:
        """Who changed something in the last minutes, most recent first."""
        since = timezone.now() - AT_WORK
        found: dict[str, Person] = {}
        for change in self.changes:
            if change.at < since:
                continue
            person = found.get(change.actor)
            if person is None:
                found[change.actor] = Person(
                    change.actor, change.at, change.level, change.context_id
                )
            else:
                person.changes += 1
        return sorted(found.values(), key=lambda person: person.at, reverse=True)


def recent(organization_id: str) -> Recent:
    rows = owned(organization_id, Change).order_by("-seq")
    return Recent(list(rows.defer("document", "record")[:RECENT]))


@dataclass(frozen=True)
class Told:
    """One line of the feed: a change, and in few words what it was."""

    change: Change
    words: str = ""
    line: diffs.DiffLine | None = None
    more: int = 0

    @property
    def url(self) -> str:
        return addresses.context(self.change.level, self.change.context_id)

    @property
    def when(self) -> SafeString:
        return rendering.when(self.change.at)

    @property
    def verb(self) -> str:
        """What the actor did there, in a word or two."""
        if self.change.entry is not None:
            return f"noted {self.change.entry.kind}"
        words = {"delegated": "handed up", "conflict": "conflict"}
        return words.get(self.change.operation, self.change.operation)


def feed(
    organization_id: str, before: int = LARGEST, since: int = 0, most: int = FEED
) -> list[Told]:
    """The newest `most` changes before a number and after another, newest first."""
    rows = owned(organization_id, Change, seq__gt=since, seq__lt=before).select_related("entry")
    return [_told(change) for change in rows.defer("document").order_by("-seq")[:most]]


def news(organization_id: str, since: int, most: int) -> list[Change]:
    """Up to `most` changes after a number, newest first, without what they hold."""
    rows = owned(organization_id, Change, seq__gt=since).defer("document", "record")
    return list(rows.order_by("-seq")[:most])


def _told(change: Change) -> Told:
    if change.entry is not None:
        return Told(change, _short(change.entry.content))
    if change.record is not None and "delegate_to" in change.record:
        record = change.record
        whom = f"{record['delegate_to']} {record.get('target_id')}"
        if record["delegate_to"] == GLOBAL.name:
            whom = "the organization"
        words = f"{record.get('status')}, to {whom}"
        reason = record.get("delegation_reason")
        return Told(change, _short(f"{words}: {reason}" if reason else words))
    if change.operation == Change.Operation.DELETED or not change.makes_version:
        return Told(change)
    line, more = _first_line(change)
    return Told(change, "", line, more)


# What a change changed is always the same, and every open page asks for it.
_known: dict[tuple[str, UUID], tuple[diffs.DiffLine | None, int]] = {}


def _first_line(change: Change) -> tuple[diffs.DiffLine | None, int]:
    """The first line of what a version changed, and how many more there are."""
    key = change.origin_node, change.mutation_id
    told = _known.get(key)
    if told is None:
        found = diffs.of(change)
        lines = [] if found is None else [each for each in found.lines if not _is_empty(each)]
        more = 0 if found is None else max(0, len(lines) - 1 + found.more)
        told = readable(lines[0]) if lines else None, more
        if len(_known) >= MOST_KNOWN:
            _known.clear()
        _known[key] = told
    return told


def _is_empty(line: diffs.DiffLine) -> bool:
    """What a context is made with when nothing is said: fields with nothing in them."""
    if line.kind != "add" or line.path.count("/") != 1:
        return False
    return line.new in ('""', "{}", "[]", "0") or line.path.endswith("_id")


def readable(line: diffs.DiffLine) -> diffs.DiffLine:
    """The line with its path as people write it: `rules.style`."""
    parts = [
        part.replace("~1", "/").replace("~0", "~")
        for part in line.path.removeprefix("/").split("/")
    ]
    if parts[0] == "data" and len(parts) > 1:
        parts = parts[1:]
    old, new = (None if text is None else _short(text, 60) for text in (line.old, line.new))
    return diffs.DiffLine(line.kind, _short(".".join(parts), 80), old, new)


def _short(text: str, longest: int = LONGEST_TOLD) -> str:
    text = " ".join(text.split())
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
