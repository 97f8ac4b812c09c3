"""`health/`, `health/live`, and what is answered while the database is away."""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from rest_framework.test import APIClient

from contexts import cache
from contexts.models import Feed
from contextsys import health
from tests.instances import Instance

HEALTH = "/api/v1/health/"
LIVE = "/api/v1/health/live"


def test_live_needs_neither_key_nor_database() -> None:
    # Without the fixture `db` every query is an error.
    answer = APIClient().get(LIVE)
    assert (answer.status_code, answer.json()) == (200, {"status": "live"})


@pytest.mark.parametrize("key", [None, "Bearer wrong", "Basic eDp5"])
def test_health_needs_a_key(db: None, key: str | None) -> None:
    answer = APIClient().get(HEALTH, headers={"Authorization": key} if key else {})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json()["success"] is False


def test_health_tells_of_every_part(reader_client: APIClient) -> None:
    cache.counts.hits, cache.counts.misses = 3, 1
    answer = reader_client.get(HEALTH)
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "healthy",
        "database": {"status": "healthy"},
        "sync": {"status": "disabled", "pending_syncs": 0, "last_sync": None},
        "cache": {"status": "healthy", "hit_rate": 0.75},
        "journal": {"status": "disabled", "pending": 0, "dead": 0, "oldest_pending_seconds": 0},
    }


def test_many_pending_syncs_degrade_it(
    reader_client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = {"status": "degraded", "pending_syncs": 100, "last_sync": None}
    monkeypatch.setattr(health, "sync_health", lambda: sync)
    answer = reader_client.get(HEALTH)
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")


def test_a_database_that_hangs_keeps_nobody_waiting(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()

    class Hanging:
        @staticmethod
        def exists() -> bool:
            return released.wait(60)

    probe = health.Probe()
    with monkeypatch.context() as patched:
        patched.setattr(Feed, "objects", Hanging)
        assert not probe.answers(0.01)
        # The one question is still open: asking again asks no second one.
        threads = threading.active_count()
        assert not probe.answers(0.01)
        assert threading.active_count() == threads
        released.set()
        assert probe.answers(60)
    assert probe.answers(60)


@contextlib.contextmanager
def database_away(instance: Instance) -> Iterator[None]:
    """Takes the running instance's database away, and gives it back."""
    url = instance.environment["DATABASE_URL"]
    if not url.startswith("postgres"):
        path = Path(url.removeprefix("sqlite:///"))
        files = [path, *(path.with_name(path.name + end) for end in ("-wal", "-shm"))]
        moved = {file: file.with_name(f"away-{file.name}") for file in files if file.exists()}
        for file, aside in moved.items():
            file.rename(aside)
        path.mkdir()
        yield
        path.rmdir()
        for file, aside in moved.items():
            aside.rename(file)
        return
    server, name = url.rsplit("/", 1)
    assert urlsplit(url).path == f"/{name}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
        )
        yield
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


@pytest.mark.one_process
def test_without_its_database_it_answers_503_and_comes_back_by_itself(instance: Instance) -> None:
    context = "/api/v1/contexts/global/global/"
    with instance.client() as client, instance.client("wrong") as stranger:
        assert client.get(HEALTH).status_code == 200
        with database_away(instance):
            for each in (client, stranger):
                gone = each.get(HEALTH)
                assert gone.status_code == 503
                assert gone.json() == {
                    "status": "unavailable",
                    "database": {"status": "unavailable"},
                    "sync": {"status": "unknown"},
                    "cache": {"status": "healthy"},
                    "journal": {"status": "unknown"},
                }
            for answer in (
                client.get(context),
                client.patch(context, json={"data": {"a": 1}}),
                client.get("/api/v1/changes/?since=0&wait=5"),
                client.get("/api/v1/nothing/"),
            ):
                assert answer.status_code == 503
                assert answer.json()["code"] == "database_unavailable"
                assert answer.json()["success"] is False
                assert "SELECT" not in answer.text
            assert client.get(LIVE).status_code == 200
        while client.get(HEALTH).status_code == 503:
            assert instance.process is not None
            assert instance.process.poll() is None
        while (answer := client.get(context)).status_code == 503:
            pass
        assert answer.json()["data"] == {}
    assert instance.stop() == 0
    assert "SELECT" not in instance.log()
