"""Following the feed of a running server."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.instances import Instance

API = "api/v1/"


def test_a_waiting_reader_gets_the_change_when_it_is_made(instance: Instance) -> None:
    with instance.client() as client, ThreadPoolExecutor() as pool:
        head = client.get(f"{API}changes/").json()["head"]
        # 40 wait at once: more than there are database connections.
        waiting = [
            pool.submit(client.get, f"{API}changes/?since={head}&wait=50") for _ in range(40)
        ]
        made = client.post(f"{API}contexts/project/", json={"id": "p1"})
        assert made.status_code == 201
        for each in waiting:
            answer: Any = each.result(timeout=45).json()
            assert [change["context_id"] for change in answer["changes"]] == ["p1"]
            assert answer["next"] == head + 1


def test_a_wait_without_a_change_ends_empty(instance: Instance) -> None:
    with instance.client() as client:
        head = client.get(f"{API}changes/").json()["head"]
        answer = client.get(f"{API}changes/?since={head}&wait=1").json()
        assert (answer["changes"], answer["next"], answer["more"]) == ([], head, False)


def test_a_change_by_a_command_reaches_a_waiting_reader(instance: Instance) -> None:
    with instance.client() as client, ThreadPoolExecutor() as pool:
        head = client.get(f"{API}changes/").json()["head"]
        waiting = pool.submit(client.get, f"{API}changes/?since={head}&wait=50")
        instance.manage("import_transcript", "tests/data/transcripts/hello-world-script.jsonl")
        assert waiting.result(timeout=45).json()["changes"][0]["seq"] == head + 1
