"""A resolved context as markdown for a prompt."""

from contexts import markdown
from contexts.models import Entry
from contexts.queries import timestamp
from contexts.resolving import Resolved


def as_markdown(resolved: Resolved, entries: list[Entry], max_tokens: int | None) -> str:
    """The resolved context with its insights and progress, within `max_tokens` when given."""
    leaves: dict[str, list[tuple[str, object]]] = {}
    values = resolved.leaves()
    for path, link in resolved.setters.items():
        leaves.setdefault(link.level.name, []).append((path, values[path]))
    sections = [
        markdown.Section(
            level=link.level.name,
            context_id=link.context_id,
            data=leaves.get(link.level.name, []),
            entries=[
                markdown.EntryLine(
                    kind=entry.kind,
                    content=entry.content,
                    category=entry.category,
                    importance=entry.importance,
                    agent=entry.agent,
                    at=timestamp(entry.created_at),
                )
                for entry in entries
                if (entry.level, entry.context_id) == (link.level.name, link.context_id)
            ],
        )
        for link in resolved.chain
    ]
    told = [section for section in sections if section.data or section.entries]
    first = resolved.chain[0]
    return markdown.render(f"Context of {first.level.name} {first.context_id}", told, max_tokens)
