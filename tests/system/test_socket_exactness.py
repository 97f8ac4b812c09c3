"""Sockets of running servers: exact over lost hints, disconnects, restarts and a lost Redis."""

import asyncio
import random
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.instances import Instance, temporary_database
from tests.system.sockets import Listener, hear, opened, p99, say, seqs, until

SIZES = [
    pytest.param(100, 2000, 200, id="100 sockets"),
    pytest.param(100, 50_000, 5_000, id="nightly", marks=pytest.mark.nightly),
]
# Channels of one message; Redis pub/sub has none to fill.
NARROW = {"DJANGO_SETTINGS_MODULE": "tests.system.narrow_layer"}
WRITERS = 4
BRANCHES = 10


@pytest.fixture
def private_redis(tmp_path: Path) -> Iterator["Redis"]:
    redis = Redis(tmp_path)
    redis.start()
    yield redis
    redis.kill()


class Redis:
    """A Redis of our own, that may be killed."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--save", "", "--dir", str(self._folder)],
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.05)
        raise AssertionError("redis-server did not start")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def prepare(instance: Instance) -> None:
    """Ten branches with a task each, in two projects."""
    with instance.client() as client:
        for number in range(BRANCHES):
            made = client.post(
                "api/v1/contexts/task/?create_parents=true",
                json={
                    "id": f"t{number}",
                    "branch_id": f"b{number}",
                    "project_id": f"p{number % 2}",
                },
            )
            made.raise_for_status()


def listeners(urls: list[str], key: str, count: int) -> list[Listener]:
    """Sockets at every level, some of them with all below."""
    places = [("task", "t{}", False), ("branch", "b{}", True), ("project", "p{}", True)]
    made = []
    for number in range(count - 1):
        level, name, descendants = places[number % 3]
        size = 2 if level == "project" else BRANCHES
        made.append(Listener(urls, key, level, name.format(number // 3 % size), descendants))
    # One hears everything.
    return [*made, Listener(urls, key, "global", "global", True)]


async def write(urls: list[str], key: str, changes: int, name: int) -> None:
    """Edits at all levels, deletions and new contexts among them."""
    headers = {"Authorization": f"Bearer {key}"}
    rng = random.Random(name)
    async with httpx.AsyncClient(headers=headers, timeout=60) as client:
        for number in range(changes):
            api = f"{rng.choice(urls)}api/v1/contexts/"
            task = rng.randrange(BRANCHES)
            draw = rng.random()
            if draw < 0.1:
                body = {"id": f"w{name}.{number}", "branch_id": f"b{task}"}
                answer = await client.post(f"{api}task/", json=body)
            elif draw < 0.3:
                answer = await client.post(
                    f"{api}task/t{task}/progress/", json={"content": f"{name} {number}"}
                )
            else:
                place = rng.choice(
                    [f"task/t{task}", f"task/t{task}", f"branch/b{task}", f"project/p{task % 2}"]
                )
                answer = await client.patch(f"{api}{place}/", json={"data": {f"by{name}": number}})
            assert answer.status_code in (200, 201), answer.text


@asynccontextmanager
async def listening(sockets: list[Listener]) -> Any:
    tasks = [asyncio.create_task(each.run()) for each in sockets]
    try:
        await asyncio.wait_for(asyncio.gather(*(each.begun.wait() for each in sockets)), 120)
        yield
        for task in tasks:
            # A listener that found something wrong has ended with it.
            if task.done():
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def disturb(sockets: list[Listener], cuts: int, writing: asyncio.Future[Any]) -> int:
    """Cuts sockets off at random while there is writing, as often as asked."""
    rng, done = random.Random(1), 0
    while done < cuts:
        rng.choice(sockets).cut()
        done += 1
        await asyncio.sleep(0 if writing.done() else rng.uniform(0, 0.06))
    return done


def assert_exact(sockets: list[Listener], client: httpx.Client) -> None:
    """Each heard exactly what of the feed concerns it."""
    since, feed = 0, []
    while True:
        page = client.get(f"api/v1/changes/?since={since}&limit=500").json()
        feed += page["changes"]
        since = page["next"]
        if not page["more"]:
            break
    parents = {f"t{number}": f"b{number}" for number in range(BRANCHES)}
    parents |= {f"b{number}": f"p{number % 2}" for number in range(BRANCHES)}
    for change in feed:
        if change["level"] == "task" and change["context_id"].startswith("w"):
            row = client.get(f"api/v1/contexts/task/{change['context_id']}/").json()
            parents[change["context_id"]] = row["branch_id"]
    for each in sockets:
        begun = each.heard[0]["previous_seq"] if each.heard else 0
        wanted = []
        for change in feed:
            line = [change["context_id"]]
            while line[-1] in parents:
                line.append(parents[line[-1]])
            own = [each.context_id]
            while own[-1] in parents:
                own.append(parents[own[-1]])
            above = change["context_id"] in own or change["level"] == "global"
            below = each.descendants and (each.context_id in line or each.level == "global")
            if change["seq"] > begun and (above or below):
                wanted.append(change["seq"])
        assert seqs(each) == wanted, (each.level, each.context_id)


async def scene(
    instances: list[Instance],
    count: int,
    changes: int,
    cuts: int,
    meanwhile: Callable[[], Any] | None = None,
) -> float:
    """Everything at once; the p99 from commit to client of those never cut off."""
    urls = [each.url for each in instances]
    key = instances[0].credentials()["agent_key"]
    sockets = listeners(urls, key, count)
    steady = [*sockets[: count // 10], sockets[-1]]
    with instances[0].client() as client:
        async with listening(sockets):
            writing = asyncio.gather(
                *(write(urls, key, changes // WRITERS, name) for name in range(WRITERS))
            )
            cutting = asyncio.create_task(disturb(sockets[count // 10 : -1], cuts, writing))
            if meanwhile is not None:
                await until(lambda: len(sockets[-1].heard) > changes // 4, 600)
                await asyncio.to_thread(meanwhile)
            await writing
            await cutting
            head = client.get("api/v1/changes/").json()["head"]
            assert head >= changes
            await until(lambda: sockets[-1].since == head)
            await until(lambda: _settled(sockets))
            assert_exact(sockets, client)
    assert sum(each.connections for each in sockets) > count
    return p99([late for each in steady for late in each.late])


_counts: dict[int, tuple[float, int]] = {}


def _settled(sockets: list[Listener]) -> bool:
    """Whether nothing came for a while, and all are connected again."""
    total = sum(len(each.heard) for each in sockets)
    now = time.monotonic()
    at, before = _counts.get(id(sockets), (now, -1))
    if total != before:
        _counts[id(sockets)] = (now, total)
        return False
    return now - at > 3


@pytest.mark.once
@pytest.mark.parametrize(("count", "changes", "cuts"), SIZES)
def test_every_sequence_is_exact_over_disconnects_without_redis(
    start_instance: Callable[..., Instance],
    count: int,
    changes: int,
    cuts: int,
) -> None:
    instance = start_instance(REDIS_URL="", **NARROW)
    prepare(instance)
    late = asyncio.run(scene([instance], count, changes, cuts))
    print(f"p99 {late:.3f} s")
    assert late < 3


@pytest.mark.services
@pytest.mark.parametrize(("count", "changes", "cuts"), SIZES)
def test_every_sequence_is_exact_over_disconnects_and_a_lost_redis(
    tmp_path: Path, private_redis: Redis, count: int, changes: int, cuts: int
) -> None:
    with temporary_database(tmp_path) as database_url:
        # Two servers on one database, as a larger site has them.
        pair = [
            Instance(tmp_path / "home", database_url, {"REDIS_URL": private_redis.url})
            for _ in range(2)
        ]

        def lose_redis() -> None:
            private_redis.kill()
            time.sleep(2)
            private_redis.start()

        try:
            for each in pair:
                each.start()
            prepare(pair[0])
            late = asyncio.run(scene(pair, count, changes, cuts, lose_redis))
            print(f"p99 {late:.3f} s")
        finally:
            for each in pair:
                each.kill()
    assert late < 3


def test_a_restart_of_the_server_is_survived(start_instance: Callable[..., Instance]) -> None:
    instance = start_instance()
    prepare(instance)
    key = instance.credentials()["agent_key"]

    async def play() -> None:
        urls = [instance.url]
        sockets = listeners(urls, key, 10)
        async with listening(sockets):
            await write(urls, key, 20, 1)
            assert await asyncio.to_thread(instance.stop) == 0
            # What a command writes while no server runs.
            await asyncio.to_thread(
                instance.manage,
                "import_transcript",
                "tests/data/transcripts/hello-world-script.jsonl",
            )
            await asyncio.to_thread(instance.start)
            urls[:] = [instance.url]
            await write(urls, key, 20, 2)
            with instance.client() as client:
                head = client.get("api/v1/changes/").json()["head"]
                await until(lambda: sockets[-1].since == head)
                assert sockets[-1].connections > 1
                assert seqs(sockets[-1]) == list(range(sockets[-1].heard[0]["seq"], head + 1))

    asyncio.run(play())


def test_a_change_made_by_a_command_reaches_who_listens(instance: Instance) -> None:
    async def play() -> None:
        listener = Listener(
            [instance.url], instance.credentials()["agent_key"], "global", "global", True
        )
        async with listening([listener]):
            await asyncio.to_thread(
                instance.manage,
                "import_transcript",
                "tests/data/transcripts/hello-world-script.jsonl",
            )
            with instance.client() as client:
                head = client.get("api/v1/changes/").json()["head"]
            await until(lambda: listener.since == head, 10)

    asyncio.run(play())


def test_a_command_that_revokes_closes_open_sockets(instance: Instance) -> None:
    key = instance.manage("create_agent", "guest", "--role", "reader").stdout.strip()

    async def play() -> None:
        socket = await opened(instance.url, key)
        await say(socket, "subscribe", level="global", context_id="global")
        assert (await hear(socket))["type"] == "subscribed"
        await asyncio.to_thread(instance.manage, "revoke_agent", "guest")
        started = time.monotonic()
        await asyncio.wait_for(socket.wait_closed(), 10)
        assert socket.close_code == 4401
        assert time.monotonic() - started < 8

    asyncio.run(play())
