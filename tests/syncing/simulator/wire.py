"""The network between a node and the hub: it loses, doubles and delays."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from contexts import documents
from contexts.access import Caller
from contexts.breaker import Breaker
from contexts.documents import to_json
from contexts.errors import Gone
from contexts.levels import Document
from contexts.models import Role
from syncing import feeding, peers
from syncing.errors import HistoryGone, HubAway, NodeCloned
from syncing.identity import identity
from syncing.receiving import receive
from tests.syncing.simulator.parties import ORGANIZATION, Party
from tests.syncing.simulator.world import World

DEEPEST = 80


class Crash(BaseException):
    """The process ends here."""


class Wire:
    """The hub as a node's client sees it, over a network that chance rules."""

    def __init__(self, world: World, node: Party) -> None:
        self.world, self.node = world, node
        self.breaker = Breaker()

    def _ask(self, what: str, question: Callable[[], Document]) -> Any:
        """The hub's answer to what `question` computes there."""
        world, chances = self.world, self.world.chances
        if world.random.random() < chances.dropped:
            raise HubAway(f"{what} was dropped")
        if world.random.random() < chances.delayed:
            # It arrives, some day, and nobody waits for the answer.
            world.late.append(lambda: self._deliver(question))
            raise HubAway(f"{what} was late")
        answer = self._deliver(question)
        if world.random.random() < chances.doubled:
            answer = self._deliver(question)
        if world.random.random() < chances.answer_lost:
            raise HubAway(f"the answer to {what} was lost")
        if world.random.random() < chances.crash:
            raise Crash
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _deliver(self, question: Callable[[], Document]) -> Document | Exception:
        with self.world.acting(self.world.hub):
            try:
                answer: Document = documents.parse(to_json(question()), DEEPEST)
                return answer
            except Gone as gone:
                details = gone.details
                return HistoryGone(details["epoch"], details["floor"], details["head"])
            except peers.NodeCloned as cloned:
                return NodeCloned(cloned.sentence)

    def status(self) -> Any:
        return self._ask("status", lambda: feeding.status(ORGANIZATION, identity().node))

    def changes(
        self,
        *,
        node: str,
        since: int,
        epoch: str,
        last: UUID | None,
        limit: int,
        wait: float = 0,
        seconds: float | None = None,
    ) -> Any:
        return self._ask(
            "changes",
            lambda: feeding.changes_page(
                ORGANIZATION, identity().node, since, epoch, last, min(limit, self.world.page)
            ),
        )

    def snapshot(self, *, node: str, after: str, limit: int) -> Any:
        return self._ask(
            "snapshot",
            lambda: feeding.snapshot_page(
                ORGANIZATION, identity().node, after, min(limit, self.world.page)
            ),
        )

    def push(self, body: Document) -> Any:
        pushed = documents.parse(to_json(body), DEEPEST)

        def judged() -> Document:
            hub = identity().node
            caller = Caller(ORGANIZATION, self.node.name, Role.ADMIN)
            peers.recognize(caller, pushed["node"], pushed["incarnation"], pushed["previous"])
            last = UUID(pushed["last"]) if pushed["last"] else None
            feeding.check_place(ORGANIZATION, pushed["since"], pushed["epoch"], last)
            results = receive(caller, pushed["node"], hub, pushed["entries"])
            return {"results": results}

        return self._ask("push", judged)
