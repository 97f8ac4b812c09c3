"""What is done at a node and its hub, and what the node has then."""

from collections.abc import Callable, Sequence
from typing import Any

from contexts import services
from contexts.access import Caller
from contexts.levels import LEVELS, PROJECT, Document
from contexts.models import owned
from syncing import pull
from syncing.client import CloudClient
from syncing.models import JournalEntry, Link
from tests.syncing.hubs import ORGANIZATION, ScriptedHub


def tie() -> Link:
    return owned(ORGANIZATION, Link).get()


def pull_all(client: CloudClient) -> int:
    """Pulls until there is no more; returns how many changes came."""
    count, more = 0, True
    while more:
        pulled = pull.pull_once(ORGANIZATION, client)
        count, more = count + pulled.changes, pulled.more
    return count


def data(context_id: str = "p1") -> Any:
    row = PROJECT.rows(ORGANIZATION, context_id=context_id).first()
    return row.data if row is not None else None


def make(author: Caller, *names: str) -> None:
    for name in names:
        services.create(author, PROJECT, {}, context_id=name)


def edit(author: Caller, context_id: str = "p1", **values: Any) -> None:
    services.update(
        author, PROJECT, context_id, lambda old: {**old, "data": {**old["data"], **values}}
    )


def story(hub: ScriptedHub, count: int = 3) -> None:
    """A project at the hub, edited a few times."""
    for value in range(count):
        hub.write(PROJECT, "p1", ORGANIZATION, data={"theirs": value})


def ids(changes: Sequence[Document]) -> set[str]:
    return {change["mutation_id"] for change in changes}


def states() -> dict[str, str]:
    """The newest journal entry's state of each context that has one."""
    found = owned(ORGANIZATION, JournalEntry).order_by("seq")
    return dict(found.values_list("lane__context_id", "state"))


def told(hub: ScriptedHub) -> list[list[str]]:
    """The contexts in each push so far."""
    return [[entry["context_id"] for entry in entries] for entries in hub.pushed]


def merging(hub: ScriptedHub, **data: Any) -> Callable[[Document], Document]:
    """A judge that makes the hub's next version of what is pushed, with `data`."""

    def merge(entry: Document) -> Document:
        level, context_id = LEVELS[entry["level"]], entry["context_id"]
        before = hub.newest(level, context_id)
        assert before is not None
        merged = hub.version(level, context_id, {**before["document"], "data": data}, before)
        merged |= {"mutation_id": entry["mutation_id"], "origin_node": entry["origin_node"]}
        return {"verdict": "merged", "seq": hub.tell(merged), "revision": merged["revision"]}

    return merge


def only_for(name: str, result: Document) -> Callable[[Document], Document | None]:
    """A judge that answers so for one context and takes the others in."""
    return lambda entry: result if entry["context_id"] == name else None
