"""What writers were told is written, and whether that is what is there in the end."""

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.faults.cluster import Site
from tests.faults.services import until

PATIENCE_SECONDS = 120.0
DISPUTED = "winner"


@dataclass
class Ledger:
    """What was acknowledged of writes to a branch of its own, which has the ledger's name.

    Edits of contexts by a key of their own, insights, new tasks, and edits of one key by all.
    """

    name: str
    edits: dict[str, dict[str, str]] = field(default_factory=dict)
    insights: list[str] = field(default_factory=list)
    tasks: list[str] = field(default_factory=list)
    disputed: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    count: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def shared(self) -> str:
        """The address of the task that all write to."""
        return f"contexts/task/{self.name}-shared/"

    @property
    def branch(self) -> str:
        return f"contexts/branch/{self.name}/"

    def open(self, hub: Site, nodes: Sequence[Site]) -> None:
        """Makes the branch and the shared task, and waits for them to be everywhere."""
        with hub.client() as client:
            made = client.post(
                "api/v1/contexts/task/?create_parents=true",
                json={"id": f"{self.name}-shared", "branch_id": self.name, "project_id": "p1"},
            )
            assert made.status_code == 201, made.text
        for node in nodes:
            until(f"{node.name} has the branch", lambda node=node: node.has(self.shared), 60)  # type: ignore[misc]

    def note(self, kind: str, place: str, value: str, seconds: float) -> None:
        with self._lock:
            self.count += 1
            self.seconds.append(seconds)
            if kind == "insight":
                self.insights.append(value)
            elif kind == "task":
                self.tasks.append(value)
            elif kind == "disputed":
                self.disputed.append(value)
            elif kind == "edit":
                self.edits.setdefault(place, {})[_key_of(value)] = value

    def slowest(self, share: float = 1.0) -> float:
        """The time within which that share of the writes was answered."""
        return quantile(self.seconds, share)


def quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def _key_of(value: str) -> str:
    return value.replace(".", "_")


class Writer:
    """An agent of one site. A write without an answer is sent again, with the same key.

    Its writes follow from its name and the seed. `pause` is how long it rests after each.
    """

    def __init__(
        self,
        ledger: Ledger,
        site: Site,
        name: str,
        seed: int,
        pause: float = 0.0,
    ) -> None:
        self.ledger, self.site, self.name, self.pause = ledger, site, name, pause
        self.random = random.Random(f"{seed} {name}")
        self.client: httpx.Client | None = None
        self.attempts = self.done = 0

    def write(self, count: int, wanted: Callable[[], bool] = lambda: True) -> None:
        """Does `count` writes, one after the other, as long as they are `wanted`."""
        self.client = self.site.client()
        with self.client:
            for number in range(self.done, self.done + count):
                if not wanted():
                    return
                self._one(number)
                self.done += 1
                time.sleep(self.pause)

    def _one(self, number: int) -> None:
        value, ledger = f"{self.ledger.name}.{self.name}.{number}", self.ledger
        own = f"{ledger.name}.{self.name}"
        kind = self.random.choices(
            ["own", "shared", "insight", "task", "disputed"], [35, 25, 25, 13, 2]
        )[0]
        if number == 0:
            self._do("task", "POST", "contexts/task/", own, id=own, branch_id=ledger.name)
        elif kind == "insight":
            self._do(kind, "POST", f"{ledger.shared}insights/", value, content=value)
        elif kind == "task":
            self._do(kind, "POST", "contexts/task/", value, id=value, branch_id=ledger.name)
        elif kind == "disputed":
            self._do(kind, "PATCH", ledger.branch, value, data={DISPUTED: value})
        else:
            place = ledger.shared if kind == "shared" else f"contexts/task/{own}/"
            self._do("edit", "PATCH", place, value, data={_key_of(value): value})

    def _do(self, kind: str, method: str, path: str, value: str, **body: Any) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            began = time.monotonic()
            answer = self._try(method, path, body, value)
            if answer is not None and answer.status_code < 500:
                break
            assert began < deadline, f"{self.name}: {method} {path}: {answer and answer.text}"
            time.sleep(0.1)
        assert answer.is_success, f"{self.name}: {method} {path}: {answer.text}"
        self.ledger.note(kind, path, value, time.monotonic() - began)

    def _try(self, method: str, path: str, body: dict[str, Any], key: str) -> httpx.Response | None:
        assert self.client is not None
        self.attempts += 1
        try:
            return self.client.request(
                method,
                f"{self.site.url}api/v1/{path}",
                json=body,
                headers={"Idempotency-Key": key},
            )
        except httpx.TransportError:
            return None


