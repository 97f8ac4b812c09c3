"""Everything that can be done to contexts, as values: to draw, to do, to do again elsewhere."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from contexts import completion, delegations, entries, merging, services
from contexts.access import Caller
from contexts.levels import BRANCH, GLOBAL, LEVELS, PROJECT, TASK, Document, Level
from contexts.models import Delegation, Entry, owned

IDS = {"project": ("p1", "p2"), "branch": ("b1", "b2"), "task": ("t1", "t2", "t3")}
MEGABYTE = 2**20


@dataclass(frozen=True)
class Deed:
    """One call of one service."""

    what: str
    level: str
    context_id: str
    detail: Any = None


def patched(kind: str, values: Document, body: Any) -> Any:
    """The edit of a PATCH: `merge` (the API's own), `merge_patch` or `json_patch`."""
    if kind == "merge":
        merged = {**values, **body}
        for name in ("data", "metadata"):
            if name in body:
                merged[name] = merging.deep_merge(values[name], body[name])
        return merged
    if kind == "merge_patch":
        return merging.merge_patch(values, body)
    return merging.json_patch(values, body, MEGABYTE)


def perform(caller: Caller, deed: Deed) -> Any:
    """Does it. Raises what the service raises."""
    return _PERFORM[deed.what](caller, LEVELS[deed.level], deed.context_id, deed.detail)


def _create(caller: Caller, level: Level, context_id: str, detail: Mapping[str, Any]) -> Any:
    return services.create(
        caller,
        level,
        detail["values"],
        context_id=context_id,
        parent_ids=detail["parents"],
        create_parents=detail["create_parents"],
    )


def _edit(kind: str) -> Callable[[Caller, Level, str, Any], Any]:
    def edit(caller: Caller, level: Level, context_id: str, body: Any) -> Any:
        return services.update(
            caller, level, context_id, lambda values: patched(kind, values, body)
        )

    return edit


def _entry(caller: Caller, level: Level, context_id: str, detail: Mapping[str, Any]) -> Any:
    return entries.add(caller, level, context_id, **detail)


def _delegate(caller: Caller, level: Level, context_id: str, detail: Mapping[str, Any]) -> Any:
    by = Caller(caller.organization_id, caller.name, detail["role"])
    return delegations.delegate(by, level, context_id, to=detail["to"], data=detail["data"])


def _decide(caller: Caller, level: Level, context_id: str, detail: tuple[int, str]) -> Any:
    """About the n-th delegation of the organization; there may be none."""
    known = list(owned(caller.organization_id, Delegation).order_by("id"))
    delegation_id = known[detail[0] % len(known)].delegation_id if known else UUID(int=0)
    return delegations.decide(caller, delegation_id, Delegation.Status(detail[1]))


_PERFORM: dict[str, Callable[[Caller, Level, str, Any], Any]] = {
    "create": _create,
    "merge": _edit("merge"),
    "merge_patch": _edit("merge_patch"),
    "json_patch": _edit("json_patch"),
    "replace": lambda caller, level, context_id, values: services.update(
        caller, level, context_id, lambda _: values
    ),
    "delete": lambda caller, level, context_id, cascade: services.delete(
        caller, level, context_id, cascade=cascade
    ),
    "revert": lambda caller, level, context_id, version: services.revert(
        caller, level, context_id, version
    ),
    "entry": _entry,
    "delegate": _delegate,
    "decide": _decide,
    "complete": lambda caller, level, context_id, summary: completion.complete(
        caller, context_id, summary
    ),
}


def parents_of(level: Level, pick: Callable[[tuple[str, ...]], str]) -> dict[str, str]:
    """Ids for the parents of a context to create with `create_parents`, chosen by `pick`."""
    return {
        each.parent_field: pick(IDS[each.parent.name])
        for each in level.chain()
        if each.parent is not None and each.parent is not GLOBAL
    }


def random_deed(rng: random.Random, number: int) -> Deed:
    """Any deed on the small id space, mostly where it is likely to meet another's."""
    level = rng.choice((PROJECT, BRANCH, BRANCH, TASK, TASK, TASK))
    context_id = rng.choice(IDS[level.name])
    data = {rng.choice("abc"): {rng.choice("xyz"): number}}
    what = rng.choice(
        [
            "create",
            "create",
            "merge",
            "merge",
            "replace",
            "delete",
            "revert",
            "entry",
            "delegate",
            "delegate",
            "decide",
            "complete",
        ]
    )
    if what == "create":
        parents = parents_of(level, rng.choice)
        return Deed(
            what,
            level.name,
            context_id,
            {"values": {"data": data}, "parents": parents, "create_parents": True},
        )
    if what == "delegate":
        level = rng.choice((BRANCH, TASK))
        to = rng.choice([each.name for each in level.chain()][1:])
        role = rng.choice(("writer", "admin"))
        from_id = rng.choice(IDS[level.name])
        return Deed(what, level.name, from_id, {"to": to, "data": data, "role": role})
    if what == "entry":
        detail = {
            "kind": Entry.Kind.INSIGHT,
            "content": str(number),
            "importance": rng.choice(("low", "high")),
        }
        return Deed(what, level.name, context_id, detail)
    if what == "complete":
        return Deed(what, TASK.name, rng.choice(IDS["task"]), f"done at {number}")
    details: dict[str, Any] = {
        "merge": {"data": data},
        "replace": {"data": data},
        "delete": rng.random() < 0.8,
        "revert": rng.randint(1, 3),
        "decide": (rng.randint(0, 5), rng.choice(("approved", "rejected"))),
    }
    return Deed(what, level.name, context_id, details[what])
