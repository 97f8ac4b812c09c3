"""Who an instance is to its hub: starts go on from one another, a copy of it parts."""

from dataclasses import asdict, dataclass
from typing import Any

import pytest

from contexts import services
from contexts.access import Caller
from contexts.changes import Author
from contexts.levels import PROJECT
from contexts.models import Role
from syncing import peers
from syncing.client import CloudClient
from syncing.identity import REMEMBERED, identity, start_anew
from syncing.models import Identity, JournalEntry
from syncing.push import push_due
from tests.syncing.hubs import ORGANIZATION, Answer, Asked, ScriptedHub, exchange, linked_to

pytestmark = pytest.mark.django_db
HUB = Caller(ORGANIZATION, "node", Role.WRITER)


@dataclass(frozen=True)
class Told:
    """What a process says of the instance it belongs to."""

    node: str
    incarnation: str
    previous: list[str]


def told() -> Told:
    mine = identity()
    return Told(mine.node, mine.incarnation, list(mine.previous))


def recognized(who: Told) -> bool:
    """Whether a hub takes that as the node that it knows."""
    try:
        peers.recognize(HUB, **asdict(who))
    except peers.NodeCloned:
        return False
    return True


class RecognizingHub(ScriptedHub):
    """A hub that looks who pushes, as a real one does."""

    def __init__(self) -> None:
        super().__init__()
        self.before_push: list[Any] = []
        self.script = self._recognize

    def _recognize(self, asked: Asked) -> Answer | None:
        if asked.path != "push/":
            return None
        if self.before_push:
            self.before_push.pop(0)()
        who = Told(*(asked.body[name] for name in ("node", "incarnation", "previous")))
        return None if recognized(who) else Answer(409, {"code": "node_cloned"})


def write(context_id: str) -> None:
    author = Author(ORGANIZATION, "owner")
    services.create(author, PROJECT, {}, context_id=context_id, parent_ids={"global_id": "global"})


def pushed_all(client: CloudClient) -> bool:
    exchange(client)
    waiting = [JournalEntry.State.PENDING, JournalEntry.State.DEAD]
    return not JournalEntry.objects.filter(state__in=waiting).exists()


def test_every_start_is_known_again_whichever_process_pushes_next(organization: str) -> None:
    before = told()
    assert recognized(before)
    for _ in range(3):
        start_anew()
    after = told()
    assert after.node == before.node
    assert recognized(after)


def test_a_process_that_starts_while_another_pushes_makes_no_copy(organization: str) -> None:
    hub = RecognizingHub()

    def second_process() -> None:
        start_anew()
        assert recognized(told())

    with linked_to(hub) as client:
        write("p1")
        name = identity().node
        hub.before_push = [second_process]
        assert pushed_all(client)
        assert identity().node == name
    assert [change["origin_node"] for change in hub.feed] == [name] * len(hub.feed)


def test_a_copy_goes_on_under_another_name_and_all_its_changes_arrive(organization: str) -> None:
    hub = RecognizingHub()
    with linked_to(hub) as client:
        write("p1")
        assert pushed_all(client)
        original = told()
        # The original goes on after it was copied; what follows happens to the copy.
        assert recognized(Told(original.node, "b" * 32, [original.incarnation]))
        start_anew()
        write("p2")
        assert pushed_all(client)
    assert identity().node != original.node
    assert {change["context_id"] for change in hub.feed} == {"global", "p1", "p2"}
    assert recognized(told())


def test_a_copy_that_two_workers_find_out_about_parts_once(organization: str) -> None:
    hub = RecognizingHub()
    with linked_to(hub) as client:
        original = told()
        assert recognized(Told(original.node, "b" * 32, []))
        write("p1")
        names: list[str] = []

        def other_worker() -> None:
            write("p2")
            push_due(ORGANIZATION, client)
            names.append(identity().node)

        hub.before_push = [other_worker]
        assert pushed_all(client)
    assert names == [identity().node] != [original.node]


def test_no_more_starts_are_remembered_than_a_push_should_carry(organization: str) -> None:
    for _ in range(REMEMBERED + 5):
        start_anew()
    assert len(Identity.objects.get().previous) == REMEMBERED
