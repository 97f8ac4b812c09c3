"""A task with its parents, and all that a write may change."""

from typing import Any

from contexts import services
from contexts.changes import Author
from contexts.history import head_of
from contexts.levels import TASK
from contexts.models import Context
from tests.contexts.replay import stored

CHAIN = {"branch_id": "b1", "project_id": "p1"}


def make_task(author: Author, context_id: str = "t1", **values: Any) -> Context:
    """A task in branch `b1` of project `p1`, which are made when missing."""
    return services.create(
        author, TASK, values, context_id=context_id, parent_ids=CHAIN, create_parents=True
    )


def rows_and_head(organization_id: str) -> tuple[Any, int]:
    return stored(organization_id), head_of(organization_id)
