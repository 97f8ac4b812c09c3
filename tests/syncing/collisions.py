"""Edits that collide, one made here, one pushed by a node that did not know of it; and the
conflict's page in the admin as people read and use it.
"""

import re
from html import unescape
from typing import Any

from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from contexts import services
from contexts.access import Caller
from contexts.levels import BRANCH, PROJECT, TASK, Document, Level
from contexts.models import Context, Role, owned
from syncing.models import Conflict
from tests.syncing.pushing import Node, entry

ORGANIZATION = "global"
PARENTS = {PROJECT: "global", BRANCH: "p1", TASK: "b1"}
DATA = {"status": "todo", "goal": "ship", "style": {"width": 80}, "owner": "kim"}
# Edits of a task with `DATA` that differ in `data.status` only.
OURS = {"data": {**DATA, "status": "doing", "goal": "test"}}
THEIRS = {"data": {**DATA, "status": "done", "owner": "sam"}, "progress": 50}
AUTHOR = Caller(ORGANIZATION, "agent-here", Role.ADMIN)


def row_of(level: Level, context_id: str) -> Any:
    return level.rows(ORGANIZATION, context_id=context_id).get()


def make(level: Level = TASK, context_id: str = "t1", **values: Any) -> Context:
    """A context below the chain's, whose ids are those of `make_chain`."""
    parents = {level.parent_field: PARENTS[level]}
    return services.create(AUTHOR, level, values, context_id=context_id, parent_ids=parents)


def make_branch() -> None:
    """A branch `b1` in a project `p1`."""
    make(PROJECT, "p1")
    make(BRANCH, "b1")


def edit(level: Level = TASK, context_id: str = "t1", **values: Any) -> None:
    """An edit made here."""
    services.update(AUTHOR, level, context_id, lambda old: {**old, **values})


def push(node: APIClient, seen: Document, level: Level, **values: Any) -> Document:
    """A node pushes an edit of the version `seen` (`seen_of`), a deletion without `values`."""
    document = {**seen["document"], **values} if values else None
    edited = entry(level.name, seen["context_id"], document, seen["revision"], actor="agent-there")
    return Node(node, "laptop").judged(edited)


def seen_of(level: Level, row: Any) -> Document:
    """What a node knows of a context that it edits later."""
    return {
        "context_id": row.context_id,
        "revision": row.revision,
        "document": level.document(row),
    }


def collide(
    node: APIClient,
    ours: Document | None,
    theirs: Document | None,
    level: Level = TASK,
    context_id: str = "t1",
) -> Conflict:
    """The conflict of two edits of a context's fields as they are now; None deletes it."""
    seen = seen_of(level, row_of(level, context_id))
    if ours is None:
        services.delete(AUTHOR, level, context_id)
    else:
        edit(level, context_id, **ours)
    result = push(node, seen, level, **(theirs or {}))
    assert result["verdict"] == "conflict", result
    return owned(ORGANIZATION, Conflict, conflict_id=result["conflict_id"]).get()


def page_of(conflict: Conflict) -> str:
    return reverse("admin:syncing_conflict_change", args=[conflict.pk])


def settle_url(conflict: Conflict) -> str:
    return reverse("admin:syncing_conflict_settle", args=[conflict.pk])


def read(human: Client, address: str, status: int = 200) -> str:
    response = human.get(address)
    assert response.status_code == status, response.content[:500]
    return response.content.decode()


def settle(human: Client, conflict: Conflict, **sent: Any) -> Any:
    """Clicks on the page as it is now, unless `revision` says what was seen."""
    row = TASK.rows("global", context_id="t1").first()
    seen = row.revision if row is not None else ""
    return human.post(settle_url(conflict), {"revision": seen, **sent}, follow=True)


def rows_in(body: str, mark: str) -> list[list[str]]:
    """What base, ours and theirs have in the rows of a page with that mark, as text."""
    found = []
    for classes, row in re.findall(r'<div class="beside-row([^"]*)"([^\n]*)', body):
        marks = classes.split()
        if mark in marks or (not mark and not marks):
            cells = re.findall(r'<div class="side side-[^>]*>(.*?)</div>', row)
            texts = [re.sub(r'<span class="side-name">\w+</span>', "", cell) for cell in cells]
            found.append([unescape(re.sub(r"<[^>]+>", "", text)).strip() for text in texts])
    return found


def preview(body: str, strategy: str) -> str:
    """The text of one choice."""
    found = re.search(rf'id="choice-{strategy}">(.*?)</section>', body, re.DOTALL)
    assert found is not None
    return unescape(re.sub(r"<[^>]+>", "", found.group(1)))
