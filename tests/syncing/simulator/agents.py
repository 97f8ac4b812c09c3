"""What agents do at a party: any deed there is, on a few contexts."""

from typing import Any

from contexts import delegations, entries, merging, services
from contexts.access import Caller
from contexts.errors import ContextError
from contexts.levels import BRANCH, GLOBAL, PROJECT, TASK, Document, Level
from contexts.models import Delegation, Entry, Role, owned
from syncing.conflicts import Strategy
from syncing.models import Conflict
from syncing.settling import resolve
from tests.syncing.simulator.parties import ORGANIZATION, Party
from tests.syncing.simulator.world import World

LEVEL_IDS = {
    GLOBAL: ["global"],
    PROJECT: ["p1", "p2"],
    BRANCH: ["b1", "b2", "b3"],
    TASK: ["t1", "t2", "t3", "t4"],
}
PARENTS = {"b1": "p1", "b2": "p1", "b3": "p2", "t1": "b1", "t2": "b1", "t3": "b2", "t4": "b3"}
PATHS = [("a",), ("b",), ("c", "d"), ("c", "e"), ("list",), ("things",)]


class Agent:
    """Works at a party as chance has it; what was answered well is noted."""

    def __init__(self, world: World, party: Party) -> None:
        self.world, self.party = world, party
        self.random = world.random

    def write(self) -> None:
        """One deed of any kind."""
        self.party.acted += 1
        value = f"{self.party.name}.{self.party.acted}"
        deed = self.random.choices(
            [self._edit, self._delete, self._add_entry, self._delegate, self._decide, self._settle],
            [60, 6, 12, 5, 4, 8],
        )[0]
        with self.world.acting(self.party):
            try:
                deed(value)
            except ContextError as error:
                self.world.note(self.party, f"{deed.__name__} refused: {error.code}")

    def _pick(self) -> tuple[Level, str]:
        level = self.random.choices(list(LEVEL_IDS), [1, 2, 3, 6])[0]
        return level, self.random.choice(LEVEL_IDS[level])

    def _edit(self, value: str) -> None:
        level, context_id = self._pick()
        path = self.random.choice(PATHS)
        if not level.rows(ORGANIZATION, context_id=context_id).exists():
            self._create(level, context_id, value)
            return

        def edit(values: Document) -> Document:
            return {**values, "data": self._edited(values["data"], path, value)}

        services.update(self.party.caller(), level, context_id, edit)
        self.world.note(self.party, f"{level.name} {context_id} {'.'.join(path)} = {value}")
        self.world.acknowledged.append((level.name, context_id, value))

    def _edited(self, data: Document, path: tuple[str, ...], value: str) -> Document:
        if path == ("list",):
            return {**data, "list": [*data.get("list", []), value][-3:]}
        if path == ("things",):
            things = list(data.get("things", []))
            if things and self.random.random() < 0.3:
                things.pop(self.random.randrange(len(things)))
            return {**data, "things": [*things, {"id": value, "by": value}][-4:]}
        if self.random.random() < 0.1:
            data = {name: item for name, item in data.items() if name != path[0]}
        nested: Any = value
        for name in reversed(path):
            nested = {name: nested}
        merged: Document = merging.deep_merge(data, nested)
        return merged

    def _create(self, level: Level, context_id: str, value: str) -> None:
        parents = {}
        if level.names_its_parent:
            parent = PARENTS[context_id]
            parents = {level.parent_field: parent}
            if level.parent is not None and level.parent.names_its_parent:
                parents[level.parent.parent_field] = PARENTS[parent]
        services.create(
            self.party.caller(),
            level,
            {"data": {"made": value}},
            context_id=context_id,
            parent_ids=parents,
            create_parents=True,
        )
        self.world.note(self.party, f"made {level.name} {context_id} {value}")
        self.world.acknowledged.append((level.name, context_id, value))

    def _delete(self, value: str) -> None:
        level, context_id = self._pick()
        if level is not GLOBAL:
            cascade = self.random.random() < 0.5
            services.delete(self.party.caller(), level, context_id, cascade=cascade)
            self.world.note(self.party, f"deleted {level.name} {context_id}")

    def _add_entry(self, value: str) -> None:
        level, context_id = self._pick()
        entries.add(self.party.caller(), level, context_id, Entry.Kind.INSIGHT, value)
        self.world.note(self.party, f"entry {value} at {level.name} {context_id}")
        self.world.acknowledged.append((level.name, context_id, value))

    def _delegate(self, value: str) -> None:
        to = self.random.choice(["project", "branch", "global"])
        caller = Caller(ORGANIZATION, f"agent-{self.party.name}", Role.WRITER)
        task = self.random.choice(LEVEL_IDS[TASK])
        delegations.delegate(caller, TASK, task, to=to, data={"from": {task: value}})
        self.world.note(self.party, f"delegated {value} from {task} to {to}")

    def _decide(self, value: str) -> None:
        waiting = owned(ORGANIZATION, Delegation, status=Delegation.Status.PENDING)
        found = waiting.order_by("created_at", "delegation_id").first()
        if found is not None:
            status = self.random.choice([Delegation.Status.APPROVED, Delegation.Status.REJECTED])
            delegations.decide(self.party.caller(), found.delegation_id, status)
            self.world.note(self.party, f"{status} a delegation")

    def _settle(self, value: str) -> None:
        found = owned(ORGANIZATION, Conflict, status=Conflict.Status.OPEN).order_by("at").first()
        if found is not None:
            strategy = self.random.choice(list(Strategy))
            resolve(self.party.caller(), found.conflict_id, strategy)
            self.world.note(
                self.party, f"settled a conflict of {found.level} {found.context_id}: {strategy}"
            )