def settled(
    ledger: Ledger, sites: Sequence[Site], seconds: float, *, histories: bool = True
) -> float:
    """Waits until every site holds exactly what was acknowledged; returns how long that took.

    The first site is the hub. `histories` is for one that has forgotten no version.
    """
    told: list[str] = ["nothing was looked at yet"]

    def holds() -> bool:
        told[:] = _differences(ledger, sites, histories)
        return not told

    try:
        return until("what was acknowledged is everywhere", holds, seconds, every=0.5)
    except AssertionError as error:
        raise AssertionError("\n".join([str(error), *told])) from None


def _differences(ledger: Ledger, sites: Sequence[Site], histories: bool) -> list[str]:
    """What is not as the ledger has it; what is cheap to see comes first."""
    journals = {node.name: node.journal() for node in sites[1:]}
    waiting = {
        name: journal for name, journal in journals.items() if journal["pending"] or journal["dead"]
    }
    if waiting:
        return [f"journals: {waiting}"]
    digests = {site.name: site.digest() for site in sites}
    if len(set(digests.values())) != 1:
        return [f"digests differ: {digests}"]
    found = [each for site in sites for each in _differences_of(ledger, site)]
    if found or not histories:
        return found
    return _histories(ledger, sites) + _disputes(ledger, sites[0])


def _differences_of(ledger: Ledger, site: Site) -> list[str]:
    found = []
    for place, edits in ledger.edits.items():
        data = site.get(place)["data"]
        if data != edits:
            found.append(f"{site.name}: {place}: {_apart(edits, data)}")
    insights = Counter(each["content"] for each in site.pages(f"{ledger.shared}entries/"))
    if insights != Counter(ledger.insights):
        found.append(f"{site.name}: insights: {_apart(Counter(ledger.insights), insights)}")
    there = site.pages("contexts/task/", branch_id=ledger.name)
    tasks = Counter(each["id"] for each in there)
    del tasks[f"{ledger.name}-shared"]
    if tasks != Counter(ledger.tasks):
        found.append(f"{site.name}: tasks: {_apart(Counter(ledger.tasks), tasks)}")
    return found


def _apart(expected: dict[str, Any], there: dict[str, Any]) -> str:
    lost = {name: each for name, each in expected.items() if there.get(name) != each}
    more = {name: each for name, each in there.items() if expected.get(name) != each}
    return f"acknowledged and not there {lost}, there and not acknowledged {more}"


def _histories(ledger: Ledger, sites: Sequence[Site]) -> list[str]:
    """Every edit is one version, everywhere the same."""
    found = []
    for place, edits in ledger.edits.items():
        told = {site.name: site.pages(f"{place}history/") for site in sites}
        first = told[sites[0].name]
        if [each["version"] for each in first] != list(range(len(edits) + 1, 0, -1)):
            found.append(f"{place}: {len(edits)} edits, but versions {_versions(first)}")
        for name, history in told.items():
            if history != first:
                found.append(f"{place}: another history on {name}: {_versions(history)}")
    return found


def _versions(history: list[Any]) -> list[Any]:
    return [(each["version"], each["revision"][:10], each["actor"]) for each in history]


def _disputes(ledger: Ledger, hub: Site) -> list[str]:
    """Each value that was written to the disputed path is in the history or in a conflict."""
    history = hub.pages(f"{ledger.branch}history/")
    kept = json.dumps([[each["diff"] for each in history], hub.pages("conflicts/")])
    return [f"{value} is lost" for value in ledger.disputed if f'"{value}"' not in kept]
