"""Reads over HTTP, against the framework's floor, a stock DRF view and a bare SELECT.

`python -m tests.benchmarks.reads [--json]`, on SQLite or on `DATABASE_URL` and `REDIS_URL`.
"""

import json
import os
import time
from functools import partial

import psycopg

from tests.benchmarks import load, servers
from tests.benchmarks.documents import document
from tests.benchmarks.table import in_turns, tell

TASKS = 1000
ROUNDS = 5
SECONDS = 2.0
SELECTS = 3000


def main() -> None:
    with servers.ours(TASKS) as instance, servers.stock() as stock:
        asked = partial(load.request, instance.url, key=instance.credentials()["agent_key"])

        resolved = "/api/v1/contexts/task/t{}/resolved/"

        def rate(url: str, request: bytes, status: int = 200) -> float:
            return load.measure(url, [request], seconds=SECONDS, status=status).a_second

        def conditional() -> float:
            with instance.client() as client:
                etag = client.get(resolved.format(0)[1:]).headers["ETag"]
            return rate(instance.url, asked(resolved.format(0), etag=etag), 304)

        def cold() -> float:
            # An edit at the top is one of everything below: no fold is in the cache any more.
            with instance.client() as client:
                body = {"data": {"edited": time.time()}}
                client.patch("api/v1/contexts/global/global/", json=body).raise_for_status()
            requests = [asked(resolved.format(number)) for number in range(500)]
            return load.measure(instance.url, requests).a_second

        ours = partial(rate, instance.url)
        figures = in_turns(
            {
                "health/live": partial(ours, load.request(instance.url, "/api/v1/health/live")),
                "stock DRF retrieve": partial(rate, stock, load.request(stock, "/documents/t0/")),
                "contexts/task/t0/": partial(ours, asked("/api/v1/contexts/task/t0/")),
                "resolved/ warm": partial(ours, asked(resolved.format(0))),
                "resolved/ If-None-Match": conditional,
                "resolved/ cold": cold,
            },
            ROUNDS,
        )
        tell(
            "Reads over HTTP, 4 connections",
            figures,
            "a second",
            {
                "contexts/task/t0/": "stock DRF retrieve",
                "resolved/ warm": "stock DRF retrieve",
                "resolved/ If-None-Match": "health/live",
                "resolved/ cold": "stock DRF retrieve",
            },
        )
        live = {name: figures[name] for name in ("health/live", "resolved/ warm")}
        tell("The same against health/live", live, "a second", {"resolved/ warm": "health/live"})
    if os.environ.get("DATABASE_URL", "").startswith("postgres"):
        tell("The database's floor", {"indexed SELECT by psycopg": _selects()}, "a second", {})


def _selects() -> float:
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("CREATE TEMP TABLE documents (name text PRIMARY KEY, data jsonb)")
        for number in range(TASKS):
            body = json.dumps(document(number))
            connection.execute("INSERT INTO documents VALUES (%s, %s)", [f"t{number}", body])
        began = time.perf_counter()
        for number in range(SELECTS):
            name = f"t{number % TASKS}"
            row = connection.execute("SELECT data FROM documents WHERE name = %s", [name])
            assert row.fetchone() is not None
        return SELECTS / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
