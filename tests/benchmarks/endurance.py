"""What a server is like after very many requests, nine in ten of them reads.

`python -m tests.benchmarks.endurance [REQUESTS] [--json]`: its memory after the first 10,000 and
after all, how many a second there were, and how often the cache had what a read needed. Reads are
`resolved/` of a thousand tasks, some far more often than others; writes PATCH one key.
"""

import json
import random
import sys

from tests.benchmarks import load, servers
from tests.benchmarks.table import tell

REQUESTS, FIRST = 1_000_000, 10_000
TASKS = 1_000


def main(requests: int) -> None:
    with servers.ours(TASKS) as instance:
        key = instance.credentials()["agent_key"]
        chance = random.Random(1)

        def one() -> bytes:
            # Of few tasks most is read and written, as agents do.
            place = f"/api/v1/contexts/task/t{int(TASKS * chance.random() ** 2)}/"
            if chance.random() < 0.9:
                return load.request(instance.url, f"{place}resolved/", key)
            body = json.dumps({"data": {"edited": chance.random()}}).encode()
            return load.request(instance.url, place, key, method="PATCH", body=body)

        figures: dict[str, float] = {}
        for name, count in (("first", FIRST), ("all", requests - FIRST)):
            measured = load.measure(instance.url, (one() for _ in range(count)))
            figures[f"{name}: requests a second"] = measured.a_second
            figures[f"{name}: p99 in ms"] = measured.quantile(0.99)
            figures[f"{name}: memory in MiB"] = servers.memory(instance) / 2**20
        with instance.client() as client:
            cache = client.get("api/v1/health/").json()["cache"]
        figures["cache hit rate"] = 100 * cache["hit_rate"]
        against = {"all: memory in MiB": "first: memory in MiB"}
        tell(f"{requests:,} requests, nine in ten of them reads", figures, "", against)


if __name__ == "__main__":
    given = [int(each) for each in sys.argv[1:] if each != "--json"]
    main(*(given or [REQUESTS]))
