"""The admin's pages by address: what they show, what their forms send."""

import json
from typing import Any

from django.test import Client
from django.urls import reverse

from contexts import services
from contexts.changes import Author
from contexts.levels import BRANCH, GLOBAL, LEVELS, PROJECT, TASK, Level
from contexts.models import Context, Delegation

ALL_LEVELS = list(LEVELS.values())

IDS = {GLOBAL: "global", PROJECT: "p1", BRANCH: "b1", TASK: "t1"}


def row_of(level: Level, context_id: str, organization_id: str = "global") -> Any:
    return level.rows(organization_id, context_id=context_id).get()


def url(level: Level, name: str, *arguments: object) -> str:
    return reverse(f"admin:contexts_{level.model._meta.model_name}_{name}", args=arguments)


def change_url(level: Level, row: Context) -> str:
    return url(level, "change", row.pk)


def form_of(level: Level, row: Any, **texts: Any) -> dict[str, Any]:
    """What the page's form would send, with other texts in some fields."""
    values = {
        field.name: json.dumps(value) if field.kind in ("object", "list") else value
        for field, value in zip(level.fields, level.values(row).values(), strict=True)
    }
    return {**values, "revision": row.revision, "_continue": "1", **texts}


def page(client: Client, address: str, status: int = 200) -> str:
    response = client.get(address)
    assert response.status_code == status, response.content[:500]
    return response.content.decode()


def set_field(name: str, value: Any) -> None:
    """An agent changes one field of `t1`."""
    author = Author("global", "agent-9")
    services.update(author, TASK, "t1", lambda values: {**values, name: value})


def make_one(level: Level, number: int) -> None:
    """Another context of a level, below the chain's parent."""
    name = f"{level.name}-{number}"
    parents = {level.parent_field: IDS[level.parent]} if level.parent is not None else {}
    author = Author("global", "agent-7")
    services.create(author, level, {}, context_id=name, parent_ids=parents)


def decide_url(delegation: Delegation) -> str:
    return reverse("admin:contexts_delegation_decide", args=[delegation.pk])
