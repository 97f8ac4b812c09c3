"""A context's page: its document, what an agent there sees, what happened to it."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import resolve

from contexts import upstream
from contexts.admin import additions, rendering
from contexts.errors import NotFound
from contexts.history import versions_of
from contexts.levels import CHILD, LEVELS, Field, Level
from contexts.models import Context
from contexts.pages import happening, resolved, timeline, tree
from contexts.pages.visiting import Visitor, frame, page

LABELS = {
    "data": "Document",
    "metadata": "Metadata",
    "progress": "Progress",
    "next_steps": "Next steps",
}


@dataclass(frozen=True)
class Value:
    """A writable field as the page shows and edits it."""

    field: Field
    value: Any

    @property
    def label(self) -> str:
        return LABELS.get(self.field.name, "Name")

    @property
    def is_json(self) -> bool:
        return self.field.kind in ("object", "list")

    @property
    def text(self) -> str:
        return rendering.pretty(self.value) if self.is_json else str(self.value)

    @property
    def rows(self) -> int:
        return min(28, self.text.count("\n") + 2)

    @property
    def shown(self) -> Any:
        return rendering.document(self.value) if self.is_json else self.value

    @property
    def is_empty(self) -> bool:
        return self.value in ({}, [], "")


@page
def context(request: HttpRequest, visitor: Visitor, level: str, context_id: str) -> HttpResponse:
    """One context, or what is left of it."""
    at = LEVELS.get(level)
    if at is None:
        raise NotFound
    upstream.refresh(visitor.organization_id)
    around = frame(request, visitor)
    row = at.rows(visitor.organization_id, context_id=context_id).first()
    if row is None and not versions_of(at, visitor.organization_id, context_id).exists():
        raise NotFound
    shown = {
        **around,
        "level": at,
        "context_id": context_id,
        "row": row,
        "has_activity": _has_activity(at, context_id),
        "timeline": timeline.timeline(
            at, visitor.organization_id, context_id, _shown(request.GET.get("shown", ""))
        ),
    }
    if row is not None:
        shown |= _living(visitor, at, row)
    return render(request, "pages/context.html", shown)


def _has_activity(level: Level, context_id: str) -> bool:
    """Whether the API tells of that level's activity."""
    address = f"/api/v1/contexts/{level.name}/{context_id}/activity/"
    # What answers for addresses that lead nowhere has no name.
    return resolve(address).url_name is not None


def _shown(text: str) -> int:
    asked = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else timeline.STEP
    return max(timeline.STEP, min(timeline.MOST, asked))


def _living(visitor: Visitor, level: Level, row: Context) -> dict[str, Any]:
    organization_id, context_id = row.organization_id, row.context_id
    values = [
        Value(field, value)
        for field, value in zip(level.fields, level.values(row).values(), strict=True)
    ]
    node = tree.nodes(organization_id, [(level.name, context_id)])
    inside = None
    if level.name in CHILD and node:
        inside = tree.children(node[0], happening.recent(organization_id).alive)
    return {
        "node": node[0] if node else None,
        "name": node[0].name if node else "",
        "updated": rendering.when(row.updated_at),
        "values": values,
        "resolved": resolved.resolved(level, organization_id, context_id),
        "children": inside,
        "pulse": timeline.pulse(level, organization_id, context_id),
        "notices": additions.notices_of(level.name, organization_id, context_id),
        "may_delete": level.deleted_by is not None and visitor.caller.may(level.deleted_by),
    }
