"""What an agent would have seen at any time."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import time_machine

from contexts import services
from contexts.access import Caller
from contexts.compaction import compact
from contexts.errors import Gone, NotFound
from contexts.levels import BRANCH, PROJECT, TASK, Document
from contexts.models import Role
from contexts.resolving import resolve, resolve_as_of
from tests.conftest import make_organization
from tests.contexts.resolution.chains import HOUR, START, set_data, whole


@pytest.fixture
def past(db: None, cold_cache: None) -> Caller:
    """A history an hour a step, from `START` on."""
    caller = Caller("global", "owner", Role.ADMIN)
    parents = {"branch_id": "b1", "project_id": "p1"}

    def make(data: Document, **parent_ids: str) -> None:
        services.create(
            caller,
            TASK,
            {"data": data},
            context_id="t1",
            parent_ids=parent_ids,
            create_parents=True,
        )

    steps: list[Callable[[], object]] = [
        lambda: make_organization("global"),
        lambda: make({"task": 1}, **parents),
        lambda: set_data(caller, "project", {"project": 1}),
        lambda: set_data(caller, "task", {"task": 2}),
        lambda: services.delete(caller, TASK, "t1"),
        lambda: make({"task": 3}, branch_id="b2", project_id="p2"),
        lambda: set_data(caller, "global", {"global": 1}),
        lambda: services.delete(caller, PROJECT, "p1", cascade=True),
    ]
    for number, step in enumerate(steps):
        with time_machine.travel(START + number * HOUR, tick=False):
            step()
    return caller


@pytest.mark.parametrize(
    ("hour", "data", "ids"),
    [
        (1, {"task": 1}, ["t1", "b1", "p1", "global"]),
        (1.5, {"task": 1}, ["t1", "b1", "p1", "global"]),
        (2, {"project": 1, "task": 1}, ["t1", "b1", "p1", "global"]),
        (3, {"project": 1, "task": 2}, ["t1", "b1", "p1", "global"]),
        (3.99, {"project": 1, "task": 2}, ["t1", "b1", "p1", "global"]),
        (5, {"task": 3}, ["t1", "b2", "p2", "global"]),
        (6, {"global": 1, "task": 3}, ["t1", "b2", "p2", "global"]),
        (9999, {"global": 1, "task": 3}, ["t1", "b2", "p2", "global"]),
    ],
)
def test_it_can_be_seen_as_it_was(
    past: Caller, hour: float, data: Document, ids: list[str]
) -> None:
    body = whole(resolve_as_of(TASK, "global", "t1", START + hour * HOUR))
    assert (body["data"], body["inheritance_chain"]) == (data, ids)
    names = {path: source["level"] for path, source in body["sources"].items()}
    assert names == {f"/{name}": name for name in data}


@pytest.mark.parametrize("hour", [-9999, 0, 0.99, 4, 4.5])
def test_it_was_not_there_before_it_was_made_and_after_it_was_deleted(
    past: Caller, hour: float
) -> None:
    with pytest.raises(NotFound):
        resolve_as_of(TASK, "global", "t1", START + hour * HOUR)


def test_the_past_of_a_context_deleted_since_stays_visible(past: Caller) -> None:
    seen = resolve_as_of(BRANCH, "global", "b1", START + 3 * HOUR)
    assert seen.data == {"project": 1}
    with pytest.raises(NotFound):
        resolve_as_of(BRANCH, "global", "b1", START + 7 * HOUR)
    with pytest.raises(NotFound):
        resolve_as_of(TASK, "elsewhere", "t1", START + 3 * HOUR)


def test_now_and_as_of_now_are_the_same(past: Caller) -> None:
    now = resolve(TASK, "global", "t1")
    assert whole(resolve_as_of(TASK, "global", "t1", datetime.now(UTC))) == whole(now)


def test_what_is_compacted_is_gone_and_never_shown_wrong(past: Caller) -> None:
    compact("global", START + 5.5 * HOUR)
    with pytest.raises(Gone):
        resolve_as_of(TASK, "global", "t1", START + 1 * HOUR)
    assert resolve_as_of(TASK, "global", "t1", START + 6 * HOUR).data == {"global": 1, "task": 3}
