"""Tasks below `b1` in `p1`, noted and replaced, and what a search of them finds."""

from contexts import entries, search, services
from contexts.changes import Author
from contexts.levels import TASK, Document, Level
from contexts.models import Context, Entry


def make(author: Author, context_id: str, data: Document) -> Context:
    return services.create(
        author,
        TASK,
        {"data": data},
        context_id=context_id,
        parent_ids={"branch_id": "b1", "project_id": "p1"},
        create_parents=True,
    )


def note(author: Author, context_id: str, content: str, details: Document | None = None) -> Entry:
    kind = Entry.Kind.PROGRESS if details is None else Entry.Kind.ACTION
    return entries.add(author, TASK, context_id, kind, content, details=details)


def replace(author: Author, context_id: str, data: Document) -> None:
    services.update(author, TASK, context_id, lambda values: {**values, "data": data})


def find(text: str, organization_id: str = "global", level: Level = TASK) -> list[str]:
    rows = level.rows(organization_id)
    return [row.context_id for row in search.matching(rows, level, organization_id, text)[:]]
