"""An agent's work, which an archive keeps."""

import random
from typing import Any

from contexts import completion, delegations, entries, services
from contexts.access import Caller
from contexts.errors import ContextError
from contexts.levels import BRANCH, GLOBAL, PROJECT, TASK, Level
from contexts.models import Delegation, Entry, Role, owned


def make_task(caller: Caller, task_id: str = "t1", data: dict[str, Any] | None = None) -> None:
    services.create(
        caller,
        TASK,
        {"data": data or {}},
        context_id=task_id,
        parent_ids={"branch_id": "b1", "project_id": "p1"},
        create_parents=True,
    )


def set_data(caller: Caller, level: Level, context_id: str, data: dict[str, Any]) -> None:
    services.update(caller, level, context_id, lambda values: {**values, "data": data})


def work(caller: Caller, seed: int, steps: int = 40) -> None:
    """Some random work of an agent; what the rules refuse is not done."""
    chance = random.Random(seed)
    writer = Caller(caller.organization_id, "writer", Role.WRITER)

    def value() -> Any:
        return chance.choice([1, 2.5, 1e300, "ä\u2028x", None, True, [], {"deep": [{}]}, -0.0])

    def step() -> None:
        task_id, project_id = f"t{chance.randrange(4)}", f"p{chance.randrange(2)}"
        level, context_id = chance.choice(
            [
                (GLOBAL, caller.organization_id),
                (PROJECT, project_id),
                (BRANCH, "b0"),
                (TASK, task_id),
            ]
        )
        kind = chance.choice(
            ["create", "update", "delete", "entry", "delegate", "complete", "decide"]
        )
        if kind == "create":
            parents = {"branch_id": f"b{chance.randrange(2)}", "project_id": project_id}
            values = {"data": {"k": value()}, "progress": chance.randrange(101)}
            services.create(
                writer, TASK, values, context_id=task_id, parent_ids=parents, create_parents=True
            )
        elif kind == "update":
            set_data(writer, level, context_id, {"k": value(), "n": chance.randrange(3)})
        elif kind == "delete" and level is not GLOBAL:
            services.delete(caller, level, context_id, cascade=chance.random() < 0.5)
        elif kind == "entry":
            entries.add(
                writer,
                level,
                context_id,
                Entry.Kind.INSIGHT,
                f"insight {chance.random()}",
                category="technical",
                importance=chance.choice(["low", "critical"]),
            )
        elif kind == "delegate":
            delegations.delegate(
                writer, TASK, task_id, to=chance.choice(["project", "global"]), data={"d": value()}
            )
        elif kind == "complete":
            completion.complete(writer, task_id, "done")
        elif kind == "decide":
            waiting = owned(caller.organization_id, Delegation, status="pending").first()
            if waiting is not None:
                status = chance.choice([Delegation.Status.APPROVED, Delegation.Status.REJECTED])
                delegations.decide(caller, waiting.delegation_id, status)

    for _ in range(steps):
        try:
            step()
        except ContextError:
            continue
