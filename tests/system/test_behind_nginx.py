"""Two web processes, two workers and beat on one PostgreSQL and Redis, behind nginx as the README
configures it ("Running a hub"): whichever is killed, nobody notices for longer than a retry.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from contexts.transcripts.hooks import LARGEST_AT_ONCE
from tests.faults.services import until
from tests.instances import running
from tests.system.processes import Process, Site
from tests.system.sockets import Listener, seqs

pytestmark = pytest.mark.services
NOTICED_SECONDS = 5.0
PATIENCE = 90.0
WRITERS = 4


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with running(tmp_path, Site) as made:
        assert isinstance(made, Site)
        yield made


def kill_each_in_turn(site: Site) -> None:
    """SIGKILL to one process after the other; each is started again as systemd would."""
    for web in site.webs:
        port = web.url.rstrip("/").rpartition(":")[2]
        web.kill()
        time.sleep(1)
        web.start("--port", port)
    for number, worker in enumerate(site.workers):
        worker.close()
        time.sleep(1)
        site.workers[number] = site.worker(number)
    site.beat.close()
    time.sleep(1)
    site.beat = Process(site, "beat")


def write_on(site: Site, name: str, over: threading.Event, told: list[tuple[str, float]]) -> None:
    """Progress, and now and then a call that is too large to be read at once, until `over`."""
    with site.client() as client:
        number = 0
        while not over.is_set():
            number += 1
            text, began = f"{name} {number}", time.monotonic()
            hook = {
                "session_id": "s1", "cwd": "/home/me/shop", "hook_event_name": "PostToolUse",
                "tool_name": "Bash", "tool_input": {"command": text}, "tool_use_id": text,
                "tool_response": {"stdout": "x" * (2 * LARGEST_AT_ONCE)},
            }  # fmt: skip
            is_large = number % 10 == 0
            path = "hooks/claude-code/" if is_large else "contexts/task/t1/progress/"
            body: dict[str, Any] = hook if is_large else {"content": text}
            while True:
                with contextlib.suppress(httpx.TransportError):
                    answer = client.post(
                        f"api/v1/{path}",
                        json=body,
                        headers={} if is_large else {"Idempotency-Key": text},
                        timeout=PATIENCE,
                    )
                    if answer.is_success:
                        break
                    assert answer.status_code in (502, 503), answer.text
                time.sleep(0.05)
            told.append((text, time.monotonic() - began))


def test_whichever_process_is_killed_nothing_is_lost_and_nobody_waits_long(site: Site) -> None:
    with site.client() as client:
        place = {"id": "t1", "branch_id": "b1", "project_id": "p1"}
        made = client.post("api/v1/contexts/task/?create_parents=true", json=place)
        assert made.status_code == 201, made.text
        told: list[tuple[str, float]] = []
        heard = asyncio.run(_heard(site, told))
        feed: list[dict[str, Any]] = []
        path = "api/v1/sync/changes/?limit=500&since="
        while page := client.get(f"{path}{len(feed)}").json()["changes"]:
            feed += page
    slowest = max(seconds for _, seconds in told)
    print(f"{len(told)} writes, the slowest took {slowest:.2f} s")
    assert slowest < NOTICED_SECONDS
    # Each is there once, and who listened heard of each.
    assert [each["seq"] for each in feed] == list(range(1, len(feed) + 1))
    added = [each for each in feed if each["operation"] == "entry_added"]
    assert len({each["entry"]["id"] for each in added}) == len(added) == len(told) > 100
    assert heard == list(range(heard[0], len(feed) + 1))
    assert heard[0] <= added[0]["seq"]


async def _heard(site: Site, told: list[tuple[str, float]]) -> list[int]:
    """Kills each process while others write; the numbers that a socket through nginx heard."""
    listener = Listener(
        [site.url], site.credentials()["agent_key"], "global", "global", descendants=True
    )
    listening = asyncio.create_task(listener.run())
    await listener.begun.wait()
    over = threading.Event()
    writing = asyncio.gather(
        *(asyncio.to_thread(write_on, site, f"w{number}", over, told) for number in range(WRITERS))
    )
    await asyncio.to_thread(kill_each_in_turn, site)
    over.set()
    await writing
    await asyncio.to_thread(until, "all calls are read", lambda: _unread(site) == 0, PATIENCE)
    head = await asyncio.to_thread(_head, site)
    async with asyncio.timeout(PATIENCE):
        while listener.since != head:
            await asyncio.sleep(0.1)
    listening.cancel()
    return seqs(listener)


def _unread(site: Site) -> int:
    """How many large calls no worker has read yet."""
    with psycopg.connect(site.environment["DATABASE_URL"]) as connection:
        row = connection.execute("SELECT count(*) FROM contexts_pendingcall").fetchone()
    assert row is not None
    return int(row[0])


def _head(site: Site) -> int:
    with site.webs[0].client() as client:
        return int(client.get("api/v1/changes/?since=0&limit=1").json()["head"])
