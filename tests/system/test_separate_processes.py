"""Web, worker and beat as processes of their own, on PostgreSQL and Redis or RabbitMQ: what a
larger site runs (README, "Running a hub").
"""

import contextlib
import os
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import kombu
import pytest

from tests.faults.services import PrivateRedis, until
from tests.instances import Instance, temporary_database
from tests.system.processes import WORKER, Process

pytestmark = pytest.mark.services
# On a machine that has other things to do.
PATIENCE = 60.0
# Longer than the sweep and the first backoff: a web process that pushed would have.
LONG_PENDING = 4.0
# Longer than what beat has begun goes on: a stretch of following, and one more that was due.
WITHOUT_BEAT = 15.0
RABBITMQ = os.environ.get("RABBITMQ_URL", "")
QUEUE = "contextsys"


class Pair:
    """A hub, and a node whose parts are started one by one; both have the same organization."""

    def __init__(self, stack: contextlib.ExitStack, folder: Path, **environment: str) -> None:
        self._stack = stack
        self._folder = folder
        self.hub = self._instance("hub")
        self.hub.start()
        self.key = self.hub.manage("create_agent", "node", "--role", "writer").stdout.strip()
        self._environment = {
            **environment,
            "CONTEXTSYS_CLOUD_URL": self.hub.url,
            "CONTEXTSYS_CLOUD_KEY": self.key,
        }
        self.node = self._instance("node", **self._environment)
        self.node.start()

    def _instance(self, name: str, **environment: str) -> Instance:
        (self._folder / name).mkdir()
        url = self._stack.enter_context(temporary_database(self._folder / name))
        instance = Instance(self._folder / name / "home", url, environment)
        self._stack.callback(instance.kill)
        return instance

    def another_web(self) -> Instance:
        """One more `serve` of the node."""
        same = Instance(self.node.home, "", self.node.environment)
        self._stack.callback(same.kill)
        same.start()
        return same

    def celery(self, *command: str) -> Process:
        process = Process(self.node, *command)
        self._stack.callback(process.close)
        return process


def write(instance: Instance, project_id: str) -> None:
    with instance.client() as client:
        answer = client.post("/api/v1/contexts/project/", json={"id": project_id})
    assert answer.status_code == 201, answer.text


def has(instance: Instance, *project_ids: str) -> Callable[[], bool]:
    def holds() -> bool:
        with instance.client() as client:
            paths = [f"/api/v1/contexts/project/{each}/" for each in project_ids]
            return all(client.get(path).status_code == 200 for path in paths)

    return holds


def journal(instance: Instance) -> dict[str, float]:
    with instance.client() as client:
        told: dict[str, float] = client.get("/api/v1/health/").json()["journal"]
    return told


def name_of(instance: Instance) -> str:
    """What the instance calls itself to others."""
    with instance.client() as client:
        return str(client.get("/api/v1/sync/status/").json()["node"])


@pytest.fixture
def stack() -> Iterator[contextlib.ExitStack]:
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.fixture
def redis(stack: contextlib.ExitStack) -> PrivateRedis:
    """One that no other test's instances talk over."""
    service = PrivateRedis()
    stack.callback(service.close)
    service.start()
    return service


def forget_queue() -> None:
    with kombu.Connection(RABBITMQ) as connection:
        kombu.Queue(QUEUE, channel=connection.default_channel).delete()


@pytest.fixture(params=["redis", "rabbitmq"] if RABBITMQ else ["redis"])
def pair(
    request: pytest.FixtureRequest,
    stack: contextlib.ExitStack,
    redis: PrivateRedis,
    tmp_path: Path,
) -> Pair:
    broker = redis.url(1)
    if request.param == "rabbitmq":
        broker = RABBITMQ
        forget_queue()
        stack.callback(forget_queue)
    return Pair(stack, tmp_path, REDIS_URL=redis.url(0), CELERY_BROKER_URL=broker)


def test_the_worker_carries_changes_both_ways_and_each_process_ends_when_asked(pair: Pair) -> None:
    hub, node = pair.hub, pair.node
    write(node, "before-the-worker")
    until(
        "a change that nobody sends",
        lambda: journal(node)["oldest_pending_seconds"] > LONG_PENDING,
        PATIENCE,
    )
    assert not has(hub, "before-the-worker")()
    worker, beat = pair.celery(*WORKER), pair.celery("beat")
    until("the first change at the hub", has(hub, "before-the-worker"), PATIENCE)
    write(hub, "of-the-hub")
    until("the hub's change here", has(node, "of-the-hub"), PATIENCE)
    # Beat is for what was lost: the rest goes on without.
    assert beat.stop() == 0
    end = time.monotonic() + WITHOUT_BEAT
    while time.monotonic() < end:
        name = uuid.uuid4().hex
        write(node, f"n{name}")
        until("a change at the hub", has(hub, f"n{name}"), PATIENCE)
        write(hub, f"h{name}")
        until("a change from the hub", has(node, f"h{name}"), PATIENCE)
    assert worker.stop() == 0
    assert node.stop() == 0
    for log in (node.log(), worker.log.read_text(), beat.log.read_text()):
        assert "Traceback" not in log
        assert " ERROR " not in log


def test_two_of_each_do_what_one_does(
    stack: contextlib.ExitStack, redis: PrivateRedis, tmp_path: Path
) -> None:
    pair = Pair(stack, tmp_path, REDIS_URL=redis.url(0), CELERY_BROKER_URL=redis.url(1))
    name = name_of(pair.node)
    for number in range(2):
        pair.celery(*WORKER, "-n", f"worker-{number}@%h")
        pair.celery("beat")
    write(pair.node, "first")
    until("the first change at the hub", has(pair.hub, "first"), PATIENCE)
    # Others are pushing while this one starts.
    webs = [pair.node, pair.another_web()]
    written = [f"p-{number}" for number in range(20)]
    for number, project_id in enumerate(written):
        write(webs[number % 2], project_id)
    until("all changes at the hub", has(pair.hub, *written), PATIENCE)
    until("an empty journal", lambda: journal(pair.node)["pending"] == 0, PATIENCE)
    with pair.hub.client() as client:
        feed = client.get("/api/v1/changes/?since=0&limit=500").json()["changes"]
    ids = [each["context_id"] for each in feed if each["level"] == "project"]
    assert sorted(ids) == sorted(["first", *written])
    assert name_of(pair.node) == name


def test_a_write_waits_for_no_broker(
    stack: contextlib.ExitStack, redis: PrivateRedis, tmp_path: Path
) -> None:
    broker = PrivateRedis()
    stack.callback(broker.close)
    broker.start()
    pair = Pair(stack, tmp_path, REDIS_URL=redis.url(0), CELERY_BROKER_URL=broker.url(0))
    pair.celery(*WORKER)
    pair.celery("beat")
    write(pair.node, "up")
    until("a change with a broker", has(pair.hub, "up"), PATIENCE)
    assert broker.process is not None
    for number, away in enumerate((signal.SIGSTOP, signal.SIGKILL)):
        broker.process.send_signal(away)
        with pair.node.client() as client:
            client.timeout = httpx.Timeout(5)
            for each in range(5):
                path = "/api/v1/contexts/project/"
                answer = client.post(path, json={"id": f"away-{number}-{each}"})
                assert answer.status_code == 201
        if away == signal.SIGSTOP:
            broker.process.send_signal(signal.SIGCONT)
        else:
            broker.process.wait()
            broker.start()
        wanted = [f"away-{number}-{each}" for each in range(5)]
        until("all changes at the hub", has(pair.hub, *wanted), PATIENCE)
