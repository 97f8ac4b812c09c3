"""A hub and its nodes as processes of their own, as an operator runs them."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx

from tests.faults.proxy import Proxy
from tests.faults.services import until
from tests.instances import ROOT, Instance, temporary_database

WORKER = ("worker", "--loglevel", "warning")
BEAT = ("beat", "--loglevel", "warning")
# More would only be longer on their way.
AT_ONCE = 3
REQUEST = " contextsys.request "


class Site(Instance):
    """An instance that keeps its port; with a broker its worker and beat are processes too."""

    def __init__(
        self, name: str, folder: Path, database_url: str, environment: dict[str, str]
    ) -> None:
        self.folder = folder / name
        self.folder.mkdir()
        super().__init__(self.folder / "home", database_url, environment)
        self.name = name
        self._proxy: Proxy | None = None
        self._port = 0
        self._celery: dict[str, subprocess.Popen[bytes]] = {}
        self._groups: list[int] = []

    def reached_by(self, proxy: Proxy) -> None:
        """Makes `proxy` the way to the hub; it ends with the site."""
        self._proxy = proxy

    @property
    def proxy(self) -> Proxy:
        """The way to the hub, of a node."""
        assert self._proxy is not None, f"{self.name} has no hub"
        return self._proxy

    def start(self, *arguments: str) -> None:
        """Runs `serve`, at first on a free port, then on that one again."""
        super().start(*arguments, "--port", str(self._port))
        self._port = int(self.url.rstrip("/").rpartition(":")[2])

    def start_all(self) -> None:
        """Runs `serve`, and with a broker a worker and beat beside it."""
        self.start()
        if "CELERY_BROKER_URL" in self.environment:
            self.start_celery(*WORKER)
            self.start_celery(*BEAT)

    def start_celery(self, *command: str) -> None:
        """Runs a worker or beat; it is there when the process is."""
        self.kill_celery(command[0])
        with (self.folder / f"{command[0]}.log").open("a") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "contextsys", *command],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._celery[command[0]] = process
        self._groups.append(process.pid)

    def kill_celery(self, which: str) -> None:
        """SIGKILL to the worker or beat, and not to what it forked."""
        if (process := self._celery.pop(which, None)) is not None:
            process.kill()
            process.wait()

    def close(self) -> None:
        """Ends all of it."""
        self.kill()
        for which in list(self._celery):
            self.kill_celery(which)
        for group in self._groups:
            # What a killed worker had forked.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
        if self._proxy is not None:
            self._proxy.close()

    def client(self, key: str | None = None) -> httpx.Client:
        """Like an `Instance`'s, without the certificates that take long to load."""
        key = key if key is not None else self.credentials()["agent_key"]
        return httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {key}"},
            timeout=60,
            verify=False,
        )

    def get(self, path: str, **query: Any) -> Any:
        """What the API answers at `path`, as JSON; a refusal fails the test."""
        with self.client() as client:
            answer = client.get(f"api/v1/{path}", params=query)
        assert answer.status_code == 200, f"{self.name}: {path}: {answer.text}"
        return answer.json()

    def pages(self, path: str, **query: Any) -> list[Any]:
        """All rows of a list."""
        found: list[Any] = []
        with self.client() as client:
            address: str | None = f"api/v1/{path}"
            query = {"page_size": 500, **query}
            while address:
                answer = client.get(address, params=query or None)
                assert answer.status_code == 200, f"{self.name}: {path}: {answer.text}"
                found += answer.json()["results"]
                # It holds the query already.
                address, query = answer.json()["next"], {}
        return found

    def has(self, path: str) -> bool:
        """Whether there is anything at `path`."""
        with self.client() as client:
            return client.get(f"api/v1/{path}").status_code == 200

    def digest(self) -> str:
        return str(self.get("sync/status/")["digest"])

    def journal(self) -> dict[str, Any]:
        told: dict[str, Any] = self.get("health/")["journal"]
        return told


class Cluster:
    """A hub and its nodes, each node behind a proxy of its own."""

    def __init__(self, folder: Path, hub_database: str) -> None:
        self.folder = folder
        self.hub = Site("hub", folder, hub_database, {})
        self.nodes: list[Site] = []

    @property
    def sites(self) -> list[Site]:
        return [self.hub, *self.nodes]

    def start(self, *nodes: dict[str, str], hub: dict[str, str] | None = None) -> None:
        """Starts the hub with a branch `b1`, then a node with each of these environments."""
        self.hub.environment |= hub or {}
        self.hub.start()
        with self.hub.client() as client:
            place = {"id": "b1", "project_id": "p1"}
            made = client.post("api/v1/contexts/branch/?create_parents=true", json=place)
            assert made.status_code == 201, made.text
        new = [self.add_node(f"node{number}", **each) for number, each in enumerate(nodes, 1)]
        for first in range(0, len(new), AT_ONCE):
            at_once([node.start_all for node in new[first : first + AT_ONCE]])
        self.in_step(60)

    def add_node(self, name: str, **environment: str) -> Site:
        """A node that is not started yet, with SQLite and without Redis unless it is told so."""
        proxy = Proxy(lambda: self.hub.url)
        told = {
            "DATABASE_URL": f"sqlite:///{self.folder / name}.sqlite3",
            "REDIS_URL": "",
            "CONTEXTSYS_CLOUD_URL": proxy.url,
            "CONTEXTSYS_CLOUD_KEY": self.hub.credentials()["agent_key"],
        }
        node = Site(name, self.folder, "", {**told, **environment})
        node.reached_by(proxy)
        self.nodes.append(node)
        return node

    def in_step(self, seconds: float) -> float:
        """Waits until all hold the same contexts and nothing waits in a journal."""
        return until("all hold the same", self._is_in_step, seconds)

    def _is_in_step(self) -> bool:
        if any(node.journal()["pending"] for node in self.nodes):
            return False
        return len({site.digest() for site in self.sites}) == 1

    def close(self) -> None:
        for site in self.sites:
            site.close()

    def logs(self) -> str:
        """The ends of everyone's logs, for a failure."""
        told = []
        for site in self.sites:
            for log in sorted(site.folder.glob("*.log")):
                lines = [line for line in log.read_text().splitlines() if REQUEST not in line]
                told += [f"--- {site.name}: {log.name}", *lines[-40:]]
        return "\n".join(told)


def at_once(works: list[Callable[[], Any]]) -> None:
    """Does all at the same time; the first that raised raises here."""
    errors: list[BaseException] = []

    def guarded(work: Callable[[], Any]) -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


@contextlib.contextmanager
def cluster_in(folder: Path) -> Iterator[Cluster]:
    """The hub on a database of the kind that the suite runs on, nodes on SQLite as on laptops."""
    with contextlib.ExitStack() as stack:
        cluster = Cluster(folder, stack.enter_context(temporary_database(folder)))
        stack.callback(cluster.close)
        yield cluster
