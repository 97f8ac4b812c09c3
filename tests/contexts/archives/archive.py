"""An organization in an archive and out of it; what there is of it before and after."""

import io
import json
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.db.models import Model

from contexts.history import present_versions, versions_of
from contexts.levels import LEVELS
from contexts.models import Change, Delegation, Entry, Feed, owned
from contexts.queries import entries_of, present, present_delegation, present_entry

Lines = list[dict[str, Any]]


def forget(organization_id: str) -> None:
    """A database without the organization, as a fresh instance has it."""
    models: list[type[Model]] = [
        Change,
        Entry,
        Delegation,
        *(level.model for level in reversed(LEVELS.values())),
    ]
    models.insert(-1, Feed)
    for model in models:
        # Past the collector, which finds that an organization refers to itself.
        rows = owned(organization_id, model)
        rows._raw_delete(rows.db)


def state(organization_id: str) -> dict[str, Any]:
    """All that the API shows of an organization, but for the numbers of the log."""
    seen: dict[str, Any] = {"contexts": [], "entries": {}, "history": {}}
    for level in LEVELS.values():
        rows = level.rows(organization_id).order_by("context_id")
        seen["contexts"] += [json.dumps(present(level, row)) for row in rows]
        ids = owned(organization_id, Change, level=level.name).values_list("context_id", flat=True)
        for context_id in sorted(set(ids)):
            key = f"{level.name} {context_id}"
            found = entries_of(organization_id, level, context_id)
            seen["entries"][key] = [present_entry(entry) for entry in found]
            versions = list(versions_of(level, organization_id, context_id))
            seen["history"][key] = present_versions(versions)
    seen["delegations"] = [
        present_delegation(each) for each in owned(organization_id, Delegation).order_by("id")
    ]
    return seen


def export(organization_id: str = "global") -> str:
    out = io.StringIO()
    call_command("export_contexts", organization=organization_id, stdout=out)
    return out.getvalue()


def import_text(text: str, folder: Path) -> str:
    file = folder / "archive.jsonl"
    file.write_text(text)
    out = io.StringIO()
    call_command("import_contexts", str(file), stdout=out)
    return out.getvalue()


def body_of(text: str) -> list[str]:
    """The archive's lines but for its header."""
    return text.rstrip("\n").split("\n")[1:]


def parsed(text: str) -> Lines:
    return [json.loads(line) for line in text.rstrip("\n").split("\n")]


def text_of(lines: Lines) -> str:
    return "".join(json.dumps(line) + "\n" for line in lines)
