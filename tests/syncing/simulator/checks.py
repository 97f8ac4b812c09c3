"""What must hold in the end: all are equal, at rest, and nothing acknowledged is lost."""

from typing import Any

from contexts.documents import to_json
from contexts.levels import LEVELS
from contexts.models import Change, Delegation, Entry, Feed, owned
from contexts.queries import present, present_delegation, present_entry
from syncing import link
from syncing.models import Conflict, Lane, unsettled
from syncing.settling import present as present_conflict
from tests.syncing.simulator.parties import ORGANIZATION, Party
from tests.syncing.simulator.world import World


def rests(world: World, node: Party) -> bool:
    with world.acting(world.hub):
        head = owned(ORGANIZATION, Feed).get().head
    with world.acting(node):
        waits = unsettled(ORGANIZATION).exists()
        apart = owned(ORGANIZATION, Lane, upstream__isnull=False).exists()
        return not waits and not apart and link.link_of(ORGANIZATION).cursor == head


def unrest(world: World) -> str:
    """What still waits where."""
    told = []
    for node in world.nodes:
        with world.acting(node):
            for entry in unsettled(ORGANIZATION).select_related("lane", "change"):
                told.append(
                    f"{node.name}: {entry.state} {entry.change} {entry.verdict} "
                    f"{entry.code} {entry.last_error} {entry.hub_seq}"
                )
            for lane in owned(ORGANIZATION, Lane, upstream__isnull=False):
                told.append(f"{node.name}: {lane} apart from {lane.upstream}")
    return "\n".join([*world.trace[-60:], *told])


def state(world: World, party: Party) -> dict[str, Any]:
    """Everything that must be the same everywhere."""
    with world.acting(party):
        found: dict[str, Any] = {}
        for level in LEVELS.values():
            for row in level.rows(ORGANIZATION):
                found[f"{level.name} {row.context_id}"] = present(level, row)
        log = owned(ORGANIZATION, Change, makes_version=True).order_by(
            "level", "context_id", "version", "seq"
        )
        found["history"] = [
            (
                *(each.level, each.context_id, each.version, each.revision, each.operation),
                # As a value: JSON's objects have no order, and PostgreSQL keeps none.
                *(each.actor, each.at, each.document),
            )
            for each in log
        ]
        found["entries"] = sorted(
            (to_json(present_entry(each)) for each in owned(ORGANIZATION, Entry)),
        )
        found["delegations"] = sorted(
            to_json(present_delegation(each)) for each in owned(ORGANIZATION, Delegation)
        )
        found["conflicts"] = sorted(
            to_json(present_conflict(each)) for each in owned(ORGANIZATION, Conflict)
        )
        return found


def check(world: World, *, history: bool = True) -> None:
    """Raises `AssertionError` with the trace when something does not hold."""
    there = state(world, world.hub)
    for node in world.nodes:
        here = state(world, node)
        for name in sorted({*there, *here} - (set() if history else {"history"})):
            mine, hubs = here.get(name), there.get(name)
            if mine != hubs:
                if isinstance(mine, list) and isinstance(hubs, list):
                    only = [each for each in mine if each not in hubs]
                    hubs, mine = [each for each in hubs if each not in mine], only
                raise AssertionError(
                    f"seed {world.seed}: {name} differs on {node.name}\n"
                    f"hub:  {hubs}\n{node.name}:   {mine}\n" + "\n".join(world.trace)
                )
    found = kept(world)
    for level, context_id, value in world.acknowledged:
        if value not in found.get((level, context_id), ""):
            raise AssertionError(
                f"seed {world.seed}: {value} of {level} {context_id} is lost\n"
                + "\n".join(world.trace)
            )


def kept(world: World) -> dict[tuple[str, str], str]:
    """All that the hub still has of each context: versions, entries, sides of conflicts."""
    found: dict[tuple[str, str], str] = {}

    def add(level: str, context_id: str, *told: Any) -> None:
        text = " ".join(to_json(each).decode().replace('"', " ") for each in told)
        found[level, context_id] = found.get((level, context_id), "") + text

    with world.acting(world.hub):
        for change in owned(ORGANIZATION, Change, makes_version=True):
            add(change.level, change.context_id, change.document)
        for conflict in owned(ORGANIZATION, Conflict):
            add(conflict.level, conflict.context_id, conflict.ours, conflict.theirs)
        for entry in owned(ORGANIZATION, Entry):
            add(entry.level, entry.context_id, entry.content)
    return found
