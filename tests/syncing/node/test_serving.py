"""A node as it is run: one process that pushes and follows."""

import time
from collections.abc import Callable
from pathlib import Path

from contexts.levels import PROJECT
from tests.instances import Instance
from tests.syncing.hubs import (
    KEY,
    ORGANIZATION,
    Asked,
    Script,
    ScriptedHub,
    away,
    listening,
)

TRANSCRIPT = next((Path(__file__).parents[2] / "data" / "transcripts").glob("*.jsonl"))


def until(holds: Callable[[], bool], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def holding(hub: ScriptedHub) -> Script:
    """A hub that holds an empty answer, as a real one does."""

    def hold(asked: Asked) -> None:
        end = time.monotonic() + float(asked.query.get("wait", 0))
        while asked.path == "changes/" and int(asked.query["since"]) == len(hub.feed):
            if time.monotonic() > end or hub.script is away:
                return
            time.sleep(0.02)

    return hold


def test_a_serving_node_pushes_and_follows_and_logs_once_that_its_hub_goes_and_comes(
    hub: ScriptedHub, start_instance: Callable[..., Instance]
) -> None:
    hub.script = holding(hub)
    with listening(hub) as server:
        node = start_instance(CONTEXTSYS_CLOUD_URL=server.url, CONTEXTSYS_CLOUD_KEY=KEY)
        with node.client() as api:

            def make(name: str) -> str:
                answer = api.post("/api/v1/contexts/project/", json={"id": name})
                assert answer.status_code == 201
                return str(answer.json()["sync"]["status"])

            make("p1")
            until(lambda: hub.newest(PROJECT, "p1") is not None, "a write is pushed")
            hub.write(PROJECT, "p2", ORGANIZATION, data={"theirs": 1})
            there = "/api/v1/contexts/project/p2/"
            until(lambda: api.get(there).status_code == 200, "what others write comes")
            hub.script = away
            until(lambda: "does not answer" in node.log(), "its going is logged")
            assert make("p3") == "pending"
            asked = len(server.peers)
            until(lambda: len(server.peers) >= asked + 3, "it is asked again and again")
            hub.script = holding(hub)
            until(lambda: hub.newest(PROJECT, "p3") is not None, "what waited is pushed")
            until(lambda: "answers again" in node.log(), "its return is logged")
            # Nobody nudges for what is written past the server: only its sweep finds that.
            unaware = Instance(node.home, node.environment["DATABASE_URL"], {})
            unaware.manage("import_transcript", str(TRANSCRIPT), "--project", "p4")
            until(lambda: hub.newest(PROJECT, "p4") is not None, "the sweep finds it")
        assert node.stop() == 0
    log = node.log()
    assert (log.count("does not answer"), log.count("answers again")) == (1, 1)
    assert "Traceback" not in log
    assert KEY not in log
